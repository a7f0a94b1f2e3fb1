#include "core/base/processor.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;

namespace {

ProcessorFeatures avx2() {
  ProcessorFeatures p;
  p.avx2 = true;
  return p;
}
ProcessorFeatures avx512() {  // Skylake
  ProcessorFeatures p = avx2();
  p.avx512 = true;
  return p;
}
ProcessorFeatures avx512_bf16() {  // Cooper Lake, Zen 4 and 5
  ProcessorFeatures p = avx512();
  p.avx512_bf16 = true;
  return p;
}
ProcessorFeatures amx() {  // Sapphire Rapids
  ProcessorFeatures p = avx512_bf16();
  p.avx512_fp16 = p.amx_tile = p.amx_bf16 = p.amx_int8 = p.tiles_granted = true;
  return p;
}

bool native(const ProcessorFeatures& p) { return multiplies_bfloat16_natively(product_set(p)); }

}  // namespace

TEST_CASE("native bfloat16 products mean AMX, or Zen 5") {
  CHECK(product_set({}) == ProductSet::kNone);
  CHECK(product_set(avx2()) == ProductSet::kNone);
  CHECK(product_set(avx512()) == ProductSet::kAvx512);
  CHECK(product_set(avx512_bf16()) == ProductSet::kAvx512Bf16);
  CHECK(product_set(amx()) == ProductSet::kAmx);
  for (const ProcessorFeatures& p : {ProcessorFeatures{}, avx2(), avx512(), avx512_bf16()}) {
    CHECK_FALSE(native(p));
    CHECK(why_no_amx(p) == "this processor has no AMX");
  }
  CHECK(native(amx()));
  ProcessorFeatures zen = avx512_bf16();
  zen.amd_family = 25;  // Zen 4
  CHECK_FALSE(native(zen));
  zen.amd_family = 26;
  CHECK(product_set(zen) == ProductSet::kZen5);
  CHECK(native(zen));
  zen.onednn_limit = "avx512_core";
  CHECK_FALSE(native(zen));
  CHECK(why_no_amx(amx()).empty());
}

TEST_CASE("AMX that LibTorch would not use is none") {
  ProcessorFeatures p = amx();
  p.tiles_granted = false;
  CHECK(product_set(p) == ProductSet::kAvx512Bf16);
  CHECK(why_no_amx(p) == "the operating system does not let this process use AMX");
  for (bool ProcessorFeatures::*hidden : {&ProcessorFeatures::amx_tile, &ProcessorFeatures::amx_bf16}) {
    p = amx();
    p.*hidden = false;
    CHECK_FALSE(native(p));
    CHECK(why_no_amx(p) == "this processor has no AMX");
  }
  // What virtual machines may hide beside AMX.
  for (bool ProcessorFeatures::*hidden :
       {&ProcessorFeatures::avx512, &ProcessorFeatures::avx512_bf16, &ProcessorFeatures::avx512_fp16, &ProcessorFeatures::amx_int8}) {
    p = amx();
    p.*hidden = false;
    CHECK_FALSE(native(p));
    CHECK(why_no_amx(p).find("has AMX without") != std::string::npos);
  }
}

TEST_CASE("a limit of oneDNN counts as the processor's") {
  const auto limited = [](const char* name) {
    ProcessorFeatures p = amx();
    p.onednn_limit = name;
    return p;
  };
  for (const char* name : {"sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2"}) CHECK(product_set(limited(name)) == ProductSet::kNone);
  for (const char* name : {"avx512_core", "avx512_core_vnni"}) CHECK(product_set(limited(name)) == ProductSet::kAvx512);
  for (const char* name : {"avx512_core_bf16", "avx512_core_fp16", "avx10_1_512"}) CHECK(product_set(limited(name)) < ProductSet::kAmx);
  CHECK(why_no_amx(limited("avx512_core_bf16")) == "ONEDNN_MAX_CPU_ISA=avx512_core_bf16 excludes AMX");
  // The others allow AMX, and oneDNN takes no notice of names it does not know.
  for (const char* name : {"", "default", "all", "avx512_core_amx", "avx10_1_512_amx", "avx512_core_amx_fp16", "avx1024"}) {
    CHECK(product_set(limited(name)) == ProductSet::kAmx);
    CHECK(why_no_amx(limited(name)).empty());
  }
  ProcessorFeatures p = avx2();
  p.onednn_limit = "avx512_core_amx";
  CHECK(product_set(p) == ProductSet::kNone);
}

TEST_CASE("this processor is one of those there are") {
  const ProcessorFeatures& p = this_processor();
  CHECK((p.model.empty() || (p.model.front() > ' ' && p.model.back() > ' ')));
  CHECK((!p.avx512 || p.avx2));
  CHECK((!p.avx512_bf16 || p.avx512));
  CHECK((!p.tiles_granted || p.amx_tile));
  CHECK((product_set(p) == ProductSet::kAmx) == why_no_amx(p).empty());
}
