#include "recipes/run/memory_estimate.hpp"

#include "recipes/run/units.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

namespace sluice::recipes {
namespace {

// All numbers are doubles: bytes fit into 64-bit integers, but not every product on the way does.
struct Sizes {
  explicit Sizes(const MemoryShape& shape)
      : a(of(shape.dtype)),
        p(of(shape.product)),
        s(shape.dtype == DType::kFloat64 ? 8 : 4),
        c(p == a ? 0 : p),
        rounds(shape.product == DType::kBFloat16),
        N(static_cast<double>(shape.micro_batch_size) * static_cast<double>(shape.seq_length)),
        D(static_cast<double>(shape.hidden_size)),
        F(static_cast<double>(shape.expert_hidden_size)),
        F_shared(static_cast<double>(shape.shared_hidden_size)),
        pairs(N * static_cast<double>(shape.top_k)) {}
  static double of(DType type) { return static_cast<double>(size_of(type)); }

  double a, p, s, c;  // bytes, see memory_estimate.hpp
  bool rounds;        // gradients of weights are products in bfloat16 before they are added up
  double N, D, F, F_shared;
  double pairs;  // (token, k), and rows of experts at even load
};

double attention(const Sizes& n, const MemoryShape& shape) {
  const double H = static_cast<double>(shape.num_attention_heads), K = static_cast<double>(shape.num_key_value_heads);
  const double h = static_cast<double>(shape.head_dim);
  // Kernels that take no fewer heads of keys and values than of queries get repeated ones (core/nn/attention_kernel.hpp).
  const double key_heads = shape.on_device && shape.product == DType::kBFloat16 ? K : H;
  double bytes = 2 * n.a * n.D + 2 * n.p * (H + key_heads) * h + n.s * H + n.s + 8;
  if (n.c > 0) bytes += n.a * H * h;
  if (shape.qk_norm) bytes += n.a * (H + K) * h + n.s * (shape.qk_norm_by_head ? H + K : 2);
  return n.N * bytes;
}

double dense_feed_forward(const Sizes& n, double F) { return n.N * (n.a * (2 * n.D + 3 * F) + n.s); }

double routed(const Sizes& n, const MemoryShape& shape) {
  return n.pairs * (n.a * (n.D + (shape.on_device ? 3 : 2) * n.F) + n.s + (shape.spanning_exchange ? 16 : 0));
}

// Rows of gate and up that an expert has beyond its own: half a step of the grid of row counts (core/ops/row_grid.hpp) on average.
double rows_beyond(const Sizes& n, const MemoryShape& shape) {
  if (!n.rounds || shape.num_experts == 0 || shape.on_device) return 0;
  const double owned = static_cast<double>(shape.num_experts) / static_cast<double>(shape.expert);
  return owned * std::max(8.0, n.pairs / owned / 40);
}

double choice(const Sizes& n, const MemoryShape& shape) {
  return n.pairs * (36 + 2 * n.s + (24 + 7 * n.s) * static_cast<double>(shape.family_levels));
}

// Gate and up of the routed experts; on a device their product too.
double gate_up(const Sizes& n, const MemoryShape& shape) {
  return (n.pairs + rows_beyond(n, shape)) * n.a * 2 * n.F + (shape.on_device ? n.pairs * n.a * n.F : 0);
}

double moe_feed_forward(const Sizes& n, const MemoryShape& shape) {
  const double scores = n.N * 2 * n.s * static_cast<double>(shape.num_families);
  return dense_feed_forward(n, n.F_shared) + scores + choice(n, shape) + routed(n, shape) + rows_beyond(n, shape) * n.a * 2 * n.F;
}

// What a layer's parts keep from forward to backward.
struct Kept {
  double attention, dense, moe;
};
Kept kept_by(const Sizes& n, const MemoryShape& shape) {
  const double norm = 2 * n.a * n.D;  // the residual stream and its norm, or what is to be added to it
  Kept kept = {attention(n, shape), dense_feed_forward(n, static_cast<double>(shape.intermediate_size)), moe_feed_forward(n, shape)};
  if (shape.recompute == Recompute::kLayer) kept = {n.N * norm, 0, choice(n, shape)};
  if (shape.recompute == Recompute::kAttention) kept.attention = n.N * (norm + n.s + 8);
  if (shape.recompute == Recompute::kExperts) kept.moe -= gate_up(n, shape);
  return kept;
}

double loss_rows(const Sizes& n, const MemoryShape& shape) { return std::min(n.N, static_cast<double>(shape.loss_block_rows)); }

// Bytes that the loss borrows from the arena of workspaces, which keeps them: a block of logits and, in bfloat16, the head's gradient
// before it is added up.
double loss_workspaces(const Sizes& n, const MemoryShape& shape) {
  const double V = static_cast<double>(shape.vocab_size);
  return loss_rows(n, shape) * V * n.p + (n.rounds ? V * n.D * n.p : 0);
}

double loss(const Sizes& n, const MemoryShape& shape) {
  return loss_workspaces(n, shape) + loss_rows(n, shape) * n.c * n.D + n.N * n.c * n.D;
}

// The backward functions below give the bytes that a layer needs in addition at its worst moment. They start when the last residual and the
// gradient of its norm are freed and the gradient of the layer's output, N a D, is there.
double dense_backward(const Sizes& n, double F) {
  const double rounded = n.rounds ? n.D * F * n.p : 0;
  // Three moments: the gradients of down's weight and of its input; then the gradients of gate and up, after their product is freed; then
  // the gradients of their weights and of the layer's input, after gate and up are freed too.
  const double down = n.N * n.c * (n.D + F) + std::max(n.N * n.a * F, rounded);
  const double gate_up = n.N * (n.c * (2 * F + n.D) - n.a * F) + std::max(n.N * n.a * n.D, 2 * rounded);
  return std::max({down, n.N * 2 * n.a * F, gate_up});
}

// Bytes that the backward pass of a layer borrows from the arena.
double backward_workspaces(const Sizes& n, const MemoryShape& shape) {
  const double F = static_cast<double>(shape.intermediate_size);
  double most = shape.num_moe_layers < shape.num_layers && n.rounds ? n.D * F * n.p : 0;
  if (shape.num_moe_layers > 0) {
    const double owned = static_cast<double>(shape.num_experts) / static_cast<double>(shape.expert);
    const double at_once = shape.on_device ? owned : std::min(owned, static_cast<double>(shape.threads));
    most = std::max(most, at_once * (n.pairs / owned * 4 * n.a * n.F + (n.rounds ? 2 * n.D * n.F * n.p : 0)));
  }
  return most;
}

double moe_backward(const Sizes& n, const MemoryShape& shape) {
  const double owned = static_cast<double>(shape.num_experts) / static_cast<double>(shape.expert);
  const double at_once = shape.on_device ? owned : std::min(owned, static_cast<double>(shape.threads));
  // Two moments: the gradients of rows on their way to the experts (sorted, arrived, in expert order); then at the experts the gradients of
  // the rows and of the output and, for the experts at work, the product of gate and up and the gradients of gate, up and the product.
  const double rows_back = n.pairs * n.a * n.D * (shape.spanning_exchange ? 3 : 1);
  const double of_row = 4 * n.a * n.F + n.c * (n.D + 2 * n.F + std::max(n.D, n.F));
  const double experts = 2 * n.pairs * n.a * n.D + at_once * (n.pairs / owned * of_row + (n.rounds ? 2 * n.D * n.F * n.p : 0));
  double bytes = std::max(rows_back, experts);
  // The shared experts come first. The gradient of their input stays, what they kept for backward is freed.
  if (n.F_shared > 0) bytes = std::max(dense_backward(n, n.F_shared), bytes + n.N * n.a * (n.D - 3 * n.F_shared));
  return bytes;
}

double last_layer_backward(const Sizes& n, const MemoryShape& shape) {
  const double gradients = 4 * n.N * n.p * static_cast<double>(shape.num_attention_heads * shape.head_dim);  // of output, q, k, v
  const double whole = attention(n, shape);
  const Kept kept = kept_by(n, shape);
  double most = 0;
  // First through the feed-forward part; then, when what it kept is freed, through attention. Each is computed again before, if it is.
  const auto through = [&](double backward, double part, double part_kept) {
    double again = 0, attention_again = whole - kept.attention;
    if (shape.recompute == Recompute::kLayer) {
      again = whole - kept.attention + part - part_kept;
      attention_again = again - part;
    }
    most = std::max({most, again + backward, attention_again + gradients - part_kept});
  };
  const double dense = dense_feed_forward(n, static_cast<double>(shape.intermediate_size)), moe = moe_feed_forward(n, shape);
  if (shape.num_moe_layers < shape.num_layers) through(dense_backward(n, static_cast<double>(shape.intermediate_size)), dense, kept.dense);
  if (shape.num_moe_layers > 0) {
    const double experts_again = shape.recompute == Recompute::kExperts ? gate_up(n, shape) : 0;
    through(experts_again + moe_backward(n, shape), moe, kept.moe);
  }
  return most - n.N * n.a * n.D;
}

}  // namespace

MemoryEstimate estimate_memory(const MemoryShape& shape) {
  const Sizes n(shape);
  const double experts = static_cast<double>(shape.expert_parameters) / static_cast<double>(shape.expert);
  const double parameters = static_cast<double>(shape.dense_parameters) + experts;
  MemoryEstimate bytes;
  bytes.parameters = parameters * n.s;
  bytes.copies = n.a == n.s ? 0 : parameters * n.p;
  bytes.gradients = parameters * n.s;
  bytes.optimizer = parameters * 2 * n.s;
  bytes.origin = static_cast<double>(shape.origin_parameters) * n.a;

  const double layers = static_cast<double>(shape.num_layers), moe_layers = static_cast<double>(shape.num_moe_layers);
  const Kept kept_parts = kept_by(n, shape);
  bytes.activations = layers * kept_parts.attention + moe_layers * kept_parts.moe + (layers - moe_layers) * kept_parts.dense +
                      n.N * (3 * n.a * n.D + 2 * n.s + 16) +
                      static_cast<double>(shape.seq_length) * static_cast<double>(shape.head_dim) * n.s;
  const double reduction = static_cast<double>(shape.receive_bytes) - bytes.activations;
  // The workspaces of the loss are still in the arena; backward borrows them again, so only what it does not need comes on top.
  const double kept = loss_workspaces(n, shape),
               backward = last_layer_backward(n, shape) + std::max(0.0, kept - backward_workspaces(n, shape));
  bytes.buffers = std::max({0.0, loss(n, shape), backward, reduction + kept});
  bytes.worst_load = static_cast<double>(shape.expert - 1) * routed(n, shape) * moe_layers;
  return bytes;
}

std::string largest_parts(const MemoryEstimate& estimate, bool is_sparse, Recompute recompute) {
  struct Part {
    const char* name;
    double bytes;
    std::string keys;
  };
  const std::string sizes = "model.hidden_size, model.intermediate_size, model.num_layers";
  std::string activations = "train.micro_batch_size, data.seq_length";
  if (recompute != Recompute::kLayer) activations += ", train.recompute: layer";
  std::vector<Part> parts = {
      {"weights, gradients and moments", estimate.model(),
       is_sparse ? "moe.num_experts, moe.expert_hidden_size, parallel.expert; " + sizes : sizes},
      {"activations", estimate.activations, activations},
      {"buffers", estimate.buffers, "train.micro_batch_size, data.seq_length"},
      {"uneven load", estimate.worst_load, "moe.capacity_factor"},
      {"the model before, while it is converted", estimate.conversion, "moe.num_experts of the stage before; conversion_sequences"}};
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.bytes > b.bytes; });
  std::string text;
  for (std::size_t i = 0; i < 3 && parts[i].bytes > 0; ++i)
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", parts[i].name, human_bytes(parts[i].bytes), parts[i].keys);
  return text;
}

}  // namespace sluice::recipes
