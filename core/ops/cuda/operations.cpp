// cuda.hpp in a build with CUDA.
#include "core/ops/cuda.hpp"
#include "core/ops/cuda/forms.hpp"

namespace sluice::ops {

const CudaOperations& cuda_operations() {
  static const CudaOperations all = [] {
    CudaOperations table;
    add_rms_norm_forms(table);
    add_rope_forms(table);
    add_swiglu_forms(table);
    add_cross_entropy_forms(table);
    add_rows_forms(table);
    add_columns_forms(table);
    add_router_forms(table);
    add_expert_slots_forms(table);
    add_grouped_product_forms(table);
    add_adamw_forms(table);
    add_reduce_forms(table);
    return table;
  }();
  return all;
}

}  // namespace sluice::ops
