#include "core/checkpoint/safetensors_header.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

using namespace sluice::checkpoint;

namespace {

/// A file of the given header text (no padding) and number of data bytes.
std::string file_of(const std::string& header, std::size_t data_bytes, std::uint64_t length) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(length >> (8 * i) & 0xff);
  return bytes + header + std::string(data_bytes, 'x');
}
std::string file_of(const std::string& header, std::size_t data_bytes) { return file_of(header, data_bytes, header.size()); }

/// What reading says of a file whose header is `header`.
std::string complaint(const std::string& header, std::size_t data_bytes) {
  return data_error_of([&] { parse_safetensors(file_of(header, data_bytes), "f.safetensors"); });
}

const std::string kEntry = R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,16]})";

}  // namespace

TEST_CASE("the header is byte for byte the reference writer's") {
  // safetensors.numpy.save({"b": F32 [2,2], "a": I64 [], "c": BF16 [3]}, metadata={"format": "pt"}), with the order of the types.
  const auto header = plan_safetensors({{"c", StoredType::kBF16, {3}}, {"b", StoredType::kF32, {2, 2}}, {"a", StoredType::kI64, {}}});
  const std::string json =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]},)"
      R"("c":{"dtype":"BF16","shape":[3],"data_offsets":[24,30]}})";
  const std::string bytes = header_bytes(header);
  CHECK(bytes.size() % 8 == 0);
  CHECK(bytes.substr(8, json.size()) == json);
  CHECK(bytes.find_first_not_of(' ', 8 + json.size()) == std::string::npos);
  CHECK(static_cast<unsigned char>(bytes[0]) == bytes.size() - 8);
  CHECK(header.file_bytes() == bytes.size() + 30);
}

TEST_CASE("the minimal file of the format's description is 88 bytes of header") {
  const std::string json = R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
  REQUIRE(json.size() == 88);
  const auto header = parse_safetensors(file_of(json, 16), "f");
  REQUIRE(header.tensors.size() == 1);
  CHECK(header.tensors[0].info == TensorInfo{"a", StoredType::kF32, {2, 2}});
  CHECK(header_bytes(plan_safetensors({{"a", StoredType::kF32, {2, 2}}})).substr(8) == json);
}

TEST_CASE("a file that stands for the weights, or has them in another format, is named") {
  const auto complaint_of = [](std::string_view bytes) { return data_error_of([&] { parse_safetensors(bytes, "f.safetensors"); }); };
  CHECK(complaint_of("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n") ==
        "f.safetensors: a Git LFS pointer, not the weights: git lfs pull");
  CHECK(complaint_of("<!DOCTYPE html><html><body>404</body></html>") ==
        "f.safetensors: an HTML page, not the weights: the download failed? get the file again");
  CHECK(complaint_of(std::string_view("\x80\x02}q\x00X\x01\0\0\0aq", 12)) ==
        "f.safetensors: a Python pickle, not the weights: save the model as safetensors");
  CHECK(complaint_of(std::string_view("PK\x03\x04\0\0\x08\x08\0\0", 10)) ==
        "f.safetensors: a zip archive (torch.save writes such too), not the weights: save the model as safetensors");
  // Headers whose length begins as a pickle, a gzip file and UTF-16 text do.
  const std::string json = R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
  for (const std::size_t length : {0x0280, 0x088B1F, 0xFEFF}) {
    const std::string padded = json + std::string(length - json.size(), ' ');
    CHECK(parse_safetensors(file_of(padded, 16), "f").tensors.size() == 1);
  }
}

