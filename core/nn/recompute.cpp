#include "core/nn/recompute.hpp"

#include "core/nn/gradient.hpp"

#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <utility>

namespace sluice {
namespace {

struct Part : torch::CustomClassHolder {
  RecomputedPart compute;
  std::vector<bool> wants_gradient;  // by input
};

struct RecomputeFunction : torch::autograd::Function<RecomputeFunction> {
  // `recorded` requires a gradient, so that there is a node even if no input requires one: parameters inside may.
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& recorded, at::TensorList inputs,
                                                const c10::intrusive_ptr<Part>& part) {
    (void)recorded;
    // Terms that nothing depends on have no gradient, and stay without one in the second pass.
    ctx->set_materialize_grads(false);
    ctx->save_for_backward(inputs.vec());
    ctx->saved_data["part"] = c10::IValue::make_capsule(part);
    const RecomputedUses counted(RecomputePass::kFirst);
    return part->compute(inputs.vec(), RecomputePass::kFirst);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto capsule = ctx->saved_data["part"].toCapsule();
    ctx->saved_data.clear();
    const Part& part = *static_cast<const Part*>(capsule.get());
    std::vector<at::Tensor> inputs;
    for (const at::Tensor& saved : ctx->get_saved_variables())
      inputs.push_back(saved.detach().set_requires_grad(part.wants_gradient[inputs.size()]));
    torch::autograd::edge_list edges;
    torch::autograd::variable_list given;
    {
      const at::AutoGradMode records(true);
      const RecomputedUses again(RecomputePass::kSecond);
      const std::vector<at::Tensor> outputs = part.compute(inputs, RecomputePass::kSecond);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (!grads[i].defined() || !outputs[i].requires_grad()) continue;
        edges.push_back(torch::autograd::impl::gradient_edge(outputs[i]));
        given.push_back(std::exchange(grads[i], {}));
      }
    }
    if (!edges.empty())
      torch::autograd::Engine::get_default_engine().execute(std::move(edges), given, /*keep_graph=*/false, /*create_graph=*/false,
                                                            /*accumulate_grad=*/true);
    torch::autograd::variable_list result = {at::Tensor()};
    for (at::Tensor& input : inputs) result.push_back(input.grad());
    result.emplace_back();
    return result;
  }
};

}  // namespace

std::vector<at::Tensor> recompute(const std::vector<at::Tensor>& inputs, RecomputedPart part) {
  if (!at::GradMode::is_enabled()) return part(inputs, RecomputePass::kFirst);
  auto kept = c10::make_intrusive<Part>();
  kept->compute = std::move(part);
  for (const at::Tensor& input : inputs) kept->wants_gradient.push_back(input.requires_grad());
  const at::Tensor recorded = at::zeros({}, inputs.front().options().requires_grad(false)).set_requires_grad(true);
  return RecomputeFunction::apply(recorded, at::TensorList(inputs), kept);
}

}  // namespace sluice
