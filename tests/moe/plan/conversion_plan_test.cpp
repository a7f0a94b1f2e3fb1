// Where each leaf of a converted model comes from: plans as values, for every conversion.
#include "moe/plan/conversion.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::moe;

namespace {

using Rows = std::vector<std::int64_t>;
using Shape = std::vector<std::int64_t>;

const std::string kMlp = "model.layers.1.mlp.";

// Width 4, feed-forward 12, two layers, of which layer 1 is sparse.
Conversion conversion(ConversionKind kind, std::int64_t before, std::int64_t after) {
  Conversion c;
  c.kind = kind;
  c.decoder.hidden_size = 4;
  c.decoder.num_layers = 2;
  c.decoder.intermediate_size = 12;
  c.after.num_experts = after;
  c.after.top_k = 2;
  c.after.expert_hidden_size = 12;
  c.after.layers = {1};
  if (before > 0) {
    c.before = c.after;
    c.before->num_experts = before;
  }
  return c;
}

TensorId id_of(const std::string& name) {
  const auto id = parse_tensor_id(name);
  REQUIRE(id.has_value());
  return *id;
}

LeafPlan plan_of(const Conversion& c, const std::string& rest, const Shape& shape) {
  const std::optional<LeafPlan> plan = plan_leaf(c, id_of(kMlp + rest), shape);
  REQUIRE(plan.has_value());
  return *plan;
}

void check_term(const LeafTerm& term, const std::string& from, const Rows& rows, std::int64_t column_begin, std::int64_t column_count,
                double factor) {
  CHECK(name_of(term.from) == kMlp + from);
  CHECK(term.rows == rows);
  CHECK(term.column_begin == column_begin);
  CHECK(term.column_count == column_count);
  CHECK(term.factor == factor);
}

const Rows kFour = {0, 1, 2, 3};
const Rows kTwelve = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

}  // namespace

TEST_CASE("what no conversion touches goes over unchanged") {
  for (const ConversionKind kind : {ConversionKind::kSparsifyCopy, ConversionKind::kGrowFamily, ConversionKind::kFlatten}) {
    const Conversion c = conversion(kind, kind == ConversionKind::kSparsifyCopy ? 0 : 4, 8);
    CHECK(!plan_leaf(c, id_of("model.embed_tokens.weight"), {16, 4}));
    CHECK(!plan_leaf(c, id_of("model.layers.1.self_attn.q_proj.weight"), {4, 4}));
    CHECK(!plan_leaf(c, id_of("model.layers.0.mlp.gate_proj.weight"), {12, 4}));  // a dense layer's
  }
}

TEST_CASE("sparsify by copy: every expert is the dense layer, the router is drawn") {
  Conversion c = conversion(ConversionKind::kSparsifyCopy, 0, 4);
  c.after.router_init_std = 0.3;
  const LeafPlan gate = plan_of(c, "gate.weight", {4, 4});
  CHECK(gate.terms.empty());
  CHECK(gate.fresh_std == 0.3);
  CHECK(gate.tied_rows == 1);
  check_term(plan_of(c, "experts.3.up_proj.weight", {12, 4}).terms.at(0), "up_proj.weight", kTwelve, 0, 4, 1.0);
  check_term(plan_of(c, "experts.0.down_proj.weight", {4, 12}).terms.at(0), "down_proj.weight", kFour, 0, 12, 1.0);
  c.after.routed_scaling_factor = 2.0;
  check_term(plan_of(c, "experts.0.down_proj.weight", {4, 12}).terms.at(0), "down_proj.weight", kFour, 0, 12, 0.5);
  // A shared expert takes the first columns, the routed ones the rest.
  c.after.num_shared_experts = 1;
  c.after.expert_hidden_size = 6;
  check_term(plan_of(c, "shared_experts.gate_proj.weight", {6, 4}).terms.at(0), "gate_proj.weight", {0, 1, 2, 3, 4, 5}, 0, 4, 1.0);
  check_term(plan_of(c, "shared_experts.down_proj.weight", {4, 6}).terms.at(0), "down_proj.weight", kFour, 0, 6, 1.0);
  check_term(plan_of(c, "experts.2.gate_proj.weight", {6, 4}).terms.at(0), "gate_proj.weight", {6, 7, 8, 9, 10, 11}, 0, 4, 1.0);
  check_term(plan_of(c, "experts.2.down_proj.weight", {4, 6}).terms.at(0), "down_proj.weight", kFour, 6, 6, 0.5);
}

