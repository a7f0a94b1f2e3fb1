#include "recipes/schema/document.hpp"

#include "core/base/error.hpp"
#include "recipes/schema/slips.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

namespace sluice::recipes {
namespace {

constexpr std::size_t kMostNodes = 100000;  // aliases of aliases can make a short text explode

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& item : node.items) count += count_nodes(item);
  return count;
}

// Syntax is checked first, by itself: for an unclosed "[1" yaml-cpp reports a list as a key before it reports the end.
class SyntaxOnly : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// yaml-cpp's own nodes keep the last of two equal keys and say nothing; its events show both.
class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string& file, const std::string& override_text) : file_(file), override_text_(override_text) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) fail_at(at(mark), "a second YAML document; a recipe is one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.mark = at(mark);
    add(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail_at(at(mark), "an alias inside the value it stands for");
    nodes_ += count_nodes(found->second);
    add(found->second, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    check_tag(mark, tag);
    Node node;
    node.kind = Node::Kind::kScalar;
    node.mark = at(mark);
    node.text = value;
    node.plain = tag.empty() || tag == "?";
    const bool is_key = expects_key();
    if (const std::string odd = node.plain ? odd_sign(value, is_key) : ""; !odd.empty())
      fail_at(node.mark, fmt::format("{}; write plain spaces{}", odd, is_key ? "" : ", or put it in quotes if it is meant"));
    add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

  int documents() const { return documents_; }
  Node take() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    Mark key_mark;
    bool is_merge = false;           // the key is <<
    std::optional<Mark> merge_mark;  // there was one
    std::vector<Node> merged;        // what << names, in order
  };

  Mark at(const YAML::Mark& mark) const {
    if (!override_text_.empty()) return {file_, 0, 0, override_text_};
    return {file_, mark.line + 1, mark.column + 1, ""};
  }
  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!" || tag.rfind("tag:yaml.org,2002:", 0) == 0) return;
    fail_at(at(mark), fmt::format("YAML tag '{}' means nothing here", tag));
  }
  bool expects_key() const { return !frames_.empty() && frames_.back().node.is_map() && !frames_.back().has_key; }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    check_tag(mark, tag);
    if (expects_key()) fail_at(at(mark), "a key must be a word");
    Frame frame;
    frame.node.kind = kind;
    frame.node.mark = at(mark);
    frame.anchor = anchor;
    frames_.push_back(std::move(frame));
  }
  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    // A map's own keys win, wherever << stands in it; of several maps, the earlier.
    for (Node& map : frame.merged) {
      for (Node& item : map.items)
        if (!frame.node.find(item.key)) frame.node.items.push_back(std::move(item));
    }
    add(std::move(frame.node), frame.anchor);
  }
  void add(Node node, YAML::anchor_t anchor) {
    if (++nodes_ > kMostNodes) fail_at(node.mark, fmt::format("more than {} values; this is no recipe", kMostNodes));
    if (anchor != 0) anchors_[anchor] = node;
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (!frame.node.is_map()) {
      frame.node.items.push_back(std::move(node));
      return;
    }
    if (!frame.has_key) {
      if (!node.is_scalar()) fail_at(node.mark, "a key must be a word");
      frame.is_merge = node.plain && node.text == "<<";
      const Node* same = frame.node.find(node.text);
      if (same || (frame.is_merge && frame.merge_mark)) {
        const Mark& first = same ? same->key_mark : *frame.merge_mark;
        const std::string place = override_text_.empty() ? fmt::format(" (first at line {})", first.line) : "";
        const char* hint = frame.is_merge ? "; it takes several maps as a list" : "";
        fail_at(node.mark, fmt::format("duplicate key '{}'{}{}", node.text, place, hint));
      }
      frame.key = node.text;
      frame.key_mark = node.mark;
      frame.has_key = true;
      return;
    }
    frame.has_key = false;
    if (frame.is_merge) {
      merge(frame, std::move(node));
      return;
    }
    node.key = std::move(frame.key);
    node.key_mark = frame.key_mark;
    // yaml-cpp places nothing where the next token begins, often on another line.
    if (node.kind == Node::Kind::kNothing) node.mark = node.key_mark;
    frame.node.items.push_back(std::move(node));
  }
  void merge(Frame& frame, Node node) {
    frame.merge_mark = frame.key_mark;
    const auto take = [&](Node& map) {
      if (!map.is_map()) fail_at(frame.key_mark, fmt::format("'<<' merges a map, or a list of maps, found {}", describe(map)));
      frame.merged.push_back(std::move(map));
    };
    if (node.kind != Node::Kind::kList) return take(node);
    for (Node& map : node.items) take(map);
  }

  const std::string& file_;
  const std::string& override_text_;
  int documents_ = 0;
  std::size_t nodes_ = 0;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Node> anchors_;
  Node root_;
};

