#include "recipes/stages/device_choice.hpp"

#include "core/base/error.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;

namespace {

const std::vector<std::string> kHosts = {"a", "a", "b", "b"};

CudaDevice device(const std::string& uuid, int major = 9) {
  return {major == 9 ? "NVIDIA H200" : major == 8 ? "NVIDIA A100" : "Tesla T4", "GPU-" + uuid, major, major == 7 ? 5 : 0, 150'000'000'000};
}

CudaDevices with(const std::vector<CudaDevice>& visible) {
  return {true, visible, "", "13.0", "580.65.06", "CUDA 13.0, cuDNN 9.19.0", "80-real 90"};
}
CudaDevices without(const char* why) { return {true, {}, why, "", "", "CUDA 13.0, cuDNN 9.19.0", "80-real 90"}; }

// Two nodes of two devices, one a rank.
std::vector<RankDevice> private_cards(int major_of_last = 9) {
  const CudaDevices a = with({device("1"), device("2")}), b = with({device("3"), device("4", major_of_last)});
  return {find_rank_device(a, 0), find_rank_device(a, 1), find_rank_device(b, 0), find_rank_device(b, 1)};
}

DeviceChoice choose(Device wanted, const std::vector<RankDevice>& devices, Device before = Device::kAuto, bool mixed = false) {
  return choose_device(wanted, mixed, kHosts, devices, before);
}

void check_refused(Device wanted, const std::vector<RankDevice>& devices, Device before, const std::string& expected) {
  try {
    choose(wanted, devices, before);
    FAIL("it was not refused");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kUsage);
    CHECK(std::string(error.what()) == expected);
  }
}

}  // namespace

TEST_CASE("a rank takes the device of its number on the node modulo the visible ones") {
  const CudaDevices two = with({device("1"), device("2")});
  for (const auto& [local, index] : {std::pair{0, 0}, {1, 1}, {2, 0}, {5, 1}}) CHECK(find_rank_device(two, local).index == index);
  CHECK(find_rank_device(with({device("9")}), 3).index == 0);  // Slurm's --gpus-per-task shows each rank one
  const RankDevice none = find_rank_device(without("no driver"), 1);
  CHECK(none.index == -1);
  CHECK(none.why_none == "no driver");
}

TEST_CASE("auto takes devices where all ranks have one, and says why not where a rank has none") {
  CHECK(choose(Device::kAuto, private_cards()).kind == Device::kCuda);
  CHECK(choose(Device::kAuto, private_cards()).text == "cuda, NVIDIA H200 (139.7 GiB, 9.0); one a rank");
  CHECK(choose(Device::kAuto, private_cards()).stored == "NVIDIA H200; CUDA 13.0, cuDNN 9.19.0, driver 580.65.06 for CUDA 13.0");
  CHECK(choose(Device::kCpu, private_cards()).text == "cpu");
  std::vector<RankDevice> some = private_cards();
  some[2] = find_rank_device(without("no NVIDIA driver is on this machine"), 0);
  CHECK(choose(Device::kAuto, some).kind == Device::kCpu);
  CHECK(choose(Device::kAuto, some).text == "cpu (rank 2 on b has no device: no NVIDIA driver is on this machine)");
  const RankDevice plain = find_rank_device(CudaDevices{}, 0);
  CHECK(choose(Device::kAuto, {plain, plain, plain, plain}).text == "cpu");
}

TEST_CASE("ranks that share a card are named with it, private cards of one index are not") {
  const CudaDevices one = with({device("1")});
  const std::vector<RankDevice> shared = {find_rank_device(one, 0), find_rank_device(one, 1), find_rank_device(with({device("3")}), 0),
                                          find_rank_device(with({device("4")}), 1)};
  CHECK(choose(Device::kCuda, shared).text == "cuda, NVIDIA H200 (139.7 GiB, 9.0); ranks 0-1 on a share GPU-1");
}

TEST_CASE("a device asked for that a rank cannot use is refused in one line that names rank and host") {
  std::vector<RankDevice> some = private_cards();
  some[3] = find_rank_device(without("CUDA_VISIBLE_DEVICES=7 names no device of this machine"), 1);
  check_refused(Device::kCuda, some, Device::kAuto,
                "device: cuda, but rank 3 on b has no device: CUDA_VISIBLE_DEVICES=7 names no device of this machine");
  check_refused(Device::kCuda, private_cards(7), Device::kAuto,
                "device: cuda, but rank 3 on b has Tesla T4 (compute capability 7.5), and this program's kernels were compiled for "
                "80-real 90: build it anew with -DCMAKE_CUDA_ARCHITECTURES=75");
  check_refused(Device::kCuda, private_cards(8), Device::kAuto,
                "device: cuda, but rank 0 on a has NVIDIA H200 (compute capability 9.0), rank 3 on b has NVIDIA A100 (compute capability "
                "8.0): they round differently, so replicas may part; set parallel.mixed_devices: true to accept that");
  CHECK(choose(Device::kCuda, private_cards(8), Device::kAuto, true).text ==
        "cuda, NVIDIA H200 (139.7 GiB, 9.0) (ranks 0-2 on a, b), NVIDIA A100 (139.7 GiB, 8.0) (rank 3 on b); one a rank");
  CHECK(choose(Device::kAuto, private_cards(8)).kind == Device::kCpu);
}

TEST_CASE("auto keeps what a run was computed on") {
  CHECK(choose(Device::kAuto, private_cards(), Device::kCpu).kind == Device::kCpu);
  CHECK(choose(Device::kAuto, private_cards(), Device::kCuda).kind == Device::kCuda);
  CHECK(choose(Device::kCuda, private_cards(), Device::kCpu).kind == Device::kCuda);
  const RankDevice none = find_rank_device(without("no NVIDIA driver is on this machine"), 0);
  check_refused(Device::kAuto, {none, none, none, none}, Device::kCuda,
                "the run computes on cuda, which device: auto keeps, but rank 0 on a has no device: no NVIDIA driver is on this machine; "
                "set device: cpu to go on there, with other bits");
  CHECK(choose(Device::kCpu, {none, none, none, none}, Device::kCuda).kind == Device::kCpu);
}