TEST_CASE("plan and parse are inverse, with every element type, empty tensors and names that need escapes") {
  std::vector<TensorInfo> tensors = {{"quote\"back\\slash\ttab", StoredType::kF32, {1}},
                                     {"größe.日本", StoredType::kU8, {5}},
                                     {"empty", StoredType::kF32, {3, 0, 2}},
                                     {"scalar", StoredType::kF64, {}}};
  for (int type = 0; type <= static_cast<int>(StoredType::kU64); ++type)
    tensors.push_back({fmt::format("t{}", type), static_cast<StoredType>(type), {4, 2}});
  const auto header = plan_safetensors(tensors);
  const auto read = parse_safetensors(header_bytes(header) + std::string(header.data_bytes(), 'x'), "f");
  CHECK(read.data_start == header.data_start);
  REQUIRE(read.tensors.size() == header.tensors.size());
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    // Empty tensors share their place with the next one, so only the place orders them.
    CHECK(read.tensors[i].begin == header.tensors[i].begin);
    CHECK(read.tensors[i].end == header.tensors[i].end);
    if (header.tensors[i].bytes() > 0) CHECK(read.tensors[i].info == header.tensors[i].info);
    const auto bits = static_cast<std::uint64_t>(bits_of(header.tensors[i].info.type));
    if (bits >= 8) CHECK(header.tensors[i].begin % (bits / 8) == 0);
  }
}

TEST_CASE("metadata of other writers are passed over") {
  const std::string json = R"({"__metadata__":{"note":"a \"b\"\n","format":"np"},"a":)" + kEntry + "}";
  const auto read = parse_safetensors(file_of(json, 16), "f");
  REQUIRE(read.tensors.size() == 1);
  CHECK(read.tensors[0].info.name == "a");
}

TEST_CASE("what cannot be written is refused by name") {
  const auto refusal = [](std::vector<TensorInfo> tensors) { return data_error_of([&] { plan_safetensors(tensors); }); };
  CHECK(has(refusal({{"a", StoredType::kF32, {1}}, {"a", StoredType::kU8, {1}}}), "tensor 'a' was given twice"));
  CHECK(has(refusal({{"__metadata__", StoredType::kF32, {1}}}), "__metadata__"));
  CHECK(has(refusal({{"a", StoredType::kF32, {-1}}}), "tensor 'a': F32 of shape [-1]"));
  CHECK(has(refusal({{"a", StoredType::kF4, {3}}}), "tensor 'a': F4 of shape [3]"));
  CHECK(has(refusal({{"a", StoredType::kF32, {1LL << 40, 1LL << 40}}}), "tensor 'a'"));
  CHECK(has(refusal({{"a", StoredType::kU8, {1LL << 62}}, {"b", StoredType::kU8, {1LL << 62}}, {"c", StoredType::kU8, {1LL << 62}}}),
            "no possible size"));
  CHECK(has(refusal({{"\xff", StoredType::kF32, {1}}}), "not valid UTF-8"));
}

