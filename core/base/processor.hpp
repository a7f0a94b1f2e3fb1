// The instruction sets that this process may use, and with which of them bfloat16 matrix products are worth computing natively (in
// bfloat16) rather than in float32.
// Gives: ProcessorFeatures, this_processor(), ProductSet, product_set(), multiplies_bfloat16_natively(), why_no_amx().
#pragma once

#include <string>

namespace sluice {

/// Instruction sets of a processor that the operating system lets this process use. All are false on processors other than x86-64.
struct ProcessorFeatures {
  bool avx2 = false;    // AVX2 and FMA
  bool avx512 = false;  // AVX-512 F, BW, DQ and VL
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_tile = false;
  bool amx_bf16 = false;
  bool amx_int8 = false;
  bool tiles_granted = false;  // the kernel has granted this process the tile registers of AMX; every process must ask for them
  int amd_family = 0;          // AMD's family number (26: Zen 5); 0 for other makers
  std::string model;           // brand string of the processor, "Intel(R) Xeon(R) ..."; "" if it has none
  std::string onednn_limit;    // value of ONEDNN_MAX_CPU_ISA (or DNNL_MAX_CPU_ISA) in lower case; "" if neither is set
};

/// The features of the processor that this process runs on, found at the first call.
const ProcessorFeatures& this_processor();

/// The instructions with which oneDNN multiplies bfloat16 matrices for LibTorch, from the slowest to the fastest.
enum class ProductSet {
  kNone,        // below AVX-512: plain loops
  kAvx512,      // AVX-512: bfloat16 widened to float32, then multiplied
  kAvx512Bf16,  // AVX512_BF16: dot products of pairs of bfloat16
  kZen5,        // AVX512_BF16 on Zen 5, about four times as fast as its float32
  kAmx,         // AMX: products of tiles
};
/// The best of them that the processor has, the operating system grants and ONEDNN_MAX_CPU_ISA allows.
ProductSet product_set(const ProcessorFeatures& processor);

/// Whether bfloat16 products are faster with these instructions than in float32. The measurements are in the .cpp.
bool multiplies_bfloat16_natively(ProductSet set);

/// Names the instructions of `set` in a clause for a message: "with AMX" or "with AVX512_BF16 of Zen 5". Only for sets that multiply
/// natively.
const char* native_with(ProductSet set);

/// Why product_set() of this processor is not kAmx, as a clause for a message; "" if it is kAmx.
std::string why_no_amx(const ProcessorFeatures& processor);

}  // namespace sluice