TEST_CASE("sparsify by virtual groups: expert e is shard e mod G, scaled by G, router rows tied in runs of G") {
  Conversion c = conversion(ConversionKind::kSparsifyVirtualGroup, 0, 6);
  c.after.expert_hidden_size = 4;  // 3 shards
  const LeafPlan gate = plan_of(c, "gate.weight", {6, 4});
  CHECK(gate.terms.empty());
  CHECK(gate.tied_rows == 3);
  for (const std::int64_t expert : {1, 4}) {
    const std::string name = "experts." + std::to_string(expert);
    check_term(plan_of(c, name + ".gate_proj.weight", {4, 4}).terms.at(0), "gate_proj.weight", {4, 5, 6, 7}, 0, 4, 1.0);
    check_term(plan_of(c, name + ".down_proj.weight", {4, 4}).terms.at(0), "down_proj.weight", kFour, 4, 4, 3.0);
  }
}

TEST_CASE("grow by family, twice: the family's rows stay, a level of children's rows is drawn") {
  Conversion c = conversion(ConversionKind::kGrowFamily, 4, 8);
  c.after.family_size = 2;
  c.after.router_init_std = 0.3;
  CHECK(!plan_leaf(c, id_of(kMlp + "gate.weight"), {4, 4}));
  const LeafPlan first = plan_of(c, "family_gate.weight", {8, 4});
  CHECK(first.terms.empty());
  CHECK(first.fresh_std == 0.3);  // as the recipe says of new router rows
  check_term(plan_of(c, "experts.5.up_proj.weight", {12, 4}).terms.at(0), "experts.2.up_proj.weight", kTwelve, 0, 4, 1.0);

  Conversion again = c;
  again.before = c.after;
  again.after.num_experts = 16;
  again.after.family_size = 4;
  const LeafPlan second = plan_of(again, "family_gate.weight", {again.after.num_child_rows(), 4});
  REQUIRE(second.terms.size() == 1);
  Rows rows(24, -1);  // 8 rows of the level that was there, then 16 new ones
  for (std::int64_t i = 0; i < 8; ++i) rows[static_cast<std::size_t>(i)] = i;
  check_term(second.terms[0], "family_gate.weight", rows, 0, 4, 1.0);
  CHECK(second.fresh_std == 0.3);
  check_term(plan_of(again, "experts.15.down_proj.weight", {4, 12}).terms.at(0), "experts.7.down_proj.weight", kFour, 0, 12, 1.0);
}

TEST_CASE("grow in a flat router: replicas stand side by side under their parent's row") {
  for (const auto& [kind, copies] : {std::pair{ConversionKind::kGrowDoubleTopK, 2}, {ConversionKind::kGrowCopy, 3}}) {
    Conversion c = conversion(kind, 2, 2 * copies);
    c.after.num_shared_experts = 1;
    Rows rows;
    for (std::int64_t e = 0; e < 2 * copies; ++e) rows.push_back(e / copies);
    const LeafPlan gate = plan_of(c, "gate.weight", {2 * copies, 4});
    REQUIRE(gate.terms.size() == 1);
    check_term(gate.terms[0], "gate.weight", rows, 0, 4, 1.0);
    const std::string last = "experts." + std::to_string(2 * copies - 1) + ".gate_proj.weight";
    check_term(plan_of(c, last, {12, 4}).terms.at(0), "experts.1.gate_proj.weight", kTwelve, 0, 4, 1.0);
    CHECK(!plan_leaf(c, id_of(kMlp + "shared_experts.gate_proj.weight"), {12, 4}));
  }
}

TEST_CASE("flatten: a child's row is its family's plus those on its way down the tree, scaled") {
  Conversion c = conversion(ConversionKind::kFlatten, 8, 8);
  c.before->family_size = 4;
  c.flatten_scale = 2.0;
  const LeafPlan gate = plan_of(c, "gate.weight", {8, 4});
  REQUIRE(gate.terms.size() == 3);
  check_term(gate.terms[0], "gate.weight", {0, 0, 0, 0, 1, 1, 1, 1}, 0, 4, 1.0);
  check_term(gate.terms[1], "family_gate.weight", {0, 0, 1, 1, 2, 2, 3, 3}, 0, 4, 2.0);
  check_term(gate.terms[2], "family_gate.weight", {4, 5, 6, 7, 8, 9, 10, 11}, 0, 4, 2.0);
  CHECK(!plan_leaf(c, id_of(kMlp + "experts.3.up_proj.weight"), {12, 4}));
}
