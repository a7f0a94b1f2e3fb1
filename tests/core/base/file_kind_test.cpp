#include "core/base/file_kind.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::string_view_literals;

namespace {

std::string kind_of(std::string_view bytes) {
  const auto kind = foreign_kind(bytes);
  return kind ? std::string(kind->name) : "";
}

}  // namespace

TEST_CASE("what stands for a file, or is of another kind, is known by its first bytes") {
  const std::string lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n";
  CHECK(kind_of(lfs) == "a Git LFS pointer");
  CHECK(kind_of(lfs + std::string(1000, 'x')).empty());  // a text that quotes one
  CHECK(kind_of("/annex/objects/SHA256E-s5--00.txt\n") == "a git-annex pointer");
  CHECK(kind_of("../../.git/annex/objects/Xx/Yy/SHA256E-s5--00.txt/SHA256E-s5--00.txt") == "a git-annex pointer");
  CHECK(kind_of("/annex/objects/a\nand other words").empty());
  for (const std::string_view page : {"<!DOCTYPE html><html>"sv, "\xEF\xBB\xBF\r\n <HTML lang=en>"sv, "<!doctype HTML>"sv}) {
    CHECK(kind_of(page) == "an HTML page");
    CHECK(foreign_kind(page)->is_page);
  }
  CHECK(kind_of("\x1F\x8B\x08\0\0\0"sv) == "a gzip file");
  CHECK(kind_of("\x28\xB5\x2F\xFD\x04"sv) == "a Zstandard file");
  CHECK(kind_of("\xFD"
                "7zXZ\0\0"sv) == "an xz file");
  CHECK(kind_of("BZh91AY&SY\0\0"sv) == "a bzip2 file");
  CHECK(kind_of("PK\x03\x04\0\0"sv) == "a zip archive (torch.save writes such too)");
  CHECK(kind_of("\x80\x02}q\0"sv) == "a Python pickle");
  CHECK(kind_of("GGUF\x03\0\0\0"sv) == "a GGUF model");
  CHECK(kind_of(std::string(257, 'a') + "ustar  ") == "a tar archive");
  CHECK(kind_of("\xFF\xFEh\0"sv) == "UTF-16 text");
  CHECK(kind_of("\xFE\xFF\0h"sv) == "UTF-16 text");
  CHECK(kind_of("\xFF\xFE\0\0h\0\0\0"sv) == "UTF-32 text");
  CHECK(kind_of("\0\0\xFE\xFF\0\0\0h"sv) == "UTF-32 text");
  for (const std::string_view text :
       {""sv, "PK"sv, "GGUF is a format"sv, "BZh, he said"sv, "PAR1S"sv, "<p>"sv, "{\"a\": 1}"sv, "version 1"sv})
    CHECK(kind_of(text).empty());
}

TEST_CASE("a file of another kind is refused with what it is and what to do") {
  const auto refusal = [](std::string_view bytes) {
    return message_of<Error>([&] { refuse_foreign(bytes, "m.safetensors", "the weights", "save the model as safetensors"); });
  };
  CHECK(refusal("version https://git-lfs.github.com/spec/v1\n") == "m.safetensors: a Git LFS pointer, not the weights: git lfs pull");
  CHECK(refusal("/annex/objects/a") == "m.safetensors: a git-annex pointer, not the weights: git annex get");
  CHECK(refusal("\x80\x04\x95") == "m.safetensors: a Python pickle, not the weights: save the model as safetensors");
  CHECK(refusal("{}").empty());
}

TEST_CASE("a link to nothing is no absent file") {
  const TemporaryDirectory folder;
  const auto error = [&](const char* name) { return message_of<Error>([&] { require_no_dangling_link(folder.path() / name); }); };
  write_text(folder.path() / "a", "x");
  std::filesystem::create_symlink("a", folder.path() / "good");
  std::filesystem::create_symlink("gone", folder.path() / "dangling");
  std::filesystem::create_symlink("../.git/annex/objects/x/y", folder.path() / "annexed");
  std::filesystem::create_symlink("self", folder.path() / "self");
  CHECK(error("a").empty());
  CHECK(error("good").empty());
  CHECK(error("absent").empty());
  const std::string root = folder.path().string();
  CHECK(error("dangling") == root + "/dangling: a link to gone, which is not there");
  CHECK(error("annexed") == root + "/annexed: a link to ../.git/annex/objects/x/y, which is not there: git annex get");
  CHECK(contains(error("self"), "/self: a link to self, which cannot be reached: "));
}
