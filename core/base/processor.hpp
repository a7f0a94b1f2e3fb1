// What this process may compute with, and which instruction sets count as native for products of bfloat16 matrices.
// Gives: ProcessorFeatures, this_processor(), ProductSet, product_set(), multiplies_bfloat16_natively(), why_no_amx().
#pragma once

#include <string>

namespace sluice {

/// Instruction sets of a processor, as far as the operating system lets this process use them; all false but on x86-64.
struct ProcessorFeatures {
  bool avx2 = false;    // with FMA
  bool avx512 = false;  // F, BW, DQ and VL
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_tile = false;
  bool amx_bf16 = false;
  bool amx_int8 = false;
  bool tiles_granted = false;  // the kernel lets this process use AMX's tiles: asked for, as every process must
  int amd_family = 0;          // AMD's number of the design (26: Zen 5); 0 for other makers
  std::string model;           // as the processor calls itself; "" if it does not
  std::string onednn_limit;    // of ONEDNN_MAX_CPU_ISA (or DNNL_MAX_CPU_ISA), in lower case; "" without
};

/// Of this process, found once.
const ProcessorFeatures& this_processor();

/// With what oneDNN, which multiplies LibTorch's bfloat16 matrices, does so: the best that a processor has.
enum class ProductSet {
  kNone,        // below AVX-512: plain loops
  kAvx512,      // pairs widened to float32
  kAvx512Bf16,  // dot products of pairs
  kZen5,        // the same at four times the rate of float32
  kAmx,         // tiles
};
ProductSet product_set(const ProcessorFeatures& processor);

/// The table: whether bfloat16 products are computed with that set rather than in float32.
bool multiplies_bfloat16_natively(ProductSet set);

/// What multiplies natively with `set`, as a clause for a message: "with AMX".
const char* native_with(ProductSet set);

/// Why product_set is below kAmx, as a clause for a message; "" if it is kAmx.
std::string why_no_amx(const ProcessorFeatures& processor);

}  // namespace sluice
