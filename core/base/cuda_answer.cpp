#include "core/base/cuda_answer.hpp"

#include "core/base/parse_number.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace sluice {

std::string why_no_device(const CudaAnswer& answer) {
  if (answer.count > 0) return "";
  if (answer.driver == 0) return "no NVIDIA driver is on this machine";
  if (answer.too_old)
    return fmt::format("its NVIDIA driver serves CUDA up to {}, and this program needs {}: a newer driver is needed",
                       cuda_version_text(answer.driver), cuda_version_text(answer.runtime));
  if (answer.visible_set) return fmt::format("CUDA_VISIBLE_DEVICES={} names no device of this machine", answer.visible);
  return answer.error.empty() ? "the NVIDIA driver names no device" : fmt::format("the NVIDIA driver answers: {}", answer.error);
}

bool has_code_for(std::string_view architectures, int major, int minor) {
  const int device = 10 * major + minor;
  while (!architectures.empty()) {
    const std::string_view one = architectures.substr(0, architectures.find(' '));
    architectures.remove_prefix(std::min(architectures.size(), one.size() + 1));
    const std::size_t dash = one.find('-');
    const auto number = parse_number<int>(one.substr(0, dash));
    if (!number || *number > device) continue;
    const std::string_view kind = dash == one.npos ? "" : one.substr(dash + 1);
    const bool code = kind != "virtual" && *number / 10 == major, ptx = kind != "real";
    if (code || ptx) return true;
  }
  return false;
}

std::string cuda_version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

std::string driver_release(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n", kNumber = "0123456789.";
  for (std::size_t at = text.find_first_not_of(kBlanks); at != text.npos; at = text.find_first_not_of(kBlanks, at)) {
    const std::string_view word = text.substr(at, text.find_first_of(kBlanks, at) - at);
    if (word.find('.') != word.npos && word.find_first_not_of(kNumber) == word.npos) return std::string(word);
    at += word.size();
  }
  return "";
}

std::string uuid_text(std::span<const unsigned char, 16> bytes) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < bytes.size(); ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
  return text;
}

}  // namespace sluice
