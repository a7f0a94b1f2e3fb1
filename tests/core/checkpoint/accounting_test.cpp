#include "core/checkpoint/accounting.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"

using namespace sluice::checkpoint;

namespace {

std::vector<TensorInfo> model(int layers, int experts) {
  std::vector<TensorInfo> tensors = {{"norm.weight", StoredType::kF32, {8}}};
  for (int layer = 0; layer < layers; ++layer)
    for (int expert = 0; expert < experts; ++expert)
      tensors.push_back(
          {"layers." + std::to_string(layer) + ".experts." + std::to_string(expert) + ".up.weight", StoredType::kF32, {4, 8}});
  return tensors;
}

}  // namespace

TEST_CASE("what matches is accounted for, whatever the order and the width of floats") {
  auto found = model(3, 4);
  std::reverse(found.begin(), found.end());
  for (TensorInfo& info : found) info.type = StoredType::kBF16;
  const Accounting accounting = account_tensors(model(3, 4), found);
  CHECK(accounting.ok());
  CHECK(accounting.line() == "expected 13 tensors, found 13: all match");
  require_all_accounted(accounting, "here");
  CHECK(account_tensors({}, {}).ok());
}

TEST_CASE("the optimizer's state must have exactly its types, and weights must be floats") {
  auto found = model(1, 1);
  found[1].type = StoredType::kBF16;
  CHECK(account_tensors(model(1, 1), found).ok());
  CHECK(account_tensors(model(1, 1), found, TypeRule::kExact).line() ==
        "expected 2 tensors, found 2; 1 of another shape or type: layers.0.experts.0.up.weight (expected F32, found BF16)");
  found[1].type = StoredType::kI32;
  CHECK(!account_tensors(model(1, 1), found).ok());
}

TEST_CASE("the checkpoint of another model has every difference in one line") {
  // 12 layers of 8 experts expected; found 10 layers of 16 experts, one norm of another size, one tensor of its own.
  auto found = model(10, 16);
  found[0].shape = {16};
  found.push_back({"extra.bias", StoredType::kF32, {1}});
  const std::string message = data_error_of([&] { require_all_accounted(account_tensors(model(12, 8), found), "folder"); });
  CHECK(message ==
        "folder: expected 97 tensors, found 162; 16 missing: layers.{10-11}.experts.{0-7}.up.weight; 81 extra: extra.bias, "
        "layers.{0-9}.experts.{8-15}.up.weight; 1 of another shape or type: norm.weight (expected [8], found [16])");
}

TEST_CASE("a list that cannot be folded is cut, with the count of the rest") {
  std::vector<TensorInfo> found;
  for (char c = 'a'; c <= 'z'; ++c) found.push_back({std::string(1, c), StoredType::kF32, {1}});
  const std::string line = account_tensors({}, found).line(3);
  CHECK(line == "expected 0 tensors, found 26; 26 extra: a, b, c, and 23 more such lines");
  CHECK(account_tensors({}, found).extra.size() == 26);
}
