#include "core/base/cuda_answer.hpp"

#include "tests/support/catch.hpp"

#include <array>

using namespace sluice;

TEST_CASE("why there is no device: no driver, an old one, a variable that names nothing, or what the driver says") {
  CudaAnswer answer;
  answer.runtime = 13000;
  CHECK(why_no_device(answer) == "no NVIDIA driver is on this machine");
  answer.driver = 12040;
  answer.too_old = true;
  CHECK(why_no_device(answer) == "its NVIDIA driver serves CUDA up to 12.4, and this program needs 13.0: a newer driver is needed");
  answer.driver = 13010;
  answer.too_old = false;
  CHECK(why_no_device(answer) == "the NVIDIA driver names no device");
  answer.error = "unknown error";
  CHECK(why_no_device(answer) == "the NVIDIA driver answers: unknown error");
  answer.visible_set = true;
  answer.visible = "7";
  CHECK(why_no_device(answer) == "CUDA_VISIBLE_DEVICES=7 names no device of this machine");
  answer.count = 1;
  CHECK(why_no_device(answer).empty());
}

TEST_CASE("the release of a driver is the first number of its own words") {
  CHECK(driver_release(
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:06:43 UTC 2025\nGCC version:  gcc 12.2.0\n") ==
        "580.65.06");
  CHECK(driver_release("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06") == "570.124.06");
  CHECK(driver_release("").empty());
  CHECK(driver_release("a driver of no number").empty());
}

TEST_CASE("code runs on devices of its major number and later, PTX on all later ones") {
  const char* const ours = "80-real 90-real 100";
  for (const auto& [major, minor] : {std::pair{8, 0}, {8, 6}, {8, 9}, {9, 0}, {10, 0}, {10, 3}, {12, 0}}) {
    INFO(major << "." << minor);
    CHECK(has_code_for(ours, major, minor));
  }
  CHECK_FALSE(has_code_for(ours, 7, 5));
  CHECK_FALSE(has_code_for("86-real", 8, 0));
  CHECK_FALSE(has_code_for("80-real 90-real", 10, 0));
  CHECK(has_code_for("80-virtual", 9, 0));
  CHECK_FALSE(has_code_for("", 9, 0));
  CHECK_FALSE(has_code_for("native", 9, 0));
}

TEST_CASE("versions and UUIDs are written as NVIDIA's tools do") {
  CHECK(cuda_version_text(13000) == "13.0");
  CHECK(cuda_version_text(12040) == "12.4");
  std::array<unsigned char, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(17 * i);
  CHECK(uuid_text(bytes) == "GPU-00112233-4455-6677-8899-aabbccddeeff");
}
