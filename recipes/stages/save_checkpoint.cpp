#include "recipes/stages/save_checkpoint.hpp"

#include "core/base/log.hpp"
#include "core/checkpoint/checkpoint_directory.hpp"
#include "core/checkpoint/shard_plan.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/error_line.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/comm/heartbeat_ticker.hpp"
#include "recipes/stages/rank0.hpp"

#include <fmt/core.h>

#include <functional>
#include <optional>
#include <span>

namespace sluice::recipes {
namespace {

using checkpoint::StoredType;
using parallel::OperationLabel;

// One tensor of a file: who has it, and how that rank makes its bytes.
struct Piece {
  checkpoint::TensorInfo info;
  std::int64_t expert = -1;  // -1: every rank has it
  std::function<at::Tensor()> make;
};

struct FileJob {
  std::string name;  // inside the checkpoint
  std::vector<Piece> pieces;
};

at::ScalarType torch_type(StoredType type) { return to_torch(*checkpoint::dtype_of(type)); }

class Saver {
 public:
  Saver(parallel::World& world, TrainModel& model, const Layout& layout, const SaveRequest& request)
      : world_(world), model_(model), layout_(layout), request_(request), leaves_(leaves_of(model)) {
    description_ = describe(model, request.tokenizer->eos_id());
    plan_model();
    plan_optimizer();
    plan_routing();
  }

  std::filesystem::path run() {
    // How long a disk takes is outside the deadlines, as long as it gets on.
    ticker_.emplace(world_, fmt::format("saving step {}", request_.state.step));
    guarded("preparing", [&] {
      if (layout_.rank() == 0) save_ = checkpoint::prepare_save(request_.checkpoints, request_.state.step);
    });
    agree("prepare");
    save_ = checkpoint::save_path(request_.checkpoints, request_.state.step);
    checkpoint::Manifest mine;
    for (std::size_t i = 0; i < jobs_.size(); ++i) write_file(jobs_[i], checkpoint::writing_rank(i, jobs_.size(), layout_.size()), mine);
    guarded("reading back", [&] {
      const auto damages = checkpoint::verify_files(save_, mine, checkpoint::VerifyDepth::kEverything, [&](const std::string& file) { got_on("reading back " + file); });
      checkpoint::require_undamaged(save_, damages);
    });
    agree("write");
    checkpoint::Manifest whole = collect(mine);
    guarded("committing", [&] {
      if (layout_.rank() != 0) return;
      add_small_files(whole);
      request_.sync_logs();
      checkpoint::commit_save(request_.checkpoints, whole);
    });
    agree("commit");
    if (layout_.rank() == 0) prune();
    ticker_.reset();
    return request_.checkpoints / checkpoint::step_folder_name(request_.state.step);
  }

 private:
  // The new checkpoint stands, whatever becomes of the old ones.
  void prune() {
    got_on("removing old checkpoints");
    try {
      checkpoint::prune_checkpoints(request_.checkpoints, request_.keep, {request_.state.step});
    } catch (const Error& error) {
      log_warning("old checkpoints were not all removed: {}", error.what());
    }
  }

  void plan_model() {
    std::map<std::string, StoredTensor> by_name;
    std::vector<checkpoint::TensorInfo> infos;
    for (StoredTensor& tensor : stored_tensors(description_)) {
      infos.push_back(tensor.info);
      by_name.emplace(tensor.info.name, std::move(tensor));
    }
    const checkpoint::ShardPlan plan = checkpoint::plan_shards(infos, request_.max_file_bytes);
    for (const checkpoint::Shard& shard : plan.shards) {
      FileJob job{shard.file, {}};
      for (const checkpoint::TensorInfo& info : shard.tensors) {
        const StoredTensor& tensor = by_name.at(info.name);
        Piece piece{info, tensor.source ? tensor.source->expert : -1, {}};
        const std::string name = tensor.canonical_name;
        const bool zeros = !tensor.source;
        const bool bias = tensor.source && tensor.source->role == TensorRole::kRouterBias;
        const std::int64_t layer = tensor.source ? tensor.source->layer : -1;
        piece.make = [this, info, name, zeros, bias, layer] {
          if (zeros) return at::zeros(info.shape, at::TensorOptions().dtype(torch_type(info.type)));
          if (bias) return router(layer).correction_bias.to(torch_type(info.type));
          return leaves_.at(name).value.to(torch_type(info.type));
        };
        job.pieces.push_back(std::move(piece));
      }
      jobs_.push_back(std::move(job));
    }
    if (!plan.single_file()) small_files_.emplace(plan.index_name(), plan.index_json());
  }

