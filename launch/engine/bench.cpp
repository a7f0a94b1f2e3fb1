// sluice bench moe: one sparse layer, forward and backward, against a dense SwiGLU of equal active width measured in the same run.
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/nn/swiglu.hpp"
#include "core/tensor/dtype_map.hpp"
#include "launch/engine/commands.hpp"
#include "moe/moe_feed_forward.hpp"
#include "recipes/stages/threads.hpp"
#include "recipes/stages/train_model.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <sstream>
#include <vector>

namespace sluice {
namespace {

struct Shape {
  std::int64_t rows = 2048, hidden = 256, expert_hidden = 512, top_k = 2, repeats = 9, threads = 0;
  std::vector<std::int64_t> experts = {8, 16, 32, 64, 128};
  DType dtype = DType::kFloat32;
};

std::int64_t to_integer(const std::string& key, const std::string& value) {
  std::size_t used = 0;
  std::int64_t number = 0;
  try {
    number = std::stoll(value, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != value.size() || number < 1) throw usage_error("bench: {}={} is not a positive integer", key, value);
  return number;
}

Shape parse_shape(const std::map<std::string, std::string>& options) {
  Shape shape;
  for (const auto& [key, value] : options) {
    if (key == "rows") shape.rows = to_integer(key, value);
    else if (key == "hidden_size") shape.hidden = to_integer(key, value);
    else if (key == "expert_hidden_size") shape.expert_hidden = to_integer(key, value);
    else if (key == "top_k") shape.top_k = to_integer(key, value);
    else if (key == "repeats") shape.repeats = to_integer(key, value);
    else if (key == "threads") shape.threads = to_integer(key, value);
    else if (key == "dtype") {
      if (value == "float32") shape.dtype = DType::kFloat32;
      else if (value == "bfloat16") shape.dtype = DType::kBFloat16;
      else if (value == "float64") shape.dtype = DType::kFloat64;
      else throw usage_error("bench: dtype={} is not one of float32, bfloat16, float64", value);
    } else if (key == "num_experts") {
      shape.experts.clear();
      std::istringstream list(value);
      for (std::string item; std::getline(list, item, ',');) shape.experts.push_back(to_integer(key, item));
    } else {
      throw usage_error("bench moe: unknown option '{}'; there are rows, hidden_size, expert_hidden_size, num_experts (a list), top_k, dtype, threads, repeats", key);
    }
  }
  return shape;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A slot with gradients to write to, run forward and backward once.
class Subject {
 public:
  explicit Subject(FeedForward& slot) : slot_(slot) {
    std::vector<Parameter*> all;
    slot.collect(all);
    parameters_ = ParameterSet(all);
    for (Parameter* p : all) recipes::fill_normal(p->value.dim() == 3 ? p->value.view({-1, p->value.size(2)}) : p->value, 3, p->name, 0.05);
  }
  void refresh(at::ScalarType type) {
    for (Parameter* p : parameters_.all()) p->refresh_compute(type);
  }
  double run(const at::Tensor& x, const at::Tensor& dy, const RowTable& rows) {
    at::Tensor input = x.detach().set_requires_grad(true);
    parameters_.clear_gradients();
    const Stopwatch watch;
    const SlotOutput out = slot_.forward(input, rows, {0, "forward", true});
    out.y.backward(dy);
    return watch.seconds();
  }

 private:
  FeedForward& slot_;
  ParameterSet parameters_;
};

nlohmann::ordered_json measure(const Shape& shape, std::int64_t experts) {
  const at::ScalarType type = to_torch(shape.dtype);
  moe::MoeConfig config;
  config.num_experts = experts;
  config.top_k = shape.top_k;
  config.expert_hidden_size = shape.expert_hidden;
  config.layers = {0};
  moe::MoeFeedForward sparse("sparse", 0, config, shape.hidden, {}, parallel::make_local_exchange(), type);
  DenseFeedForward dense("dense", shape.hidden, shape.top_k * shape.expert_hidden, type);
  Subject a(sparse), b(dense);
  a.refresh(type);
  b.refresh(type);
  at::Tensor x = at::empty({shape.rows, shape.hidden}), dy = at::empty_like(x);
  recipes::fill_normal(x, 5, "x", 1.0);
  recipes::fill_normal(dy, 5, "dy", 1.0);
  x = x.to(type);
  dy = dy.to(type);
  RowTable rows;
  rows.sequences = 1;
  rows.length = shape.rows;
  rows.sample_indices = {0};
  std::vector<double> sparse_seconds, dense_seconds, ratios;
  for (std::int64_t i = -2; i < shape.repeats; ++i) {  // the first two warm up
    const double d = b.run(x, dy, rows), s = a.run(x, dy, rows);
    if (i < 0) continue;
    dense_seconds.push_back(d);
    sparse_seconds.push_back(s);
    ratios.push_back(d / s);
  }
  const double flops = 18.0 * static_cast<double>(shape.rows * shape.hidden * shape.top_k * shape.expert_hidden);
  const std::int64_t element = static_cast<std::int64_t>(size_of(shape.dtype));
  return {{"num_experts", experts},
          {"sparse_ms", 1e3 * median(sparse_seconds)},
          {"dense_ms", 1e3 * median(dense_seconds)},
          {"ratio_to_dense", median(ratios)},
          {"sparse_gflops", flops / median(sparse_seconds) * 1e-9},
          {"dense_gflops", flops / median(dense_seconds) * 1e-9},
          // Kept for backward by the expert function: rows, gate and up, row weights; and for each (token, k) two integers.
          {"saved_bytes_per_token", shape.top_k * ((shape.hidden + 2 * shape.expert_hidden) * element + 4 + 16)},
          {"total_parameters", 3 * shape.hidden * shape.expert_hidden * experts},
          {"active_parameters", 3 * shape.hidden * shape.expert_hidden * shape.top_k}};
}

}  // namespace

int bench_command(const BenchOptions& options) {
  if (options.target != "moe") throw usage_error("bench: there is no benchmark '{}'; there is: moe", options.target);
  const Shape shape = parse_shape(options.options);
  const int threads = recipes::use_threads(shape.threads, 1);
  nlohmann::ordered_json result = {{"benchmark", "moe"}, {"rows", shape.rows}, {"hidden_size", shape.hidden}, {"expert_hidden_size", shape.expert_hidden},
                                   {"top_k", shape.top_k}, {"dtype", name_of(shape.dtype)}, {"threads", threads}, {"reference", "dense SwiGLU of width top_k * expert_hidden_size, same run"}};
  for (const std::int64_t experts : shape.experts) result["results"].push_back(measure(shape, experts));
  if (options.json) {
    log_info("{}", result.dump(1));
    return 0;
  }
  log_info("{} rows, width {}, experts of width {}, top-{}, {}, {} threads; dense reference of equal active width", shape.rows, shape.hidden, shape.expert_hidden, shape.top_k,
           name_of(shape.dtype), threads);
  log_info("{:>8} {:>11} {:>10} {:>8} {:>10}", "experts", "sparse ms", "dense ms", "ratio", "GFLOP/s");
  for (const auto& row : result["results"])
    log_info("{:>8} {:>11.2f} {:>10.2f} {:>8.3f} {:>10.1f}", row["num_experts"].get<std::int64_t>(), row["sparse_ms"].get<double>(), row["dense_ms"].get<double>(),
             row["ratio_to_dense"].get<double>(), row["sparse_gflops"].get<double>());
  return 0;
}

}  // namespace sluice
