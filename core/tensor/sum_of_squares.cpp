#include "core/tensor/sum_of_squares.hpp"

#include "core/kernels/reduce.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice {

double sum_of_squares(const at::Tensor& values) {
  return SLUICE_DISPATCH(values.scalar_type(), [&]() -> double { return kernels::sum_of_squares(data_of<const A>(values), values.numel()); });
}

}  // namespace sluice
