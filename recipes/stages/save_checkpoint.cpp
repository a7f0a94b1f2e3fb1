#include "recipes/stages/save_checkpoint.hpp"

#include "core/base/log.hpp"
#include "core/checkpoint/checkpoint_directory.hpp"
#include "core/checkpoint/container.hpp"
#include "core/checkpoint/shard_plan.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/error_line.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/comm/heartbeat_ticker.hpp"
#include "recipes/stages/rank0.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <memory>
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

// The files of one model in a checkpoint: which tensors are in which file, and the content of the small files.
class ModelFiles {
 public:
  ModelFiles(const ModelToSave& saved, const SaveRequest& request)
      : model_(saved.model),
        layout_(saved.layout),
        state_(saved.state),
        request_(request),
        folder_(model_.name.empty() ? "" : model_.name + "/"),
        leaves_(leaves_of(model_)),
        description_(describe(model_, request.tokenizer->eos_id())) {
    plan_model();
    plan_optimizer();
    plan_routing();
  }

  const std::vector<FileJob>& jobs() const { return jobs_; }
  parallel::Communicator& group() const { return *layout_.save; }

  // The rank that hands over a piece: the writer itself if it has it, else the first rank that does.
  int holder(const Piece& piece, int writer) const {
    if (piece.expert < 0) return writer;
    const parallel::Mesh& mesh = *layout_.mesh;
    const int member = parallel::owner_of_expert(static_cast<int>(model_.moe->num_experts), mesh.expert(), static_cast<int>(piece.expert));
    return mesh.expert_member_of(writer) == member ? writer : mesh.expert_group(0)[static_cast<std::size_t>(member)];
  }

  std::map<std::string, std::string> small_files() const {
    std::map<std::string, std::string> files = indices_;
    files.emplace(folder_ + "config.json", config_json(description_));
    files.emplace(folder_ + "generation_config.json", generation_config_json(description_));
    files.emplace(folder_ + "tokenizer.json", request_.tokenizer->json());
    files.emplace(folder_ + "tokenizer_config.json",
                  tokenizer_config_json(request_.tokenizer->eos_token(), model_.config.max_position_embeddings));
    files.emplace(folder_ + "state/run.json", to_json(state_));
    files.emplace(folder_ + "state/receipts.jsonl", request_.receipts);
    return files;
  }

 private:
  void plan_model() {
    std::map<std::string, StoredTensor> by_name;
    std::vector<checkpoint::TensorInfo> infos;
    for (StoredTensor& tensor : stored_tensors(description_)) {
      infos.push_back(tensor.info);
      by_name.emplace(tensor.info.name, std::move(tensor));
    }
    const checkpoint::ShardPlan plan = checkpoint::plan_shards(infos, request_.max_file_bytes);
    for (const checkpoint::Shard& shard : plan.shards) {
      FileJob job{folder_ + shard.file, {}};
      for (const checkpoint::TensorInfo& info : shard.tensors) {
        const StoredTensor& tensor = by_name.at(info.name);
        job.pieces.push_back({info, owned_expert(tensor), [this, tensor] { return stored_value(tensor); }});
      }
      jobs_.push_back(std::move(job));
    }
    if (!plan.single_file()) indices_.emplace(folder_ + plan.index_name(), plan.index_json());
  }

  // The expert whose owner has the tensor, -1 if every rank has it.
  static std::int64_t owned_expert(const StoredTensor& tensor) {
    if (tensor.parts.empty()) return -1;
    const std::int64_t expert = tensor.parts.front().tensor.id.expert;
    for (const StoredPart& part : tensor.parts)
      if (part.tensor.id.expert != expert)
        throw usage_error("{}: stacks of experts, which have several owners, are read and not written", tensor.info.name);
    return expert;
  }

  at::Tensor our_value(const CanonicalTensor& ours, at::ScalarType type) {
    return (ours.id.is_statistic() ? router(ours.id.layer).correction_bias : leaves_.at(ours.name).value).to(type);
  }

