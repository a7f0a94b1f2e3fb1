#include "data/vqa/vqa_accuracy.hpp"

#include "core/base/parse_number.hpp"
#include "data/unicode.hpp"
#include "data/vqa/python_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace sluice::data {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// The official table, with its slips ("somebody'd" loses its mark, two words of three parts gain none). Sorted by the first.
// clang-format off
constexpr Pair kContractions[] = {
    {"'ow'sat", "'ow's'at"}, {"'ows'at", "'ow's'at"}, {"I'dve", "I'd've"}, {"Id've", "I'd've"}, {"Im", "I'm"}, {"Ive", "I've"},
    {"aint", "ain't"}, {"arent", "aren't"}, {"cant", "can't"}, {"couldn'tve", "couldn't've"}, {"couldnt", "couldn't"},
    {"couldnt've", "couldn't've"}, {"couldve", "could've"}, {"didnt", "didn't"}, {"doesnt", "doesn't"}, {"dont", "don't"},
    {"hadn'tve", "hadn't've"}, {"hadnt", "hadn't"}, {"hadnt've", "hadn't've"}, {"hasnt", "hasn't"}, {"havent", "haven't"},
    {"he'dve", "he'd've"}, {"hed", "he'd"}, {"hed've", "he'd've"}, {"hes", "he's"}, {"howd", "how'd"}, {"howll", "how'll"},
    {"hows", "how's"}, {"isnt", "isn't"}, {"it'dve", "it'd've"}, {"itd", "it'd"}, {"itd've", "it'd've"}, {"itll", "it'll"},
    {"let's", "let's"}, {"maam", "ma'am"}, {"mightn'tve", "mightn't've"}, {"mightnt", "mightn't"}, {"mightnt've", "mightn't've"},
    {"mightve", "might've"}, {"mustnt", "mustn't"}, {"mustve", "must've"}, {"neednt", "needn't"}, {"notve", "not've"},
    {"oclock", "o'clock"}, {"oughtnt", "oughtn't"}, {"ow's'at", "'ow's'at"}, {"shant", "shan't"}, {"she'dve", "she'd've"},
    {"she's", "she's"}, {"shed've", "she'd've"}, {"shouldn'tve", "shouldn't've"}, {"shouldnt", "shouldn't"},
    {"shouldnt've", "shouldn't've"}, {"shouldve", "should've"}, {"somebody'd", "somebodyd"}, {"somebody'dve", "somebody'd've"},
    {"somebodyd've", "somebody'd've"}, {"somebodyll", "somebody'll"}, {"somebodys", "somebody's"}, {"someone'dve", "someone'd've"},
    {"someoned", "someone'd"}, {"someoned've", "someone'd've"}, {"someonell", "someone'll"}, {"someones", "someone's"},
    {"something'dve", "something'd've"}, {"somethingd", "something'd"}, {"somethingd've", "something'd've"},
    {"somethingll", "something'll"}, {"thats", "that's"}, {"there'dve", "there'd've"}, {"thered", "there'd"},
    {"thered've", "there'd've"}, {"therere", "there're"}, {"theres", "there's"}, {"they'dve", "they'd've"}, {"theyd", "they'd"},
    {"theyd've", "they'd've"}, {"theyll", "they'll"}, {"theyre", "they're"}, {"theyve", "they've"}, {"twas", "'twas"},
    {"wasnt", "wasn't"}, {"we'dve", "we'd've"}, {"wed've", "we'd've"}, {"werent", "weren't"}, {"weve", "we've"}, {"whatll", "what'll"},
    {"whatre", "what're"}, {"whats", "what's"}, {"whatve", "what've"}, {"whens", "when's"}, {"whered", "where'd"},
    {"wheres", "where's"}, {"whereve", "where've"}, {"who'dve", "who'd've"}, {"whod", "who'd"}, {"whod've", "who'd've"},
    {"wholl", "who'll"}, {"whos", "who's"}, {"whove", "who've"}, {"whyll", "why'll"}, {"whyre", "why're"}, {"whys", "why's"},
    {"wont", "won't"}, {"wouldn'tve", "wouldn't've"}, {"wouldnt", "wouldn't"}, {"wouldnt've", "wouldn't've"}, {"wouldve", "would've"},
    {"y'all'dve", "y'all'd've"}, {"y'alld've", "y'all'd've"}, {"y'allll", "y'all'll"}, {"yall", "y'all"}, {"yall'd've", "y'all'd've"},
    {"yall'll", "y'all'll"}, {"you'dve", "you'd've"}, {"youd", "you'd"}, {"youd've", "you'd've"}, {"youll", "you'll"},
    {"youre", "you're"}, {"youve", "you've"},
};
// clang-format on

// The official kinds of questions (mscoco_question_types.txt), longest first.
// clang-format off
constexpr std::string_view kQuestionTypes[] = {
    "what is the color of the", "how many people are in", "how many people are", "what color are the", "what is the person",
    "what color is the", "what is the woman", "what is the name", "what is the man", "is this person", "what animal is",
    "what is in the", "what is on the", "what number is", "are there any", "is the person", "what color is", "what does the",
    "what sport is", "where are the", "is the woman", "what are the", "what is this", "what kind of", "what room is", "what type of",
    "where is the", "what is the", "is the man", "is there a", "is this an", "what brand", "what color", "why is the", "are there",
    "are these", "does this", "is that a", "is this a", "what time", "are they", "does the", "how many", "is there", "what are",
    "are the", "can you", "is this", "what is", "do you", "is the", "who is", "could", "is he", "is it", "which", "what", "are", "has",
    "how", "was", "why", "do", "is",
};
// clang-format on

