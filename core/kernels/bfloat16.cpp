#include "core/kernels/bfloat16.hpp"

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/bfloat16.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {
namespace {

template <class From, class To>
void convert_all(const From* from, To* to, std::int64_t n) {
  const auto block = SLUICE_FOR_THIS_CPU(convert_block<From, To>);
  parallel_blocks(n, kBlockElements, [&](std::int64_t begin, std::int64_t end) { block(from + begin, to + begin, end - begin); });
}

}  // namespace

void convert(const float* from, BFloat16* to, std::int64_t n) {
  convert_all(from, to, n);
}
void convert(const BFloat16* from, float* to, std::int64_t n) {
  convert_all(from, to, n);
}

namespace reference {

void convert(const float* from, BFloat16* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = to_bfloat16(from[i]);
}
void convert(const BFloat16* from, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = to_float(from[i]);
}

}  // namespace reference
}  // namespace sluice::kernels
