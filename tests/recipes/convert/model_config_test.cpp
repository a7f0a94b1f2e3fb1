#include "recipes/convert/model_config.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace sluice;
using namespace sluice::recipes;
using checkpoint::has;
using nlohmann::json;

namespace {

/// A config as the hub has it: written by us, without our own object.
json foreign(const ModelDescription& model) {
  json config = json::parse(config_json(model));
  config.erase("sluice");
  return config;
}

ModelDescription parsed(const json& config) { return parse_config(config.dump(), "config.json").model; }

std::string complaint(const json& config) {
  return checkpoint::data_error_of([&] { parse_config(config.dump(), "d/config.json"); });
}

ModelDescription sample(const std::string& name) {
  for (const NamedModel& model : model_samples())
    if (model.name == name) return model.model;
  throw std::runtime_error(name);
}

}  // namespace

TEST_CASE("our own configs come back exactly") {
  for (const NamedModel& model : model_samples()) {
    INFO(model.name);
    const ParsedConfig config = parse_config(config_json(model.model), "config.json");
    CHECK(config.ours);
    CHECK(config.model == model.model);
    CHECK((config.architecture ? model_type_of(*config.architecture) : "") == model.model_type);
    const json document = json::parse(config_json(model.model));
    if (model.model_type.empty()) {
      CHECK(document["model_type"] == "sluice");
      CHECK(document["sluice"]["architecture"] == "none");
      CHECK(has(document["sluice"]["reason"].get<std::string>(), "no Hugging Face architecture"));
    } else {
      CHECK(document["model_type"] == model.model_type);
      CHECK(document["rope_parameters"]["rope_theta"].is_number_float());
      CHECK(document["rms_norm_eps"].is_number_float());
      CHECK(document["dtype"] == document["torch_dtype"]);
    }
  }
}

TEST_CASE("how router rows are made comes back, and is normal in configs from before there was a choice") {
  ModelDescription model = sample("qwen3_moe");
  model.moe->router_init = moe::RouterInit::kBalanced;
  json document = json::parse(config_json(model));
  CHECK(parse_config(document.dump(), "config.json").model == model);
  REQUIRE(document["sluice"]["moe"].erase("router_init") == 1);
  CHECK(parse_config(document.dump(), "config.json").model.moe->router_init == moe::RouterInit::kNormal);
}

TEST_CASE("the same files without our object describe the same model") {
  for (const NamedModel& model : model_samples()) {
    if (model.model_type.empty()) continue;
    INFO(model.name);
    const ParsedConfig config = parse_config(foreign(model.model).dump(), "config.json");
    CHECK(!config.ours);
    ModelDescription expected = model.model;
    if (expected.moe) {
      expected.moe->z_loss_coef = 0;
      expected.moe->bias_update_rate = 0;
      expected.has_router_bias = model.model_type == "glm4_moe";
      if (model.model_type == "glm4_moe") expected.moe->aux_loss_coef = 0;
      if (model.model_type == "mixtral" || model.model_type == "olmoe")
        expected.decoder.intermediate_size = expected.moe->expert_hidden_size;
    }
    CHECK(config.model == expected);
    // And it is named by the same architecture, so that the folder's tensors are found.
    CHECK(architecture_of(config.model).architecture == config.architecture);
  }
}

TEST_CASE("both spellings of Transformers 4 and 5 are read") {
  json config = foreign(sample("qwen3_moe"));
  const ModelDescription expected = parsed(config);
  SECTION("4.x: top-level rope_theta, torch_dtype") {
    config.erase("rope_parameters");
    config.erase("dtype");
  }
  SECTION("5.x: rope_parameters, dtype, num_local_experts") {
    config.erase("rope_theta");
    config.erase("rope_scaling");
    config.erase("torch_dtype");
    config["num_local_experts"] = config["num_experts"];
    config.erase("num_experts");
    config["layer_types"] = json::array({"full_attention", "full_attention", "full_attention", "full_attention"});
  }
  SECTION("lists of end-of-text tokens, windows that are not in use, null lists") {
    config["eos_token_id"] = {95, 3};
    config["sliding_window"] = 4096;
    config["mlp_only_layers"] = nullptr;
  }
  CHECK(parsed(config) == expected);
}