  void plan_optimizer() {
    const checkpoint::ShardPlan plan = checkpoint::plan_shards(optimizer_tensors(description_, request_.state), request_.max_file_bytes, "optimizer");
    std::map<std::string, std::int64_t> expert_of;
    for (const CanonicalTensor& tensor : canonical_tensors(description_)) expert_of[tensor.name] = tensor.expert;
    for (const checkpoint::Shard& shard : plan.shards) {
      FileJob job{"state/" + shard.file, {}};
      for (const checkpoint::TensorInfo& info : shard.tensors) {
        const std::size_t slash = info.name.find('/');
        const std::string kind = info.name.substr(0, slash), leaf = info.name.substr(slash + 1);
        job.pieces.push_back({info, expert_of.at(leaf), [this, kind, leaf] {
          const LeafView& view = leaves_.at(leaf);
          if (kind == "updates") return at::tensor(view.updates->updates(), at::kLong);
          return kind == "exp_avg" ? view.exp_avg : kind == "exp_avg_sq" ? view.exp_avg_sq : view.value;
        }});
      }
      jobs_.push_back(std::move(job));
    }
    if (!plan.single_file()) small_files_.emplace("state/" + plan.index_name(), plan.index_json());
  }

  void plan_routing() {
    if (!model_.moe) return;
    FileJob job{"state/routing.safetensors", {}};
    for (const auto& [name, tensor] : routing_state(model_)) {
      const checkpoint::TensorInfo info{name, checkpoint::stored_type_of(from_torch(tensor.scalar_type())), tensor.sizes().vec()};
      job.pieces.push_back({info, -1, [tensor = tensor] { return tensor; }});
    }
    jobs_.push_back(std::move(job));
  }

  moe::Router& router(std::int64_t layer) {
    for (std::size_t i = 0; i < model_.sparse.size(); ++i) {
      if (model_.moe->layers[i] == layer) return model_.sparse[i]->router;
    }
    throw data_error("layer {} has no router", layer);
  }

  // The rank that hands over a piece: the writer itself if it has it, else the first rank that does.
  int holder(const Piece& piece, int writer) const {
    if (piece.expert < 0) return writer;
    const parallel::Mesh& mesh = *layout_.mesh;
    const int member = parallel::owner_of_expert(static_cast<int>(model_.moe->num_experts), mesh.expert(), static_cast<int>(piece.expert));
    return mesh.expert_member_of(writer) == member ? writer : mesh.expert_group(0)[static_cast<std::size_t>(member)];
  }

  void write_file(const FileJob& job, int writer, checkpoint::Manifest& manifest) {
    const int rank = layout_.rank();
    std::optional<checkpoint::SafetensorsWriter> out;
    if (rank == writer) {
      guarded(job.name, [&] {
        std::vector<checkpoint::TensorInfo> infos;
        for (const Piece& piece : job.pieces) infos.push_back(piece.info);
        out.emplace(save_ / job.name, checkpoint::plan_safetensors(std::move(infos)), [this] { got_on(at_); });
      });
    }
    for (const Piece& piece : job.pieces) {
      const int from = holder(piece, writer);
      if (rank != from && rank != writer) continue;
      const OperationLabel label{"save tensor", request_.state.step, -1, "save"};
      std::optional<HostMemory> memory;
      const std::string what = fmt::format("{}, tensor '{}'", job.name, piece.info.name);
      if (rank == from) guarded(what, [&] { memory = to_host(piece.make().contiguous()); });
      // To receive into; and a rank that failed still hands over as many bytes.
      if (!memory) memory = from_host(at::empty(piece.info.shape, at::TensorOptions().dtype(torch_type(piece.info.type))));
      const std::span<std::byte> bytes = memory->bytes();
      if (from != writer) {
        if (rank == from) layout_.save->start_send(bytes.data(), bytes.size(), writer, label).finish();
        else layout_.save->start_receive(bytes.data(), bytes.size(), from, label).finish();
      }
      if (rank == writer && problem_.empty())
        guarded(what, [&] { out->write(piece.info.name, bytes); });
    }
    if (rank == writer && problem_.empty()) guarded(job.name + ", flushing", [&] { manifest.tensor_files[job.name] = out->finish(); });
  }