  at::Tensor stored_value(const StoredTensor& tensor) {
    const at::ScalarType type = torch_type(tensor.info.type);
    if (tensor.parts.size() == 1 && !tensor.parts.front().is_rearranged()) return our_value(tensor.parts.front().tensor, type);
    const at::Tensor whole = at::zeros(tensor.info.shape, at::TensorOptions().dtype(type));
    const HostMemory memory = to_host(whole);
    for (const StoredPart& part : tensor.parts) {
      const at::Tensor ours = our_value(part.tensor, type).contiguous();
      const HostMemory from = to_host(ours);
      const std::vector<std::byte> bytes = to_stored(part, from.bytes(), whole.element_size());
      std::copy(bytes.begin(), bytes.end(), memory.bytes().begin() + part.offset * static_cast<std::int64_t>(whole.element_size()));
    }
    memory.give_back();
    return whole;
  }

  void plan_optimizer() {
    const checkpoint::ShardPlan plan =
        checkpoint::plan_shards(optimizer_tensors(description_, state_), request_.max_file_bytes, "optimizer");
    std::map<std::string, std::int64_t> expert_of;
    for (const CanonicalTensor& tensor : canonical_tensors(description_)) expert_of[tensor.name] = tensor.id.expert;
    for (const checkpoint::Shard& shard : plan.shards) {
      FileJob job{folder_ + "state/" + shard.file, {}};
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
    if (!plan.single_file()) indices_.emplace(folder_ + "state/" + plan.index_name(), plan.index_json());
  }

  void plan_routing() {
    if (!model_.moe) return;
    FileJob job{fmt::format("{}state/routing{}", folder_, checkpoint::kModelFileEnding), {}};
    for (const auto& [name, tensor] : routing_state(model_)) {
      const checkpoint::TensorInfo info{name, checkpoint::stored_type_of(from_torch(tensor.scalar_type())), tensor.sizes().vec()};
      job.pieces.push_back({info, -1, [tensor = tensor] { return tensor; }});
    }
    jobs_.push_back(std::move(job));
  }

  moe::Router& router(const std::string& layer) {
    for (moe::MoeFeedForward* slot : model_.sparse)
      if (slot->path() == feed_forward_path(layer_number(layer))) return slot->router;
    throw data_error("{} has no router", layer);
  }

  TrainModel& model_;
  const Layout& layout_;
  const RunState& state_;
  const SaveRequest& request_;
  const std::string folder_;  // inside the checkpoint, "" or with a slash behind it
  const LeafStore leaves_;
  const ModelDescription description_;
  std::vector<FileJob> jobs_;
  std::map<std::string, std::string> indices_;
};

class Saver {
 public:
  Saver(parallel::World& world, const std::vector<ModelToSave>& models, const SaveRequest& request)
      : world_(world),
        group_(*models.front().layout.save),
        request_(request),
        step_(models.front().state.step),
        stage_(models.front().state.stage_name) {
    for (const ModelToSave& each : models) {
      names_.push_back(each.model.name);
      models_.push_back(std::make_unique<ModelFiles>(each, request));
    }
  }

  std::filesystem::path run() {
    // Writing may take longer than the deadlines, as long as the ticker reports progress.
    ticker_.emplace(world_, fmt::format("saving step {}", step_));
    guarded("preparing", [&] {
      if (group_.rank() == 0) save_ = checkpoint::prepare_save(request_.checkpoints, step_, names_);
    });
    agree("prepare");
    save_ = checkpoint::save_path(request_.checkpoints, step_);
    checkpoint::Manifest mine;
    for (const auto& model : models_) {
      const std::vector<FileJob>& jobs = model->jobs();
      for (std::size_t i = 0; i < jobs.size(); ++i)
        write_file(*model, jobs[i], checkpoint::writing_rank(i, jobs.size(), group_.size()), mine);
    }
    guarded("reading back", [&] {
      const auto damages = checkpoint::verify_files(save_, mine, checkpoint::VerifyDepth::kEverything,
                                                    [&](const std::string& file) { got_on("reading back " + file); });
      checkpoint::require_undamaged(save_, damages);
    });
    agree("write");
    checkpoint::Manifest whole = collect(mine);
    guarded("committing", [&] {
      if (group_.rank() != 0) return;
      add_small_files(whole);
      request_.sync_logs();
      checkpoint::commit_save(request_.checkpoints, whole);
    });
    agree("commit");
    if (group_.rank() == 0) prune();
    ticker_.reset();
    return request_.checkpoints / checkpoint::step_folder_name(step_);
  }

 private:
  // A failure to remove old checkpoints is only warned of: the new one is complete.
  void prune() {
    got_on("removing old checkpoints");
    try {
      checkpoint::prune_checkpoints(request_.checkpoints, request_.keep, {step_});
    } catch (const Error& error) {
      log_warning("old checkpoints were not all removed: {}", error.what());
    }
  }

