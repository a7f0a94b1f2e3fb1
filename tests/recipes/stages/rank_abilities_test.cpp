#include "recipes/stages/rank_abilities.hpp"

#include "tests/support/catch.hpp"

using namespace sluice::recipes;
using sluice::kernels::InstructionSet;

namespace {

RankAbilities abilities(const char* host, InstructionSet set, const char* library, bool native, const char* why, bool avx512) {
  RankAbilities made;
  made.host = host;
  made.set = set;
  made.library = library;
  made.native_bfloat16 = native;
  made.why_bfloat16 = why;
  made.avx512 = avx512;
  return made;
}
const RankAbilities kAmx = abilities("new", InstructionSet::kAvx512, "AVX512 on Xeon", true, "with AMX", true);
const RankAbilities kZen = abilities("middle", InstructionSet::kAvx512, "AVX512 on EPYC", false, "this processor has no AMX", true);
const RankAbilities kOld = abilities("old", InstructionSet::kAvx2, "AVX2 on Xeon", false, "this processor has no AMX", false);

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
  CHECK(choose_bfloat16({kAmx}, true, "native").text == "native: with AMX");
}

TEST_CASE("a checkpoint that tells no choice is from a version that took AVX-512 for native") {
  const Bfloat16Choice choice = choose_bfloat16({kZen, kZen}, true, "");
  CHECK(choice.native);
  CHECK(
      choice.text ==
      "native as the version that wrote the checkpoint does here; a new run here would compute them in float32: this processor has no AMX");
  CHECK_FALSE(choose_bfloat16({kZen, kOld}, true, "").native);
  CHECK_FALSE(choose_bfloat16({kOld}, true, "").native);
  CHECK(choose_bfloat16({kAmx}, true, "").native);
}

TEST_CASE("kernels use the least instruction set of all ranks, and the header says who has what") {
  CHECK(least_set({kAmx, kZen}) == InstructionSet::kAvx512);
  CHECK(least_set({kAmx, kOld, kZen}) == InstructionSet::kAvx2);
  CHECK(describe_processors({kZen, kZen}) == "kernels avx512, LibTorch AVX512 on EPYC");
  CHECK(describe_processors({kZen, kOld, kZen}) ==
        "kernels avx2, the least of avx512 (ranks 0, 2 on middle), avx2 (rank 1 on old), "
        "LibTorch AVX512 on EPYC (ranks 0, 2 on middle), AVX2 on Xeon (rank 1 on old)");
}

TEST_CASE("a job whose ranks compute with different libraries is warned of once") {
  CHECK(mixed_libraries({kZen, kZen}).empty());
  CHECK(mixed_libraries({kZen, kOld}) ==
        "LibTorch computes otherwise on some ranks than on others, AVX512 on EPYC (rank 0 on middle), AVX2 on Xeon (rank 1 on old): "
        "bits may differ from those of ranks that are alike; set ATEN_CPU_CAPABILITY=avx2 for all of them, so that they use the same "
        "instruction set");
}

TEST_CASE("what a checkpoint tells of processors is compared when the run goes on") {
  const Bfloat16Choice native{true, ""}, widened{false, ""};
  const ComputedWith zen = computed_with({kZen, kZen}, nullptr, ""), mixed = computed_with({kZen, kOld, kAmx}, &widened, "");
  CHECK(zen == ComputedWith{"avx512", "AVX512 on EPYC", "", "", "", zen.libtorch});
  CHECK(mixed == ComputedWith{"avx2", "AVX2 on Xeon, AVX512 on EPYC, AVX512 on Xeon", "float32", "", "", zen.libtorch});
  CHECK(zen.libtorch.find('.') != std::string::npos);
  ComputedWith older = zen;
  older.libtorch = "2.11.0";
  CHECK(describe_changes(older, zen).find("(LibTorch " + zen.libtorch + ", before 2.11.0)") != std::string::npos);
  older.libtorch = "";  // an earlier version did not tell it
  CHECK(describe_changes(older, zen).empty());
  CHECK(computed_with({kAmx}, &native, "").bfloat16_products == "native");
  CHECK(describe_changes(zen, zen).empty());
  RankAbilities composed = kZen;
  composed.composed = true;
  CHECK(describe_changes(zen, computed_with({kZen, composed}, nullptr, "")) ==
        "other processors or libraries than before compute from here on (operations composed, before on kernels): bits may differ from "
        "those of a run that never stopped");
  CHECK(describe_changes(zen, computed_with({kOld}, nullptr, "")) ==
        "other processors or libraries than before compute from here on (kernels avx2, before avx512; LibTorch AVX2 on Xeon, before AVX512 "
        "on EPYC): bits may differ from those of a run that never stopped");
  CHECK(describe_changes({}, zen).find("an earlier version wrote the checkpoint") == 0);
  const ComputedWith card = computed_with({kZen}, nullptr, "NVIDIA H200; CUDA 13.0"),
                     other = computed_with({kOld}, nullptr, "NVIDIA A100; CUDA 13.0");
  CHECK(
      describe_changes(card, computed_with({kOld}, nullptr, "NVIDIA H200; CUDA 13.0")).empty());  // the processor beside it decides no bit
  CHECK(describe_changes(card, other).find("(device NVIDIA A100; CUDA 13.0, before NVIDIA H200; CUDA 13.0)") != std::string::npos);
  CHECK(describe_changes(card, zen).find("(device the CPU, before NVIDIA H200; CUDA 13.0)") != std::string::npos);
}

TEST_CASE("devices multiply bfloat16 natively from Ampere on") {
  RankAbilities hopper = kZen, turing = kZen;
  hopper.device.device = {"NVIDIA H200", "GPU-1", 9, 0, 1};
  turing.device.device = {"Tesla T4", "GPU-2", 7, 5, 1};
  CHECK(device_bfloat16({hopper}).native);
  CHECK(device_bfloat16({hopper}).text == "native: NVIDIA H200 has tensor cores for them");
  CHECK_FALSE(device_bfloat16({hopper, turing}).native);
  CHECK(device_bfloat16({hopper, turing}).text == "in float32: Tesla T4 has no tensor cores for them");
}
