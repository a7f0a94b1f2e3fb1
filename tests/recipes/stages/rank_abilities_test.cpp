#include "recipes/stages/rank_abilities.hpp"

#include "tests/support/catch.hpp"

using namespace sluice::recipes;

namespace {

RankAbilities rank(const char* host, bool native, const char* why, bool avx512 = true) { return {host, native, why, avx512}; }

const RankAbilities kAmx = rank("new", true, "with AMX");
const RankAbilities kZen = rank("middle", false, "this processor has no AMX");
const RankAbilities kOld = rank("old", false, "this processor has no AMX", false);

}  // namespace

TEST_CASE("bfloat16 products are native where all ranks would compute them so") {
  Bfloat16Choice choice = choose_bfloat16({kAmx, kAmx});
  CHECK(choice.native);
  CHECK(choice.text == "native: with AMX");
  choice = choose_bfloat16({kZen, kOld});
  CHECK_FALSE(choice.native);
  CHECK(choice.text == "in float32: this processor has no AMX");
  choice = choose_bfloat16({kAmx, kAmx, kZen, kOld});
  CHECK_FALSE(choice.native);
  CHECK(choice.text == "in float32: rank 2 on middle: this processor has no AMX");
}

TEST_CASE("a run that goes on keeps the choice its checkpoint tells") {
  Bfloat16Choice choice = choose_bfloat16({kZen, kZen}, true, "native");
  CHECK(choice.native);
  CHECK(choice.text == "native as the run began; a new run here would compute them in float32: this processor has no AMX");
  choice = choose_bfloat16({kAmx, kAmx}, true, "float32");
  CHECK_FALSE(choice.native);
  CHECK(choice.text == "in float32 as the run began; a new run here would compute them native: with AMX");
  choice = choose_bfloat16({kAmx, kZen}, true, "float32");
  CHECK_FALSE(choice.native);
  CHECK(choice.text == "in float32: rank 1 on middle: this processor has no AMX");
  CHECK(choose_bfloat16({kAmx}, true, stored_bfloat16(true)).text == "native: with AMX");
}

TEST_CASE("a checkpoint that tells no choice is from a version that took AVX-512 for native") {
  const Bfloat16Choice choice = choose_bfloat16({kZen, kZen}, true, "");
  CHECK(choice.native);
  CHECK(choice.text ==
        "native as the version that wrote the checkpoint does here; a new run here would compute them in float32: this processor has no AMX");
  CHECK_FALSE(choose_bfloat16({kZen, kOld}, true, "").native);
  CHECK_FALSE(choose_bfloat16({kOld}, true, "").native);
  CHECK(choose_bfloat16({kAmx}, true, "").native);
}
