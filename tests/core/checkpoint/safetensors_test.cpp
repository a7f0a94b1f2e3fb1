#include "core/checkpoint/safetensors.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>

using namespace sluice::checkpoint;

namespace {

const std::vector<TensorInfo> kTensors = {{"w.0", StoredType::kF32, {40, 30}},    {"w.1", StoredType::kBF16, {7}},
                                          {"w.2", StoredType::kF64, {}},          {"none", StoredType::kF32, {0, 4}},
                                          {"left out", StoredType::kF32, {4, 0}}, {"ids", StoredType::kI64, {11}}};

}  // namespace

TEST_CASE("tensors written in any order read back, with their checksums") {
  const TemporaryFolder folder;
  const auto path = folder / "t.safetensors";
  const auto header = plan_safetensors(kTensors);
  std::map<std::string, std::vector<std::byte>> bytes;
  unsigned seed = 0;
  for (const TensorSlot& slot : header.tensors) bytes[slot.info.name] = some_bytes(slot.bytes(), ++seed);
  TensorFileRecord record;
  {
    SafetensorsWriter writer(path, header);
    for (const char* name : {"w.2", "w.1", "none", "ids", "w.0"}) writer.write(name, bytes[name]);
    record = writer.finish();
  }
  const SafetensorsFile file(path);
  CHECK(file.size() == record.bytes);
  CHECK(checksum_of(file.header_bytes()) == record.header);
  REQUIRE(file.header().tensors.size() == kTensors.size());
  for (const TensorSlot& slot : file.header().tensors) {
    INFO(slot.info.name);
    CHECK(std::ranges::equal(file.bytes(slot), bytes[slot.info.name]));
    const TensorRecord& tensor = record.tensors.at(slot.info.name);
    CHECK(tensor.checksum == checksum_of(bytes[slot.info.name]));
    CHECK(tensor.shape == slot.info.shape);
    CHECK(tensor.type == slot.info.type);
  }
}

TEST_CASE("misuse of a writer is named, and an unfinished file does not stay") {
  const TemporaryFolder folder;
  const auto path = folder / "t.safetensors";
  {
    SafetensorsWriter writer(path, plan_safetensors(kTensors));
    const auto eight = some_bytes(8, 1);
    CHECK(has(data_error_of([&] { writer.write("w.3", eight); }), "tensor 'w.3' was not planned"));
    CHECK(has(data_error_of([&] { writer.write("w.1", eight); }), "tensor 'w.1' has 14 bytes: 8 do not fit"));
    CHECK(has(data_error_of([&] { writer.write("none", eight); }), "tensor 'none' has 0 bytes: 8 do not fit"));
    writer.write("w.2", eight);
    CHECK(has(data_error_of([&] { writer.write("w.2", eight); }), "tensor 'w.2' was written before"));
    CHECK(has(data_error_of([&] { writer.finish(); }), "tensor 'ids' was not written"));
    CHECK(std::filesystem::exists(path));
    CHECK(has(data_error_of([&] { SafetensorsWriter again(path, plan_safetensors(kTensors)); }), "File exists"));
  }
  CHECK(!std::filesystem::exists(path));
  CHECK(has(data_error_of([&] { SafetensorsWriter writer(folder / "no/such/t", plan_safetensors(kTensors)); }), "cannot be created"));
  CHECK(has(data_error_of([&] { SafetensorsFile file(folder / "absent"); }), "absent"));
}

TEST_CASE("a file that cannot get its space fails at once, with the reason, and leaves nothing") {
  const TemporaryFolder folder;
  const auto path = folder / "t.safetensors";
  // A limit on the file's size stands for a full disk: the same calls fail in the same places.
  const auto header = plan_safetensors({{"big", StoredType::kF32, {1 << 20}}});
  struct rlimit before {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 1 << 16;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string message = data_error_of([&] { SafetensorsWriter writer(path, header); });
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, old_handler);
  INFO(message);
  CHECK(has(message, "t.safetensors: no room for 4194"));
  CHECK(has(message, "File too large"));
  CHECK(!std::filesystem::exists(path));
}
