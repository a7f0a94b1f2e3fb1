#include "core/ops/embedding.hpp"

#include "core/kernels/rows.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/composed.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

// On the CPU this is ATen's own operator, which is as fast as memory allows.
void kernel_forward(const at::Tensor& table, const at::Tensor& ids, const at::Tensor& rows) {
  at::Tensor out = rows;
  at::index_select_out(out, table, 0, ids);
}

void composed_forward(const at::Tensor& table, const at::Tensor& ids, const at::Tensor& rows) { rows.copy_(rows_at(table, ids)); }

void kernel_backward(const at::Tensor& dy, const at::Tensor& ids, const at::Tensor& dtable) {
  SLUICE_DISPATCH(dy.scalar_type(), [&] {
    kernels::embedding_backward(data_of<const T>(dy), data_of<const std::int64_t>(ids), dy.size(0), dy.size(1), dtable.size(0),
                                data_of<A>(dtable));
  });
}

// Rows of a repeated id must be added in order. On the CPU index_add_ does that, on a device index_put_ (which sorts stably); the other
// one of the two does not.
void composed_backward(const at::Tensor& dy, const at::Tensor& ids, const at::Tensor& dtable) {
  const at::Tensor wide = dy.to(dtable.scalar_type());
  if (dtable.is_cpu()) dtable.index_add_(0, ids, wide);
  else dtable.index_put_(c10::List<std::optional<at::Tensor>>({ids}), wide, true);
}

}  // namespace

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids) {
  const Arguments arguments("embedding", table);
  arguments.check_values("table", table, {-1, -1});
  arguments.check("ids", ids, at::kLong, {-1});
  at::Tensor rows = at::empty({ids.size(0), table.size(1)}, table.options());
  run(table, kernel_forward, composed_forward, cuda_operations().embedding, table, ids, rows);
  return rows;
}

void embedding_backward(const at::Tensor& dy, const at::Tensor& ids, const at::Tensor& dtable) {
  const Arguments arguments("embedding_backward", dy);
  arguments.check_values("dy", dy, {-1, -1});
  arguments.check("ids", ids, at::kLong, {dy.size(0)});
  arguments.check("dtable", dtable, accumulate_type(dy.scalar_type()), {-1, dy.size(1)});
  run(dy, kernel_backward, composed_backward, cuda_operations().embedding_backward, dy, ids, dtable);
}

}  // namespace sluice::ops
