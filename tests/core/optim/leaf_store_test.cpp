// Leaves read and written by name, of both replication classes, owned as a whole and in part: a number for every element of everything.
#include "core/optim/leaf_store.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/parameter_of.hpp"

#include <string>
#include <vector>

using namespace sluice;
using sluice::testing::parameter_of;

namespace {

// Two parameters of each class, with and without several leaves, gaps between them, and one that is frozen.
struct Model {
  Model() : parameters({&a, &frozen, &e, &b, &f}) {}

  static Parameter make(const std::string& name, Replication replication, std::vector<std::int64_t> shape, std::vector<Leaf> leaves = {}) {
    Parameter p = Parameter::make(name, std::move(shape), at::kDouble, std::move(leaves));
    p.replication = replication;
    p.trainable = name != "frozen";
    return p;
  }

  Parameter a = make("a", Replication::kWorld, {6, 3}, {{"a.q", 0, {2, 3}}, {"a.k", 6, {1, 3}}, {"a.v", 9, {3, 3}}});
  Parameter b = make("b", Replication::kWorld, {5});
  Parameter e = make("e", Replication::kExpert, {2, 4, 3},
                     {{"e.0.gate", 0, {2, 3}}, {"e.0.up", 6, {2, 3}}, {"e.1.gate", 12, {2, 3}}, {"e.1.up", 18, {2, 3}}});
  Parameter f = make("f", Replication::kExpert, {1, 3, 2}, {{"f.0", 0, {3, 2}}});
  Parameter frozen = make("frozen", Replication::kWorld, {4});
  ParameterSet parameters;
};

// Different for every element of every leaf: `kind` 0 value, 1 exp_avg, 2 exp_avg_sq.
at::Tensor numbers(const Leaf& leaf, std::size_t index, int kind) {
  const at::Tensor flat = at::arange(leaf.count(), at::kDouble) + 1000.0 * static_cast<double>(index) + 0.25 * (kind + 1);
  return flat.view(leaf.shape);
}

void write(const LeafStore& leaves) {
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const LeafView& view = leaves.at(leaves[i].leaf.name);
    view.value.copy_(view.owned_part(numbers(view.leaf, i, 0)));
    if (view.updates == nullptr) continue;
    view.exp_avg.copy_(view.owned_part(numbers(view.leaf, i, 1)));
    view.exp_avg_sq.copy_(view.owned_part(numbers(view.leaf, i, 2)));
  }
}

// A buffer as it must be, made of the parameters' own tables of leaves.
at::Tensor expected(const Model& model, const LeafStore& leaves, Replication replication, int kind) {
  const at::Tensor buffer = at::zeros_like(model.parameters.buffers(replication).value);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const LeafView& view = leaves[i];
    const Parameter& p = parameter_of(model.parameters, view.leaf);
    if (view.updates == nullptr || p.replication != replication) continue;
    const std::int64_t first = model.parameters.range_of(p).begin + view.leaf.offset;
    buffer.narrow(0, first, view.leaf.count()).copy_(numbers(view.leaf, i, kind).view({-1}));
  }
  return buffer;
}

constexpr Replication kClasses[] = {Replication::kWorld, Replication::kExpert};

}  // namespace

TEST_CASE("a leaf written by name is at its place in the buffers of its class, and nothing else is there") {
  Model model;
  AdamW optimizer(model.parameters);
  const LeafStore leaves(model.parameters, optimizer);
  CHECK(leaves.size() == 10);
  write(leaves);
  for (const Replication each : kClasses) {
    CHECK(at::equal(model.parameters.buffers(each).value, expected(model, leaves, each, 0)));
    CHECK(at::equal(optimizer.moments(each).exp_avg, expected(model, leaves, each, 1)));
    CHECK(at::equal(optimizer.moments(each).exp_avg_sq, expected(model, leaves, each, 2)));
  }
  // Read again, where parameters and products see it.
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const LeafView& view = leaves[i];
    INFO(view.leaf.name);
    CHECK(view.whole());
    CHECK(at::equal(view.value, numbers(view.leaf, i, 0)));
    const Parameter& p = parameter_of(model.parameters, view.leaf);
    CHECK(at::equal(p.view(p.compute, view.leaf), numbers(view.leaf, i, 0)));
  }
  CHECK(!leaves.at("frozen").exp_avg.defined());
  CHECK(leaves.at("frozen").updates == nullptr);
  CHECK(leaves.at("e.1.gate").updates == &optimizer.updates()[2][2]);
  CHECK(leaves.find("e.2.gate") == nullptr);
  CHECK_THROWS_AS(leaves.at("e.2.gate"), Error);
}

TEST_CASE("leaves in ranges that end anywhere: each owner has its part, and all parts are the whole") {
  Model model;
  AdamW whole_optimizer(model.parameters);
  const LeafStore whole(model.parameters, whole_optimizer);
  const ElementRange dense = model.parameters.plan(Replication::kWorld).whole();
  const ElementRange expert = model.parameters.plan(Replication::kExpert).whole();
  for (std::int64_t middle = 0; middle <= std::max(dense.end, expert.end); ++middle) {
    INFO("ranges end at " << middle);
    const std::int64_t d = std::min(middle, dense.end), e = std::min(middle, expert.end);
    AdamW first(model.parameters, {0, d}, {0, e}), second(model.parameters, {d, dense.end}, {e, expert.end});
    for (Parameter* p : model.parameters.trained()) p->value.zero_();
    const LeafStore left(model.parameters, first), right(model.parameters, second);
    write(left);
    write(right);
    for (const Replication each : kClasses) {
      const auto both = [&](const at::Tensor& a, const at::Tensor& b) { return at::cat({a, b}); };
      CHECK(at::equal(model.parameters.buffers(each).value, expected(model, whole, each, 0)));
      CHECK(at::equal(both(first.moments(each).exp_avg, second.moments(each).exp_avg), expected(model, whole, each, 1)));
      CHECK(at::equal(both(first.moments(each).exp_avg_sq, second.moments(each).exp_avg_sq), expected(model, whole, each, 2)));
    }
    for (std::size_t i = 0; i < whole.size(); ++i) {
      INFO(whole[i].leaf.name);
      if (whole[i].updates == nullptr) continue;
      CHECK(left[i].owned == ElementRange{0, right[i].owned.begin});
      CHECK(right[i].owned.end == whole[i].leaf.count());
      CHECK(left[i].exp_avg.numel() == left[i].owned.count());
      const at::Tensor all = numbers(right[i].leaf, i, 0).view({-1});
      CHECK(at::equal(right[i].value.view({-1}), all.narrow(0, right[i].owned.begin, right[i].owned.count())));
    }
  }
}

TEST_CASE("without an optimizer leaves have values alone") {
  Model model;
  AdamW none;
  const LeafStore leaves(model.parameters, none);
  CHECK(leaves.size() == 10);
  for (const LeafView& view : leaves) {
    CHECK(view.whole());
    CHECK(view.updates == nullptr);
    CHECK(view.value.sizes().equals(view.leaf.shape));
  }
}