  // A rank that fails keeps taking part in the exchange, so that all learn of it together.
  void guarded(const std::string& where, const std::function<void()>& work) {
    if (!problem_.empty()) return;
    got_on(where);
    try {
      work();
    } catch (const std::exception& error) {
      problem_ = as_error(error).what();
    }
    ticker_->rest();  // what comes next waits for other ranks
  }

  void got_on(const std::string& where) {
    at_ = where;
    ticker_->progress(fmt::format("saving step {}: {}", request_.state.step, where));
  }

  void agree(const char* phase) {
    std::int64_t failing = problem_.empty() ? layout_.size() : layout_.rank();
    layout_.save->start_all_reduce(&failing, 1, DType::kInt64, parallel::ReduceOp::kMin, {"save verdict", request_.state.step, -1, phase}).finish();
    if (failing == layout_.size()) return;
    char text[1024] = {};
    if (layout_.rank() == failing) problem_.copy(text, sizeof text - 1);
    layout_.save->start_broadcast(text, sizeof text, static_cast<int>(failing), {"save problem", request_.state.step, -1, phase}).finish();
    throw AgreedError(ExitCode::kData, fmt::format("checkpoint of step {} was not written (rank {}): {}; the checkpoints before it are as they were",
                                                   request_.state.step, failing, text));
  }

  checkpoint::Manifest collect(const checkpoint::Manifest& mine) {
    checkpoint::Manifest whole;
    whole.step = request_.state.step;
    whole.stage = request_.state.stage_name;
    const OperationLabel label{"save manifest", request_.state.step, -1, "save"};
    std::string text = to_json(mine);
    std::int64_t size = static_cast<std::int64_t>(text.size());
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(layout_.size()));
    layout_.save->start_all_gather(&size, sizes.data(), sizeof size, label).finish();
    if (layout_.rank() != 0) {
      layout_.save->start_send(text.data(), text.size(), 0, label).finish();
      return whole;
    }
    for (int rank = 0; rank < layout_.size(); ++rank) {
      std::string part = text;
      if (rank != 0) {
        part.resize(static_cast<std::size_t>(sizes[static_cast<std::size_t>(rank)]));
        layout_.save->start_receive(part.data(), part.size(), rank, label).finish();
      }
      checkpoint::merge(whole, checkpoint::parse_manifest(part, fmt::format("manifest of rank {}", rank)));
    }
    return whole;
  }

  void add_small_files(checkpoint::Manifest& manifest) {
    small_files_.emplace("config.json", config_json(description_));
    small_files_.emplace("generation_config.json", generation_config_json(description_));
    small_files_.emplace("tokenizer.json", request_.tokenizer->json());
    small_files_.emplace("tokenizer_config.json", tokenizer_config_json(request_.tokenizer->eos_token(), model_.config.max_position_embeddings));
    small_files_.emplace("state/run.json", to_json(request_.state));
    small_files_.emplace("state/receipts.jsonl", request_.receipts);
    for (const auto& [name, content] : small_files_) manifest.files[name] = checkpoint::write_checkpoint_file(save_, name, content);
  }

  parallel::World& world_;
  TrainModel& model_;
  const Layout& layout_;
  const SaveRequest& request_;
  const LeafStore leaves_;
  ModelDescription description_;
  std::vector<FileJob> jobs_;
  std::map<std::string, std::string> small_files_;
  std::filesystem::path save_;
  std::optional<parallel::HeartbeatTicker> ticker_;
  std::string at_;  // what this rank is at, for its heartbeats
  std::string problem_;
};

}  // namespace

std::filesystem::path save_checkpoint(parallel::World& world, TrainModel& model, const Layout& layout, const SaveRequest& request) {
  at::NoGradGuard no_grad;
  return Saver(world, model, layout, request).run();
}

}  // namespace sluice::recipes
