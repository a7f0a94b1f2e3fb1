#include "core/base/processor.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace sluice {
namespace {

// Reads the limit as oneDNN does: the first of the two variables that is set and not empty, without regard to case.
std::string onednn_limit() {
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string limit = value;
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    std::transform(limit.begin(), limit.end(), limit.begin(), lower);
    return limit;
  }
  return "";
}

#if defined(__x86_64__)
// The brand string, "Intel(R) Xeon(R) ...", without blanks at its ends.
std::string find_model() {
  std::array<unsigned, 12> words = {};
  for (unsigned part = 0; part < 3; ++part) {
    unsigned* const w = words.data() + std::size_t{4} * part;
    if (!__get_cpuid(0x80000002U + part, w, w + 1, w + 2, w + 3)) return "";
  }
  char text[sizeof words + 1] = {};
  std::memcpy(text, words.data(), sizeof words);
  const std::string_view model = text;
  const std::size_t first = model.find_first_not_of(' '), last = model.find_last_not_of(' ');
  return first == std::string_view::npos ? "" : std::string(model.substr(first, last - first + 1));
}

// 0 unless the processor is AMD's.
int find_amd_family() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || c != signature_AMD_ecx || d != signature_AMD_edx) return 0;
  __get_cpuid(1, &a, &b, &c, &d);
  return static_cast<int>((a >> 8 & 0xf) + (a >> 20 & 0xff));
}
#endif

ProcessorFeatures find_features() {
  ProcessorFeatures found;
  found.onednn_limit = onednn_limit();
#if defined(__x86_64__)
  found.model = find_model();
  found.amd_family = find_amd_family();
  found.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  found.avx512 = found.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  // Asked of CPUID directly, since older compilers have no names for these. Whether the operating system saves the registers of AVX-512
  // is part of `avx512`; the tiles of AMX are asked for below.
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    found.amx_bf16 = (d >> 22 & 1) != 0;
    found.avx512_fp16 = found.avx512 && (d >> 23 & 1) != 0;
    found.amx_tile = (d >> 24 & 1) != 0;
    found.amx_int8 = (d >> 25 & 1) != 0;
  }
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) found.avx512_bf16 = found.avx512 && (a >> 5 & 1) != 0;
  if (found.amx_tile) {
    // Linux gives tiles only to processes that ask, as oneDNN does at its first product; asking twice does nothing.
    constexpr int kRequestPermission = 0x1023, kTileData = 18;
    found.tiles_granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }
#endif
  return found;
}

// The values of ONEDNN_MAX_CPU_ISA that exclude an instruction set. oneDNN ignores values that it does not know.
constexpr std::array<std::string_view, 5> kBelowAvx512 = {"sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2"};
constexpr std::array<std::string_view, 2> kBelowBf16 = {"avx512_core", "avx512_core_vnni"};
constexpr std::array<std::string_view, 4> kBelowAmx = {"avx512_core_bf16", "avx512_core_fp16", "avx10_1_512", "avx10_2_512"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

ProductSet limit_of(std::string_view name) {
  if (is_one_of(kBelowAvx512, name)) return ProductSet::kNone;
  if (is_one_of(kBelowBf16, name)) return ProductSet::kAvx512;
  return is_one_of(kBelowAmx, name) ? ProductSet::kZen5 : ProductSet::kAmx;
}

// oneDNN's AMX kernels are for processors that have all of these.
bool has_amx(const ProcessorFeatures& p) { return p.amx_tile && p.amx_bf16 && p.amx_int8 && p.avx512 && p.avx512_bf16 && p.avx512_fp16; }

}  // namespace

const ProcessorFeatures& this_processor() {
  static const ProcessorFeatures features = find_features();
  return features;
}

ProductSet product_set(const ProcessorFeatures& p) {
  ProductSet best = ProductSet::kNone;
  if (p.avx512) best = ProductSet::kAvx512;
  if (p.avx512 && p.avx512_bf16) best = p.amd_family >= 26 ? ProductSet::kZen5 : ProductSet::kAvx512Bf16;
  if (has_amx(p) && p.tiles_granted) best = ProductSet::kAmx;
  return std::min(best, limit_of(p.onednn_limit));
}

bool multiplies_bfloat16_natively(ProductSet set) {
  // Products of 1024^3 on two cores, GFLOP/s in bfloat16 / in float32. Intel: a Xeon with AMX, the lower sets by ONEDNN_MAX_CPU_ISA.
  switch (set) {
    case ProductSet::kNone: return false;        // a fiftieth and less; Zen 5 by ONEDNN_MAX_CPU_ISA 53 / 204
    case ProductSet::kAvx512: return false;      // Intel 39 / 203, Zen 5 166 / 214
    case ProductSet::kAvx512Bf16: return false;  // Intel 111 to 119 / 203; Zen 4 not measured
    case ProductSet::kZen5: return true;         // 964 / 219
    case ProductSet::kAmx: return true;          // Intel 1,410 / 353
  }
  return false;
}

const char* native_with(ProductSet set) { return set == ProductSet::kAmx ? "with AMX" : "with AVX512_BF16 of Zen 5"; }

std::string why_no_amx(const ProcessorFeatures& p) {
  if (!p.amx_tile || !p.amx_bf16) return "this processor has no AMX";
  if (!has_amx(p)) return "this processor has AMX without the AVX-512 (bfloat16 and float16) that LibTorch wants beside it";
  if (!p.tiles_granted) return "the operating system does not let this process use AMX";
  if (limit_of(p.onednn_limit) < ProductSet::kAmx) return fmt::format("ONEDNN_MAX_CPU_ISA={} excludes AMX", p.onednn_limit);
  return "";
}

}  // namespace sluice
