// The two halves of hf_config_parity_test.sh that are ours: writing model folders for Transformers, and reading what it saved of them.
// Without the script both work on a folder of their own.
#include "recipes/convert/model_folder.hpp"
#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/recipes/convert/model_writer.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstdlib>

using namespace sluice;
using namespace sluice::recipes;

namespace {

/// Half of the folders in shards.
std::uint64_t shard_bytes_of(const std::string& name) { return name.size() % 2 == 0 ? 20'000 : checkpoint::kDefaultShardBytes; }

}  // namespace

TEST_CASE("model folders of every architecture are written for Transformers", "[hf_parity_write]") {
  const checkpoint::TemporaryFolder temporary;
  const char* given = std::getenv("SLUICE_PARITY_FOLDER");
  const std::filesystem::path folder = given != nullptr ? std::filesystem::path(given) : temporary.path();
  for (const NamedModel& sample : model_samples()) {
    write_model(folder / sample.name, sample.model, shard_bytes_of(sample.name));
    write_file_atomically(folder / sample.name / "expected_model_type", sample.model_type);
  }
  CHECK(std::filesystem::exists(folder / "mixtral/config.json"));
}

TEST_CASE("what Transformers saves of our models is read back without a difference", "[hf_parity_read]") {
  const checkpoint::TemporaryFolder temporary;
  const char* given = std::getenv("SLUICE_PARITY_FOLDER");
  for (const NamedModel& sample : model_samples()) {
    if (sample.model_type.empty()) continue;
    INFO(sample.name);
    const auto written = write_model(temporary.path() / sample.name, sample.model, shard_bytes_of(sample.name));
    const std::filesystem::path saved =
        given != nullptr ? std::filesystem::path(given) / (sample.name + ".saved") : temporary.path() / sample.name;
    const ModelFolder read = open_model_folder(saved);
    CHECK(read.config.ours);
    CHECK(read.config.model == sample.model);
    REQUIRE(read.tensors.size() == written.size());
    for (const auto& [name, bytes] : written) {
      INFO(name);
      REQUIRE(std::ranges::equal(read.tensors.at(name).bytes, bytes));
    }
    if (given == nullptr) continue;
    // The same folder as a stranger would publish it.
    const ModelFolder foreign = open_model_folder(std::filesystem::path(given) / (sample.name + ".foreign"));
    CHECK(!foreign.config.ours);
    for (const auto& [name, bytes] : written) REQUIRE(std::ranges::equal(foreign.tensors.at(name).bytes, bytes));
  }
}