TEST_CASE("absent keys mean what Transformers takes them for") {
  json llama = foreign(sample("llama"));
  for (const char* key :
       {"head_dim", "num_key_value_heads", "rope_theta", "rope_parameters", "rms_norm_eps", "tie_word_embeddings", "torch_dtype", "dtype"})
    llama.erase(key);
  const ModelDescription model = parsed(llama);
  CHECK(model.decoder.head_dim == 8);
  CHECK(model.decoder.num_key_value_heads == 4);
  CHECK(model.decoder.rope_theta == 10000);
  CHECK(model.decoder.rms_norm_eps == 1e-6);
  CHECK(!model.decoder.tie_word_embeddings);
  CHECK(model.dtype == DType::kFloat32);
  llama["torch_dtype"] = "float16";
  CHECK(parsed(llama).dtype == DType::kFloat32);

  json mixtral = foreign(sample("mixtral"));
  mixtral.erase("rope_theta");
  mixtral.erase("rope_parameters");
  mixtral["head_dim"] = nullptr;
  CHECK(parsed(mixtral).decoder.rope_theta == 1e6);
  CHECK(parsed(mixtral).decoder.head_dim == 8);
  CHECK(!parsed(mixtral).moe->layers.empty());

  json qwen3 = foreign(sample("qwen3"));
  qwen3.erase("head_dim");
  CHECK(parsed(qwen3).decoder.head_dim == 128);

  json qwen = foreign(sample("qwen3_moe"));
  qwen.erase("norm_topk_prob");
  CHECK(!parsed(qwen).moe->norm_topk_prob);
  qwen["decoder_sparse_step"] = 2;
  CHECK(parsed(qwen).moe->layers == std::vector<std::int64_t>{1, 3});
  qwen["mlp_only_layers"] = {3};
  CHECK(parsed(qwen).moe->layers == std::vector<std::int64_t>{1});
  qwen["mlp_only_layers"] = {1, 3};
  CHECK(!parsed(qwen).moe);

  json glm = foreign(sample("glm4_moe"));
  glm.erase("first_k_dense_replace");
  CHECK(parsed(glm).moe->layers == std::vector<std::int64_t>{1, 2, 3});
}

