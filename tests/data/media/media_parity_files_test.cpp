// Cases that media_parity.py wrote, with what Pillow, soundfile and Transformers make of them; media_parity_test.sh runs both. Without the
// script there are no cases, and this says so.
#include "core/base/files.hpp"
#include "data/media/decode_image.hpp"
#include "data/media/decode_sound.hpp"
#include "data/media/mel_spectrogram.hpp"
#include "data/media/resample_sound.hpp"
#include "data/media/resize_image.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::data;

namespace {

using Json = nlohmann::json;

class Cases {
 public:
  explicit Cases(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::ifstream lines(folder_ / "cases.jsonl");
    for (std::string line; std::getline(lines, line);) cases_.push_back(Json::parse(line));
  }
  const std::vector<Json>& all() const { return cases_; }
  std::string bytes(const Json& each, const char* key = "file") const { return read_file(folder_ / each.at(key).get<std::string>()); }
  std::vector<float> floats(const Json& each, const char* key) const {
    const std::string raw = bytes(each, key);
    std::vector<float> values(raw.size() / sizeof(float));
    std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }

 private:
  std::filesystem::path folder_;
  std::vector<Json> cases_;
};

int difference(const Image& image, const std::string& expected) {
  REQUIRE(image.pixels.size() == expected.size());
  int most = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    most = std::max(most, std::abs(image.pixels[i] - static_cast<unsigned char>(expected[i])));
  return most;
}

double difference(const std::vector<float>& values, const std::vector<float>& expected) {
  REQUIRE(values.size() == expected.size());
  double most = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(values[i]) - static_cast<double>(expected[i])));
  return most;
}

void check(const Cases& cases, const Json& each) {
  const std::string what = each.at("do");
  if (what == "decode") {
    const Image image = decode_image(cases.bytes(each), {.channels = each.at("channels")}, each.at("file"));
    CHECK(image.width == each.at("width"));
    CHECK(image.height == each.at("height"));
    CHECK(difference(image, cases.bytes(each, "expected")) <= each.at("tolerance"));
  } else if (what == "resize") {
    Image image(each.at("in_width"), each.at("in_height"), each.at("channels"));
    const std::string pixels = cases.bytes(each);
    image.pixels.assign(pixels.begin(), pixels.end());
    const Image made =
        resize_image(image, each.at("width"), each.at("height"), value_of<ResizeFilter>(each.at("filter").get<std::string>()).value());
    CHECK(difference(made, cases.bytes(each, "expected")) == 0);
  } else if (what == "sound") {
    const Sound sound = decode_sound(cases.bytes(each), {}, each.at("file"));
    CHECK(sound.sample_rate == each.at("rate"));
    CHECK(difference(sound.samples, cases.floats(each, "expected")) <= each.at("tolerance"));
  } else if (what == "resample") {
    CHECK(difference(resample_sound(cases.floats(each, "file"), each.at("rate"), each.at("wanted")), cases.floats(each, "expected")) <=
          each.at("tolerance"));
  } else {
    REQUIRE(what == "mel");
    const MelSpectrogram spectrogram({.sample_rate = each.at("rate"),
                                      .window = each.at("window"),
                                      .hop = each.at("hop"),
                                      .bands = each.at("bands"),
                                      .min_frequency = each.at("low"),
                                      .max_frequency = each.at("high"),
                                      .scale = value_of<MelScale>(each.at("scale").get<std::string>()).value(),
                                      .area_norm = each.at("area_norm")});
    std::vector<float> samples = cases.floats(each, "file");
    samples.resize(each.at("size"));
    CHECK(difference(spectrogram(samples), cases.floats(each, "expected")) <= each.at("tolerance"));
  }
}

}  // namespace

TEST_CASE("pictures and sounds are what Pillow, soundfile and Transformers make of them", "[media_parity]") {
  const char* folder = std::getenv("SLUICE_PARITY_FOLDER");
  if (folder == nullptr) {
    WARN("no cases: media_parity_test.sh makes them");
    return;
  }
  const Cases cases(folder);
  REQUIRE(cases.all().size() > 100);
  for (const Json& each : cases.all()) {
    INFO(each.dump());
    check(cases, each);
  }
}
