// `sluice bench moe`: prints what a sparse layer costs beside a dense one, as a table or as JSON.
#include "core/base/counted.hpp"
#include "core/base/host.hpp"
#include "core/base/log.hpp"
#include "launch/engine/commands.hpp"
#include "launch/engine/moe_bench.hpp"
#include "recipes/stages/device_choice.hpp"
#include "recipes/stages/threads.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <string>

namespace sluice {
namespace {

nlohmann::ordered_json to_json(const MoeBenchShape& shape, const MoeBenchResult& r) {
  const std::int64_t expert = 3 * shape.hidden_size * shape.expert_hidden_size, router = shape.hidden_size * shape.num_experts;
  // For each weight of a token's experts two operations in forward and four in backward. The router's operations are left out.
  const double operations = 6.0 * static_cast<double>(shape.rows * shape.top_k * expert);
  return {{"num_experts", shape.num_experts},
          {"moe_ms", 1e3 * r.moe_seconds},
          {"dense_ms", 1e3 * r.dense_seconds},
          {"ratio", r.ratio},
          {"ratio_quartiles", {r.lower_quartile, r.upper_quartile}},
          {"moe_gflops", operations / r.moe_seconds * 1e-9},
          {"dense_gflops", operations / r.dense_seconds * 1e-9},
          {"kept_bytes_per_token", r.moe_kept_bytes_per_token},
          {"dense_kept_bytes_per_token", r.dense_kept_bytes_per_token},
          {"fullest_expert", r.fullest_expert},
          {"total_parameters", router + expert * shape.num_experts},
          {"active_parameters", router + expert * shape.top_k}};
}

void print_row(const nlohmann::ordered_json& row) {
  const auto number = [&](const char* name) { return row[name].get<double>(); };
  const std::string quartiles =
      fmt::format("({:.3f} - {:.3f})", row["ratio_quartiles"][0].get<double>(), row["ratio_quartiles"][1].get<double>());
  log_info("{:>7} {:>8.2f} {:>8.2f} {:>6.3f} {} {:>9.1f} {:>10.0f} {:>10.0f} {:>8.2f} {:>8.2f}", row["num_experts"].get<std::int64_t>(),
           number("moe_ms"), number("dense_ms"), number("ratio"), quartiles, number("moe_gflops"), number("kept_bytes_per_token"),
           number("dense_kept_bytes_per_token"), number("fullest_expert"), number("total_parameters") * 1e-6);
}

at::Device device_for_bench(Device wanted) {
  const recipes::RankDevice own = recipes::find_rank_device(wanted == Device::kCpu ? CudaDevices{} : find_cuda_devices(), 0);
  return recipes::use_device(recipes::choose_device(wanted, false, {host_name()}, {own}), own);
}

void print_header(const MoeBenchOptions& o, int threads, at::Device device) {
  log_info("{} rows, width {}, experts of width {}, top-{}, {}, {}", o.rows, o.hidden_size, o.expert_hidden_size, o.top_k, name_of(o.dtype),
           device.is_cpu() ? counted(threads, "thread") : device.str());
  log_info("forward and backward, median of {} rounds in turn with a dense SwiGLU of width {}", o.repeats, o.top_k * o.expert_hidden_size);
  constexpr const char* kColumns = "{:>7} {:>8} {:>8} {:>6} {:^15} {:>9} {:>10} {:>10} {:>8} {:>8}";
  log_info(kColumns, "", "", "", "dense/", "", "", "kept", "dense kept", "fullest", "million");
  log_info(kColumns, "experts", "moe ms", "dense ms", "moe", "quartiles", "GFLOP/s", "bytes/tok", "bytes/tok", "/ mean", "weights");
}

}  // namespace

int bench_command(const BenchOptions& options) {
  const MoeBenchOptions& o = options.moe;
  const int threads = recipes::use_threads(o.threads, 1);
  const at::Device device = device_for_bench(options.device);
  nlohmann::ordered_json result = {{"benchmark", "moe"},
                                   {"rows", o.rows},
                                   {"hidden_size", o.hidden_size},
                                   {"expert_hidden_size", o.expert_hidden_size},
                                   {"top_k", o.top_k},
                                   {"dtype", std::string(name_of(o.dtype))},
                                   {"device", device.str()},
                                   {"threads", threads},
                                   {"repeats", o.repeats},
                                   {"reference", "dense SwiGLU of width top_k * expert_hidden_size, in turn, same run"},
                                   {"measured", "forward and backward; ratio = dense time / moe time, median of the rounds"},
                                   {"results", nlohmann::ordered_json::array()}};
  if (!options.json) print_header(o, threads, device);
  for (const std::int64_t experts : o.num_experts) {
    const MoeBenchShape shape{o.rows, o.hidden_size, o.expert_hidden_size, experts, o.top_k, o.dtype};
    const nlohmann::ordered_json& row = result["results"].emplace_back(to_json(shape, bench_moe(shape, o.repeats, device)));
    if (!options.json) print_row(row);
  }
  if (options.json) log_info("{}", result.dump(1));
  return 0;
}

}  // namespace sluice
