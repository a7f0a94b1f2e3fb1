#include "launch/bench_options.hpp"

#include "launch/read_integer.hpp"
#include "recipes/schema/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

namespace sluice {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 24;
const std::vector<std::int64_t> kSweep = {8, 16, 32, 64, 128};

// Those that a model may have.
std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  for (const EnumName<DType>& each : names_of(DType{}))
    if (is_floating(each.value)) names.push_back(each.name);
  return names;
}

struct Key {
  const char* name;
  std::string meaning;  // with the default
  /// Returns what is wrong with the value, or "".
  std::function<std::string(const std::string& value, MoeBenchOptions& options)> read;
};

Key integer(const char* name, const char* meaning, std::int64_t MoeBenchOptions::*member) {
  return {name, fmt::format("{} (default: {})", meaning, MoeBenchOptions().*member),
          [member](const std::string& value, MoeBenchOptions& options) { return read_integer(value, 1, kMost, options.*member); }};
}

std::string read_list(const std::string& text, std::vector<std::int64_t>& list) {
  list.clear();
  std::istringstream items(text + ',');
  for (std::string item; std::getline(items, item, ',');) {
    const std::string problem = read_integer(item, 1, kMost, list.emplace_back());
    if (!problem.empty()) return problem;
  }
  return "";
}

const std::vector<Key>& keys() {
  static const std::vector<Key> kKeys = {
      integer("rows", "tokens at once", &MoeBenchOptions::rows),
      integer("hidden_size", "width of the model", &MoeBenchOptions::hidden_size),
      integer("expert_hidden_size", "width of an expert", &MoeBenchOptions::expert_hidden_size),
      {"num_experts", fmt::format("one number, or several to compare: 8,64 (default: {})", fmt::join(MoeBenchOptions().num_experts, ",")),
       [](const std::string& value, MoeBenchOptions& options) { return read_list(value, options.num_experts); }},
      integer("top_k", "experts of a token", &MoeBenchOptions::top_k),
      {"dtype", fmt::format("{} (default: {})", fmt::join(type_names(), ", "), name_of(MoeBenchOptions().dtype)),
       [](const std::string& value, MoeBenchOptions& options) {
         const std::optional<DType> type = value_of<DType>(value);
         if (!type || !is_floating(*type)) return fmt::format("must be one of {}, found '{}'", fmt::join(type_names(), ", "), value);
         options.dtype = *type;
         return std::string();
       }},
      {"threads", "threads (default: OMP_NUM_THREADS, else the cores)",
       [](const std::string& value, MoeBenchOptions& options) { return read_integer(value, 1, kMost, options.threads); }},
      integer("repeats", "measured rounds of dense and sparse in turn", &MoeBenchOptions::repeats),
      {"sweep", fmt::format("true: num_experts={} (default: false)", fmt::join(kSweep, ",")),
       [](const std::string& value, MoeBenchOptions& options) {
         options.sweep = value == "true";
         return options.sweep || value == "false" ? std::string() : fmt::format("must be true or false, found '{}'", value);
       }},
  };
  return kKeys;
}

}  // namespace

std::string read_moe_bench(const std::vector<std::string>& words, MoeBenchOptions& options) {
  std::set<std::string> given;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return fmt::format("'{}' is no option: expected key=value, for example num_experts=64", word);
    const std::string name = word.substr(0, equals);
    const auto key = std::find_if(keys().begin(), keys().end(), [&](const Key& k) { return k.name == name; });
    if (key == keys().end()) {
      std::vector<std::string> names;
      for (const Key& k : keys()) names.emplace_back(k.name);
      const std::string meant = recipes::nearest(name, names);
      return fmt::format("unknown key '{}'; {}", name,
                         meant.empty() ? fmt::format("keys: {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", meant));
    }
    if (!given.insert(name).second) return fmt::format("'{}' is given twice", name);
    const std::string problem = key->read(word.substr(equals + 1), options);
    if (!problem.empty()) return fmt::format("{}: {}", name, problem);
  }
  if (options.sweep) {
    if (given.count("num_experts")) return "sweep and num_experts exclude each other";
    options.num_experts = kSweep;
  }
  const std::int64_t fewest = *std::min_element(options.num_experts.begin(), options.num_experts.end());
  if (options.top_k > fewest) return fmt::format("top_k({}) is larger than num_experts({})", options.top_k, fewest);
  return "";
}

std::string describe_moe_bench() {
  std::string text = "Keys:\n";
  for (const Key& key : keys()) text += fmt::format("  {:<24}{}\n", key.name, key.meaning);
  return text;
}

}  // namespace sluice
