// What tokenizer_parity_test.sh cannot get from the command: the tokenizer of single bytes. Without the script it is written to a
// folder of the test's own.
#include "core/base/files.hpp"
#include "data/load_tokenizer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

#include <cstdlib>

TEST_CASE("the bytes tokenizer is written for Hugging Face's package", "[tokenizer_parity_write]") {
  const sluice::testing::TemporaryDirectory own;
  const char* given = std::getenv("SLUICE_PARITY_FOLDER");
  const std::filesystem::path path = (given != nullptr ? std::filesystem::path(given) : own.path()) / "bytes.json";
  sluice::write_file_atomically(path, sluice::data::make_bytes_tokenizer()->json());
  CHECK(sluice::data::load_tokenizer(path)->vocab_size() == 257);
}