constexpr Pair kNumbers[] = {{"none", "0"}, {"zero", "0"}, {"one", "1"},   {"two", "2"},   {"three", "3"}, {"four", "4"},
                             {"five", "5"}, {"six", "6"},  {"seven", "7"}, {"eight", "8"}, {"nine", "9"},  {"ten", "10"}};
constexpr std::string_view kArticles[] = {"a", "an", "the"};
constexpr std::string_view kPunctuation = ";/[]\"{}()=+\\_-><@`,?!";
constexpr int kFullStops = 32;  // the official code gives re.UNICODE, which is 32, as the number of replacements

std::string_view looked_up(std::span<const Pair> table, std::string_view word) {
  for (const Pair& each : table)
    if (each.first == word) return each.second;
  return word;
}

// Whether a digit ends just before `at`, or begins at `at`.
bool digit_before(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  do {
    if (begin == 0) return false;
    --begin;
  } while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80);
  return is_python_digit(code_point_at(text.data() + begin, text.data() + at).value);
}
bool digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && is_python_digit(code_point_at(text.data() + at, text.data() + text.size()).value);
}

bool has_comma_between_digits(std::string_view text) {
  for (std::size_t at = text.find(','); at != text.npos; at = text.find(',', at + 1))
    if (digit_before(text, at) && digit_at(text, at + 1)) return true;
  return false;
}

// Line ends and tabs become blanks, and those at both ends go.
std::string tidied(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\t', ' ');
  return std::string(python_strip(line));
}

std::string normalised(std::string_view text) { return vqa_process_digit_article(vqa_process_punctuation(text)); }

}  // namespace

std::string vqa_process_punctuation(std::string_view text) {
  const bool comma = has_comma_between_digits(text);
  std::string out(text);
  for (const char mark : kPunctuation) {
    const bool beside_blank = text.find(std::string{mark, ' '}) != text.npos || text.find(std::string{' ', mark}) != text.npos;
    if (comma || beside_blank) std::erase(out, mark);
    else std::replace(out.begin(), out.end(), mark, ' ');
  }
  std::string without;
  int gone = 0;
  for (std::size_t i = 0; i < out.size(); ++i)
    if (out[i] == '.' && gone < kFullStops && !digit_at(out, i + 1)) ++gone;
    else without += out[i];
  return without;
}

std::string vqa_process_digit_article(std::string_view text) {
  std::string out;
  for (const std::string& word : python_split(python_lower(text))) {
    const std::string_view number = looked_up(kNumbers, word);
    if (std::find(std::begin(kArticles), std::end(kArticles), number) != std::end(kArticles)) continue;
    out += out.empty() ? "" : " ";
    out += looked_up(kContractions, number);
  }
  return out;
}

double vqa_accuracy(std::string_view prediction, std::span<const Answer> answers) {
  std::string said = tidied(prediction);
  std::vector<Answer> given(answers.begin(), answers.end());
  std::set<std::string> different;
  for (Answer& answer : given) different.insert(answer.text = tidied(answer.text));
  if (different.size() > 1) {
    for (Answer& answer : given) answer.text = normalised(answer.text);
    said = normalised(said);
  }
  double sum = 0;
  for (const Answer& one : given) {
    const auto matching =
        std::count_if(given.begin(), given.end(), [&](const Answer& other) { return !(other == one) && other.text == said; });
    sum += std::min(1.0, static_cast<double>(matching) / 3);
  }
  return sum / static_cast<double>(given.size());
}

std::vector<Answer> ten_copies(const Answer& answer) {
  std::vector<Answer> copies;
  for (std::int64_t id = 1; id <= 10; ++id) copies.push_back({answer.text, id});
  return copies;
}

std::string vqa_answer_type(std::span<const Answer> answers) {
  std::map<std::string, int> counts;
  std::string most;
  for (const Answer& answer : answers) {
    const std::string text = normalised(tidied(answer.text));
    if (++counts[text] > (most.empty() ? 0 : counts[most])) most = text;
  }
  if (most == "yes" || most == "no") return "yes/no";
  return parse_number<double>(most) ? "number" : "other";
}

std::string vqa_question_type(std::string_view question) {
  const std::string text = python_lower(question);
  for (const std::string_view type : kQuestionTypes)
    if (text.starts_with(type) && (text.size() == type.size() || text[type.size()] == ' ' || text[type.size()] == '?'))
      return std::string(type);
  return "none of the above";
}

void VqaSums::add(double accuracy, const std::string& question_type, const std::string& answer_type) {
  for (Sum* sum : {&all_, &by_question_type_[question_type], &by_answer_type_[answer_type]}) {
    sum->sum += accuracy;
    ++sum->count;
  }
}

// Python's round(value, 2): the decimal that lies nearest, from the exact value.
double VqaSums::percentage(const Sum& sum) {
  return sum.count == 0 ? 0 : parse_number<double>(fmt::format("{:.2f}", 100 * sum.sum / static_cast<double>(sum.count))).value();
}

VqaScores VqaSums::scores() const {
  VqaScores made{percentage(all_), {}, {}};
  for (const auto& [type, sum] : by_question_type_) made.by_question_type[type] = percentage(sum);
  for (const auto& [type, sum] : by_answer_type_) made.by_answer_type[type] = percentage(sum);
  return made;
}

}  // namespace sluice::data