TEST_CASE("every rule of the format is checked, naming file and tensor") {
  struct Case {
    std::string header;
    std::size_t data_bytes;
    std::string part;
  };
  const std::vector<Case> cases = {
      {R"({"a":)" + kEntry + "}", 15, "truncated: the tensors take 16 bytes, only 15"},
      {R"({"a":)" + kEntry + "}", 17, "1 bytes follow the last tensor"},
      {R"( {"a":)" + kEntry + "}", 16, "does not begin with '{'"},
      {R"(["a"])", 0, "does not begin with '{'"},
      {"", 0, "does not begin with '{'"},
      {R"({"a":)" + kEntry, 16, "not valid JSON"},
      {R"({"a":)" + kEntry + "}x", 16, "not valid JSON"},
      {"{\"\xff\":" + kEntry + "}", 16, "not valid JSON"},
      {R"({"a":)" + kEntry + R"(,"a":)" + kEntry + "}", 16, "the key 'a' twice"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})", 16, "the key 'dtype' twice in 'a'"},
      {R"({"__metadata__":{"x":"1","x":"1"},"a":)" + kEntry + "}", 16, "the key 'x' twice"},
      {R"({"__metadata__":{"x":1},"a":)" + kEntry + "}", 16, "__metadata__ 'x' must be a string"},
      {R"({"__metadata__":"pt","a":)" + kEntry + "}", 16, "__metadata__ must be an object"},
      {R"({"a":3})", 0, "tensor 'a': expected an object"},
      {R"({"a":{"shape":[2,2],"data_offsets":[0,16]}})", 16, "tensor 'a': 'dtype' is missing"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,16]}})", 16, "tensor 'a': 'shape' is missing"},
      {R"({"a":{"dtype":"F32","shape":[2,2]}})", 16, "tensor 'a': 'data_offsets' is missing"},
      {R"({"a":{"dtype":"F33","shape":[2,2],"data_offsets":[0,16]}})", 16, "tensor 'a': unknown dtype \"F33\""},
      {R"({"a":{"dtype":32,"shape":[2,2],"data_offsets":[0,16]}})", 16, "tensor 'a': unknown dtype 32"},
      {R"({"a":{"dtype":"F32","shape":4,"data_offsets":[0,16]}})", 16, "tensor 'a': shape must be a list"},
      {R"({"a":{"dtype":"F32","shape":[2,-2],"data_offsets":[0,16]}})", 16, "tensor 'a': shape must be non-negative integers, found -2"},
      {R"({"a":{"dtype":"F32","shape":[2,2.0],"data_offsets":[0,16]}})", 16, "tensor 'a': shape must be non-negative integers, found 2.0"},
      {R"({"a":{"dtype":"F32","shape":[2,[2]],"data_offsets":[0,16]}})", 16, "nests deeper"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}})", 16, "tensor 'a': F32 of shape"},
      {R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2, "tensor 'a': F4 of shape [3]"},
      {R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0]}})", 16, "tensor 'a': data_offsets must be [begin, end]"},
      {R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,-16]}})", 16, "tensor 'a': data_offsets must be non-negative"},
      {R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[16,0]}})", 16, "takes 16 bytes, data_offsets say [16, 0]"},
      {R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,12]}})", 12, "takes 16 bytes, data_offsets say [0, 12]"},
      {R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,18446744073709551615]}})", 16, "impossible value"},
      {R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[4,20]}})", 20, "tensor 'a' begins at byte 4"},
      {R"({"a":)" + kEntry + R"(,"b":{"dtype":"U8","shape":[1],"data_offsets":[15,16]}})", 16,
       "tensor 'b' begins at byte 15 of the data, but the tensors before it end at 16: the file has overlapping"},
      {R"({"a":)" + kEntry + R"(,"b":{"dtype":"U8","shape":[1],"data_offsets":[17,18]}})", 18,
       "tensor 'b' begins at byte 17 of the data, but the tensors before it end at 16: the file has a hole"},
  };
  for (const Case& test : cases) {
    INFO(test.header);
    const std::string message = complaint(test.header, test.data_bytes);
    INFO(message);
    CHECK(has(message, test.part));
    CHECK(message.rfind("f.safetensors: ", 0) == 0);
  }
}

TEST_CASE("a wrong header length is told from a truncated file") {
  const std::string header = R"({"a":)" + kEntry + "}";
  const auto complaint_of = [](const std::string& bytes) { return data_error_of([&] { parse_safetensors(bytes, "f"); }); };
  CHECK(has(complaint_of(""), "0 bytes are too few"));
  CHECK(has(complaint_of("1234567"), "7 bytes are too few"));
  CHECK(has(complaint_of(file_of(header, 16, header.size() + 17)), "truncated: the safetensors header"));
  CHECK(has(complaint_of(file_of(header, 16, 100'000'001)), "limit 100000000"));
  CHECK(has(complaint_of(file_of(header, 16, ~0ULL)), "limit 100000000"));
  CHECK(!complaint_of(file_of(header, 16, header.size() - 1)).empty());
  CHECK(complaint_of(file_of(header, 16)).empty());
}

TEST_CASE("no truncated or flipped header is read as something else") {
  const auto header = plan_safetensors({{"a", StoredType::kF32, {2, 3}}, {"b", StoredType::kBF16, {5}}, {"c", StoredType::kI64, {2}}});
  const std::string whole = header_bytes(header) + std::string(header.data_bytes(), '\7');
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE(!data_error_of([&] { parse_safetensors(whole.substr(0, size), "f"); }).empty());
  // A flip may give another valid file (a letter of a name): it must never crash, and never make tensors outside the file.
  for (std::size_t i = 0; i < header.data_start; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      std::uint64_t bytes = whole.size();
      data_error_of([&] { bytes = parse_safetensors(flipped, "f").file_bytes(); });
      REQUIRE(bytes == whole.size());
    }
}