TEST_CASE("what is not computed is refused by key and value") {
  struct Case {
    const char* model;
    const char* key;
    json value;
    const char* part;
  };
  const std::vector<Case> cases = {
      {"qwen3", "model_type", "gpt2", "'model_type' is \"gpt2\": supported are llama, qwen3, mixtral, qwen3_moe, olmoe and glm4_moe"},
      {"qwen3", "model_type", "sluice", "'model_type' is \"sluice\""},
      {"qwen3", "attention_bias", true, "'attention_bias' is true"},
      {"llama", "mlp_bias", true, "'mlp_bias' is true"},
      {"qwen3", "hidden_act", "gelu", "'hidden_act' is \"gelu\""},
      {"llama", "clip_qkv", 8.0, "'clip_qkv' is 8.0"},
      {"llama", "quantization_config", json{{"bits", 4}}, "'quantization_config' is {\"bits\":4}"},
      {"qwen3", "rope_scaling", json{{"type", "linear"}, {"factor", 2.0}},
       "'rope_scaling' is {\"factor\":2.0,\"type\":\"linear\"}: rope scaling is not supported"},
      {"qwen3", "rope_scaling", json{{"factor", 2.0}}, "rope scaling is not supported"},
      {"qwen3", "rope_parameters", json{{"rope_type", "yarn"}, {"factor", 4.0}}, "'rope_parameters' is"},
      {"qwen3", "rope_parameters", json{{"full_attention", json{{"rope_type", "default"}}}}, "differ between layers"},
      {"qwen3", "rope_parameters", json{{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}, "partial_rotary_factor is 0.5"},
      {"llama", "partial_rotary_factor", 0.25, "partial_rotary_factor is 0.25"},
      {"mixtral", "sliding_window", 4096, "'sliding_window' is 4096"},
      {"qwen3", "layer_types", json::array({"full_attention", "sliding_attention"}), "only full_attention is supported"},
      {"glm4_moe", "n_group", 4, "'n_group' is 4"},
      {"glm4_moe", "topk_group", 2, "'topk_group' is 2"},
      {"qwen3", "architectures", json::array({"Qwen3ForSequenceClassification"}), "only Qwen3ForCausalLM is supported"},
      {"qwen3_moe", "num_local_experts", 7, "'num_experts' is 6 but 'num_local_experts' is 7"},
      {"qwen3_moe", "decoder_sparse_step", 0, "'decoder_sparse_step' is 0"},
      {"qwen3", "hidden_size", "32", "'hidden_size' is \"32\", expected an integer"},
      {"qwen3", "hidden_size", 32.5, "'hidden_size' is 32.5, expected an integer"},
      {"qwen3", "hidden_size", nullptr, "'hidden_size' is missing"},
      {"qwen3", "hidden_size", 0, "hidden_size is 0, expected at least 1"},
      {"qwen3", "rms_norm_eps", "x", "'rms_norm_eps' is \"x\", expected a number"},
      {"qwen3", "tie_word_embeddings", 1, "'tie_word_embeddings' is 1, expected true or false"},
      {"qwen3", "torch_dtype", "bfloat16", "'dtype' is \"float32\" but 'torch_dtype' is \"bfloat16\""},
      {"qwen3_moe", "mlp_only_layers", "all", "expected a list of integers"},
      {"qwen3_moe", "num_experts_per_tok", 9, "top_k(9)"},
      {"qwen3", "num_attention_heads", 3, "num_key_value_heads(2) does not divide num_attention_heads(3)"},
  };
  for (const Case& test : cases) {
    json config = foreign(sample(test.model));
    REQUIRE(complaint(config).empty());
    config[test.key] = test.value;
    const std::string message = complaint(config);
    INFO(test.model << " " << test.key << ": " << message);
    CHECK(message.rfind("d/config.json: ", 0) == 0);
    CHECK(has(message, test.part));
  }
  json window = foreign(sample("qwen3"));
  window["use_sliding_window"] = true;
  CHECK(complaint(window).empty());  // no window given
  window["sliding_window"] = 128;
  CHECK(has(complaint(window), "'sliding_window' is 128"));
  json glm = foreign(sample("glm4_moe"));
  glm.erase("partial_rotary_factor");
  glm["rope_parameters"].erase("partial_rotary_factor");
  CHECK(has(complaint(glm), "glm4_moe takes 0.5 where it is absent"));
  json heads = foreign(sample("llama"));
  heads.erase("head_dim");
  heads["hidden_size"] = 30;
  CHECK(has(complaint(heads), "num_attention_heads(4) must divide hidden_size(30)"));
  CHECK(has(checkpoint::data_error_of([] { parse_config("{", "c"); }), "c: not valid JSON"));
  CHECK(has(checkpoint::data_error_of([] { parse_config("[]", "c"); }), "not a JSON object"));
}

TEST_CASE("what acts in training alone, and code beside the model, is noted") {
  json config = foreign(sample("mixtral"));
  CHECK(parse_config(config.dump(), "c").notes.empty());
  config["attention_dropout"] = 0.1;
  config["router_jitter_noise"] = 0.0;
  config["auto_map"] = {{"AutoModel", "modeling_x.Model"}};
  const auto notes = parse_config(config.dump(), "c").notes;
  REQUIRE(notes.size() == 2);
  CHECK(notes[0] == "c: 'attention_dropout' 0.1 is left aside: training here adds no noise");
  CHECK(has(notes[1], "c: 'auto_map' is left aside: code that comes with a model is not run"));
  CHECK(has(checkpoint::data_error_of([] { parse_config("version https://git-lfs.github.com/spec/v1\n", "d/config.json"); }),
            "d/config.json: a Git LFS pointer, not a config.json: git lfs pull"));
}

TEST_CASE("a file of ours that was changed on one side only is refused by key") {
  using Change = std::function<void(json&)>;
  const auto changed = [](const char* model, const Change& change) {
    json config = json::parse(config_json(sample(model)));
    change(config);
    return complaint(config);
  };
  CHECK(has(changed("qwen3", [](json& c) { c["vocab_size"] = 100; }), "'vocab_size' is 100, but the \"sluice\" object says 96"));
  CHECK(has(changed("qwen3", [](json& c) { c["rope_parameters"]["rope_theta"] = 1e6; }), "'rope_theta' is 1000000.0, but"));
  CHECK(has(changed("qwen3_moe", [](json& c) { c["num_experts"] = 8; }), "'num_experts' is 8, but"));
  CHECK(has(changed("qwen3_moe", [](json& c) { c["mlp_only_layers"] = {0}; }), "'sparse layers' is [1,2,3], but"));
  CHECK(has(changed("glm4_moe", [](json& c) { c["routed_scaling_factor"] = 3.0; }), "'routed_scaling_factor' is 3.0, but"));
  CHECK(has(changed("qwen3", [](json& c) { c["model_type"] = "llama"; }),
            "'model_type' is \"llama\", but the \"sluice\" object describes qwen3"));
  CHECK(has(changed("families", [](json& c) { c["model_type"] = "qwen3_moe"; }), "a model without an architecture"));
  CHECK(has(changed("qwen3", [](json& c) { c["sluice"]["decoder"].erase("head_dim"); }), "'sluice.decoder.head_dim' is missing"));
  CHECK(has(changed("families", [](json& c) { c["sluice"]["moe"]["score_func"] = "tanh"; }),
            "'sluice.moe.score_func' is \"tanh\", expected one of softmax, sigmoid"));
  CHECK(has(changed("qwen3", [](json& c) { c["sluice"]["format_version"] = 2; }), "'sluice.format_version' is 2"));
  // Another program may store the weights in another type.
  json stored = json::parse(config_json(sample("qwen3")));
  stored["dtype"] = "bfloat16";
  stored.erase("torch_dtype");
  CHECK(parsed(stored).dtype == DType::kBFloat16);
}

TEST_CASE("generation and tokenizer settings name the tokens") {
  const json generation = json::parse(generation_config_json(sample("qwen3")));
  CHECK(generation["eos_token_id"] == 95);
  CHECK(generation["bos_token_id"].is_null());
  const json tokenizer = json::parse(tokenizer_config_json("<|endoftext|>", 64));
  CHECK(tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast");
  CHECK(tokenizer["eos_token"] == "<|endoftext|>");
  CHECK(tokenizer["model_max_length"] == 64);
}