  void write_file(const ModelFiles& model, const FileJob& job, int writer, checkpoint::Manifest& manifest) {
    const int rank = group_.rank();
    std::unique_ptr<checkpoint::ContainerWriter> out;
    if (rank == writer) {
      guarded(job.name, [&] {
        std::vector<checkpoint::TensorInfo> infos;
        for (const Piece& piece : job.pieces) infos.push_back(piece.info);
        out = checkpoint::create_container(save_ / job.name, std::move(infos), [this] { got_on(at_); });
      });
    }
    for (const Piece& piece : job.pieces) {
      const int from = model.holder(piece, writer);
      if (rank != from && rank != writer) continue;
      const OperationLabel label{"save tensor", step_, "", "save"};
      std::optional<HostMemory> memory;
      const std::string what = fmt::format("{}, tensor '{}'", job.name, piece.info.name);
      if (rank == from) guarded(what, [&] { memory = to_host(piece.make().contiguous()); });
      // The writer receives into this memory. A rank that failed sends as many bytes from it, so that the exchange goes on.
      if (!memory) memory = from_host(at::empty(piece.info.shape, at::TensorOptions().dtype(torch_type(piece.info.type))));
      const std::span<std::byte> bytes = memory->bytes();
      if (from != writer) {
        if (rank == from) model.group().start_send(bytes.data(), bytes.size(), writer, label).finish();
        else model.group().start_receive(bytes.data(), bytes.size(), from, label).finish();
      }
      if (rank == writer && problem_.empty()) guarded(what, [&] { out->write(piece.info.name, bytes); });
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
    ticker_->progress(fmt::format("saving step {}: {}", step_, where));
  }

  void agree(const char* phase) {
    std::int64_t failing = problem_.empty() ? group_.size() : group_.rank();
    group_.start_all_reduce(&failing, 1, DType::kInt64, parallel::ReduceOp::kMin, {"save verdict", step_, "", phase}).finish();
    if (failing == group_.size()) return;
    char text[1024] = {};
    if (group_.rank() == failing) problem_.copy(text, sizeof text - 1);
    group_.start_broadcast(text, sizeof text, static_cast<int>(failing), {"save problem", step_, "", phase}).finish();
    throw AgreedError(ExitCode::kData,
                      fmt::format("checkpoint of step {} was not written (rank {}): {}; the checkpoints before it are as they were", step_,
                                  failing, text));
  }

  checkpoint::Manifest collect(const checkpoint::Manifest& mine) {
    checkpoint::Manifest whole;
    whole.step = step_;
    whole.stage = stage_;
    const OperationLabel label{"save manifest", step_, "", "save"};
    std::string text = to_json(mine);
    std::int64_t size = static_cast<std::int64_t>(text.size());
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(group_.size()));
    group_.start_all_gather(&size, sizes.data(), sizeof size, label).finish();
    if (group_.rank() != 0) {
      group_.start_send(text.data(), text.size(), 0, label).finish();
      return whole;
    }
    for (int rank = 0; rank < group_.size(); ++rank) {
      std::string part = text;
      if (rank != 0) {
        part.resize(static_cast<std::size_t>(sizes[static_cast<std::size_t>(rank)]));
        group_.start_receive(part.data(), part.size(), rank, label).finish();
      }
      checkpoint::merge(whole, checkpoint::parse_manifest(part, fmt::format("manifest of rank {}", rank)));
    }
    return whole;
  }

  void add_small_files(checkpoint::Manifest& manifest) {
    for (const auto& model : models_)
      for (const auto& [name, content] : model->small_files())
        manifest.files[name] = checkpoint::write_checkpoint_file(save_, name, content);
  }

  parallel::World& world_;
  parallel::Communicator& group_;  // the first model's save group, for messages about the checkpoint as a whole
  const SaveRequest& request_;
  const std::int64_t step_;
  const std::string stage_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<ModelFiles>> models_;
  std::filesystem::path save_;
  std::optional<parallel::HeartbeatTicker> ticker_;
  std::string at_;  // what this rank is doing, for its heartbeats
  std::string problem_;
};

}  // namespace

std::filesystem::path save_checkpoint(parallel::World& world, const std::vector<ModelToSave>& models, const SaveRequest& request) {
  at::NoGradGuard no_grad;
  return Saver(world, models, request).run();
}

}  // namespace sluice::recipes
