// The CUDA forms of operations: each function fills in its part of the table. Included in core/ops/cuda only.
#pragma once

#include "core/ops/cuda.hpp"

namespace sluice::ops {

void add_rms_norm_forms(CudaOperations& table);
void add_rope_forms(CudaOperations& table);
void add_swiglu_forms(CudaOperations& table);
void add_cross_entropy_forms(CudaOperations& table);
void add_rows_forms(CudaOperations& table);
void add_columns_forms(CudaOperations& table);
void add_router_forms(CudaOperations& table);
void add_expert_slots_forms(CudaOperations& table);
void add_grouped_product_forms(CudaOperations& table);
void add_adamw_forms(CudaOperations& table);
void add_reduce_forms(CudaOperations& table);

}  // namespace sluice::ops