// Text of others in a one-line message: shortened, without line breaks.
std::string in_one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, 60)) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  // Do not cut inside a UTF-8 character.
  if (text.size() > 60) {
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0) == 0x80) line.pop_back();
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xC0) line.pop_back();
    line += "...";
  }
  return line;
}

}  // namespace

std::string where(const Mark& mark) {
  if (!mark.override_text.empty()) return fmt::format("override '{}'", in_one_line(mark.override_text));
  if (mark.line == 0) return mark.file;
  return fmt::format("{}:{}:{}", mark.file, mark.line, mark.column);
}

const Node* Node::find(std::string_view name) const {
  if (kind != Kind::kMap) return nullptr;
  for (const Node& item : items)
    if (item.key == name) return &item;
  return nullptr;
}

Node* Node::find(std::string_view name) { return const_cast<Node*>(std::as_const(*this).find(name)); }

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNothing: return "nothing";
    case Node::Kind::kList: return "a list";
    case Node::Kind::kMap: return "a map";
    case Node::Kind::kScalar: break;
  }
  return fmt::format("{}'{}'", node.plain ? "" : "the string ", in_one_line(node.text));
}

std::string describe_no_map(const Node& node) {
  const std::string slip = node.is_scalar() && node.plain ? colon_slip(node.text) : "";
  return describe(node) + (slip.empty() ? "" : ": " + slip);
}

void fail_at(const Mark& mark, std::string_view text) { throw usage_error("{}: {}", where(mark), text); }

namespace {

/// yaml-cpp's messages say nothing of tabs, and often point behind them.
std::string tab_hint(const std::string& text, int line) {
  std::istringstream in(text);
  std::string found;
  for (int number = 1; number <= line && std::getline(in, found); ++number)
    if (number + 1 >= line && found.find('\t') != std::string::npos) return fmt::format("; line {} holds a tab, YAML wants spaces", number);
  return "";
}

/// What yaml-cpp says of an alias, with its name, which not every version tells, and the reason.
std::string describe_error(const YAML::Exception& error, const std::string& text) {
  if (error.msg.find("referenced anchor is not defined") == std::string::npos) return error.msg;
  std::istringstream in(text);
  std::string line;
  for (int number = 0; number <= error.mark.line; ++number) std::getline(in, line);
  const std::size_t begin = std::min(line.find('*', static_cast<std::size_t>(error.mark.column)), line.size());
  const std::string alias = line.substr(begin, line.find_first_of(" \t,]}", begin) - begin);
  return fmt::format("no anchor stands above the alias '{}'; anchors are of one file, and 'extends' takes over the maps of another",
                     in_one_line(alias));
}

}  // namespace

Node parse_document(const std::string& text, const std::string& file, const std::string& override_text) {
  const Mark whole{file, 0, 0, override_text};
  // yaml-cpp reads a zero byte as the end of the text and would drop what follows.
  if (text.find('\0') != std::string::npos) fail_at(whole, "is not text: it holds a zero byte");
  Builder builder(file, override_text);
  SyntaxOnly syntax_only;
  try {
    for (YAML::EventHandler* handler : {static_cast<YAML::EventHandler*>(&syntax_only), static_cast<YAML::EventHandler*>(&builder)}) {
      std::istringstream in(text);
      YAML::Parser parser(in);
      while (parser.HandleNextDocument(*handler)) {}
    }
  } catch (const YAML::Exception& error) {
    Mark mark = whole;
    const bool placed = override_text.empty() && !error.mark.is_null();
    if (placed) mark = {file, error.mark.line + 1, error.mark.column + 1, ""};
    if (const auto slip = find_slip(text, placed ? mark.line : 1)) {
      if (placed) mark = {file, slip->line, slip->column, ""};
      fail_at(mark, "YAML syntax: " + slip->text);
    }
    fail_at(mark, fmt::format("YAML syntax: {}{}", describe_error(error, text), tab_hint(text, mark.line)));
  }
  Node root = builder.take();
  if (builder.documents() == 0) root.mark = whole;
  return root;
}

}  // namespace sluice::recipes
