// A key of a recipe: its name, the values it may have, and the struct member that stores it. A section is a table of keys. The same tables
// read a recipe, write the resolved one, compare two recipes and make the reference page. Defaults are those of the structs.
#pragma once

#include "core/base/enum_names.hpp"
#include "recipes/schema/document.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

namespace sluice::recipes {

struct IntegerRange {
  std::int64_t low = 0;
  std::int64_t high = std::numeric_limits<std::int64_t>::max();
};

struct NumberRange {
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  bool without_low = false;   // low itself is not allowed
  bool without_high = false;  // high itself is not allowed
};

/// How messages and the reference page name a range: "at least 1", "between 0 and 1", "above 0".
std::string describe(const IntegerRange& range);
std::string describe(const NumberRange& range);

/// The shortest decimal that reads back to the same double; the text is the same with every library version.
std::string write_number(double value);
/// `text` as a YAML scalar: without quotes where every YAML reader takes it for text, else in double quotes.
std::string write_text(const std::string& text);

/// These functions and read_choice() return the value of `node`. They throw a usage error with the place, the key, what was expected and
/// what was found.
bool read_boolean(const Node& node);
std::int64_t read_integer(const Node& node, const IntegerRange& range);
std::uint64_t read_seed(const Node& node);
double read_number(const Node& node, const NumberRange& range);
std::string read_text(const Node& node);

struct ChoiceName {
  int value = 0;
  std::string name;
};

/// The values that an enum key may take, by default those of the enum's table of names (core/base/enum_names.hpp). `unavailable` are values
/// that recipes may name in general, but that this build does not have.
struct Choices {
  std::vector<ChoiceName> names = {};
  std::vector<std::string> unavailable = {};
  std::vector<std::pair<std::string, std::string>> aliases = {};  // {name elsewhere, name here}: suggested, not accepted
  std::vector<std::pair<std::string, std::string>> also = {};     // {other spelling, name}: accepted
  std::string number_key = {};                                    // the key that a number was probably meant for; may be empty

  std::string list() const;  // "auto, local, flat"
  std::string name_of(int value) const;
};
int read_choice(const Node& node, const Choices& choices);

/// The names of an enum as choices, those of `values` alone where some are given.
template <NamedEnum E>
std::vector<ChoiceName> choices_of(std::initializer_list<E> values = {}) {
  std::vector<ChoiceName> choices;
  for (const EnumName<E>& each : names_of(E{}))
    if (values.size() == 0 || std::find(values.begin(), values.end(), each.value) != values.end())
      choices.push_back({static_cast<int>(each.value), std::string(each.name)});
  return choices;
}

/// What the reference page and messages say about a key.
struct KeyInfo {
  std::string name;
  std::string type;     // "integer", "one of", ...
  std::string allowed;  // "at least 1", "auto, local, flat", or ""
  std::string doc;
  std::vector<std::string> aliases;  // names of other frameworks, recognised and corrected
  std::string default_value = {};    // "": the struct's default
  bool may_change = false;           // between two starts of a run
};

/// What reading a key may need besides its node.
struct ReadContext {
  std::int64_t num_layers = 0;   // layers of the model; 0: not known yet
  std::string layers_note = {};  // appended to an error message about num_layers
};

template <class T>
struct Key {
  KeyInfo info;
  std::function<void(T&, const Node&, const ReadContext&)> read;
  std::function<std::string(const T&)> write;  // "" = leave it out
};

/// `key` with `text` as its default in the reference page and messages, for a default that is not the struct's.
template <class T>
Key<T> with_default(Key<T> key, std::string text) {
  key.info.default_value = std::move(text);
  return key;
}

/// `key`, of which a run that is started again may have another value.
template <class T>
Key<T> may_change(Key<T> key) {
  key.info.may_change = true;
  return key;
}

template <class T>
using Keys = std::vector<Key<T>>;

template <class T>
Key<T> boolean_key(std::string name, bool T::*member, std::string doc, std::vector<std::string> aliases = {}) {
  return {{std::move(name), "true or false", "", std::move(doc), std::move(aliases)},
          [member](T& out, const Node& node, const ReadContext&) { out.*member = read_boolean(node); },
          [member](const T& in) -> std::string { return in.*member ? "true" : "false"; }};
}

template <class T>
Key<T> integer_key(std::string name, std::int64_t T::*member, IntegerRange range, std::string doc, std::vector<std::string> aliases = {}) {
  return {{std::move(name), "integer", describe(range), std::move(doc), std::move(aliases)},
          [member, range](T& out, const Node& node, const ReadContext&) { out.*member = read_integer(node, range); },
          [member](const T& in) { return std::to_string(in.*member); }};
}

template <class T>
Key<T> number_key(std::string name, double T::*member, NumberRange range, std::string doc, std::vector<std::string> aliases = {}) {
  return {{std::move(name), "number", describe(range), std::move(doc), std::move(aliases)},
          [member, range](T& out, const Node& node, const ReadContext&) { out.*member = read_number(node, range); },
          [member](const T& in) { return write_number(in.*member); }};
}

template <class T>
Key<T> text_key(std::string name, std::string T::*member, std::string doc, std::vector<std::string> aliases = {}) {
  return {{std::move(name), "text", "", std::move(doc), std::move(aliases)},
          [member](T& out, const Node& node, const ReadContext&) { out.*member = read_text(node); },
          [member](const T& in) { return in.*member == T{}.*member && (in.*member).empty() ? std::string() : write_text(in.*member); }};
}

template <class T, class E>
Key<T> choice_key(std::string name, E T::*member, Choices choices, std::string doc, std::vector<std::string> aliases = {}) {
  if (choices.names.empty()) choices.names = choices_of<E>();
  return {{std::move(name), "one of", choices.list(), std::move(doc), std::move(aliases)},
          [member, choices](T& out, const Node& node, const ReadContext&) { out.*member = static_cast<E>(read_choice(node, choices)); },
          [member, choices](const T& in) { return choices.name_of(static_cast<int>(in.*member)); }};
}

/// A key that has only one value in this build: the value is checked, and nothing is stored.
template <class T>
Key<T> fixed_key(std::string name, Choices choices, std::string doc, std::vector<std::string> aliases = {}) {
  const std::string value = choices.names.front().name;
  return {{std::move(name), "one of", choices.list(), std::move(doc), std::move(aliases)},
          [choices](T&, const Node& node, const ReadContext&) { read_choice(node, choices); },
          [value](const T&) { return value; }};
}

}  // namespace sluice::recipes
