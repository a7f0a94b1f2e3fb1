// Judges what the run-time library of CUDA answers, in plain values, so that it can be tested without a device.
// Gives: CudaAnswer, why_no_device(), has_code_for(), cuda_version_text(), driver_release(), uuid_text().
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// What the run-time library answers when it is asked for devices. Versions are numbers as CUDA gives them: 13000 is 13.0.
struct CudaAnswer {
  int driver = 0;        // the newest CUDA that the driver serves; 0: there is no driver
  int runtime = 0;       // the CUDA that this program runs on
  int count = 0;         // devices that this process may use
  bool too_old = false;  // the driver is older than the run-time library needs
  std::string error;     // the library's message, if it failed otherwise
  std::string visible;   // value of CUDA_VISIBLE_DEVICES
  bool visible_set = false;
};

/// Why no device can be used, as a clause for a message: "no NVIDIA driver is on this machine"; "" if there are devices.
std::string why_no_device(const CudaAnswer& answer);

/// Whether a program built for `architectures` has code for a device of compute capability major.minor. They are written as CMake's
/// CMAKE_CUDA_ARCHITECTURES, between blanks: "80-real" is code for 8.0, which also runs on later devices of the same major number, "100" is
/// that and PTX, and "90-virtual" PTX alone, from which the driver makes code for any later device.
bool has_code_for(std::string_view architectures, int major, int minor);

/// "13.0" of 13000.
std::string cuda_version_text(int version);

/// "580.65.06" of what the driver says of itself in /proc/driver/nvidia/version; "" if that names no release.
std::string driver_release(std::string_view text);

/// A device's UUID as nvidia-smi writes it, "GPU-5a3c...", from its 16 bytes.
std::string uuid_text(std::span<const unsigned char, 16> bytes);

}  // namespace sluice
