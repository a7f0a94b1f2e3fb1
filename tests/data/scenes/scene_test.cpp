// Synthetic scenes: what is drawn, said and asked is the same scene, whatever the seed.
#include "data/scenes/draw_scene.hpp"
#include "data/scenes/scene.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <map>
#include <set>
#include <string>

using namespace sluice;
using namespace sluice::data;

namespace {

constexpr std::int64_t kScenes = 500;

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("objects of a scene differ in shape, colour and quarter, and lie inside it") {
  std::map<std::size_t, int> counts;
  std::set<std::string> labels;
  for (std::int64_t i = 0; i < kScenes; ++i) {
    const Scene scene = make_scene(17, i);
    ++counts[scene.objects.size()];
    labels.insert(label_of(scene));
    std::set<int> quarters;
    std::set<Shape> shapes;
    std::set<Colour> colours;
    for (const SceneObject& object : scene.objects) {
      shapes.insert(object.shape);
      colours.insert(object.colour);
      quarters.insert((object.x < 0.5) + 2 * (object.y < 0.5));
      for (const double at : {object.x, object.y}) {
        CHECK(std::fmod(at, 0.5) >= object.radius - 1e-12);
        CHECK(std::fmod(at, 0.5) <= 0.5 - object.radius + 1e-12);
      }
      CHECK(object.large == (&object == &scene.objects.front()));
    }
    CHECK(shapes.size() == scene.objects.size());
    CHECK(colours.size() == scene.objects.size());
    CHECK(quarters.size() == scene.objects.size());
  }
  CHECK(counts.size() == 3);
  CHECK(labels.size() == 24);
  CHECK(label_of(make_scene(17, 3)) == label_of(make_scene(17, 3)));
}

TEST_CASE("captions and answers are true of the scene") {
  std::map<std::string, std::map<std::string, int>> answers;
  for (std::int64_t i = 0; i < kScenes; ++i) {
    const Scene scene = make_scene(3, i);
    const auto captions = captions_of(scene);
    REQUIRE(captions.size() == 2);
    for (const std::string& caption : captions)
      for (const auto& [shape, name] : names_of(Shape{})) {
        bool there = false;
        for (const SceneObject& object : scene.objects) there |= object.shape == shape;
        CHECK(contains(caption, name) == there);
      }
    const SceneQuestion question = question_of(scene, 3, i);
    ++answers[question.type][question.answer];
    const SceneObject* asked = nullptr;
    for (const SceneObject& object : scene.objects)
      if (contains(question.text, name_of(object.shape)) || contains(question.text, name_of(object.colour))) asked = &object;
    if (question.type == "color") CHECK(question.answer == name_of(asked->colour));
    if (question.type == "shape") CHECK(question.answer == name_of(asked->shape));
    if (question.type == "count") CHECK(question.answer == std::to_string(scene.objects.size()));
    if (question.type == "exists") {
      bool is = false;
      for (const SceneObject& object : scene.objects)
        is |= contains(question.text, std::string(name_of(object.colour)) + " " + std::string(name_of(object.shape)));
      CHECK(question.answer == (is ? "yes" : "no"));
    }
  }
  CHECK(answers.size() == 5);
  CHECK(answers["color"].size() == 6);
  CHECK(answers["shape"].size() == 4);
  CHECK(answers["side"].size() == 2);
  CHECK(answers["exists"].size() == 2);
}

TEST_CASE("a picture shows the colours of its scene where they are") {
  for (std::int64_t i = 0; i < 20; ++i) {
    const Scene scene = make_scene(17, i);
    const Image image = draw_scene(scene, 64, 17, i);
    CHECK(draw_scene(scene, 64, 17, i).pixels == image.pixels);
    CHECK(draw_scene(scene, 64, 18, i).pixels != image.pixels);
    for (const SceneObject& object : scene.objects) {
      const std::uint8_t* middle = image.at(static_cast<int>(64 * object.x), static_cast<int>(64 * object.y));
      int largest = 0, smallest = 255;
      for (int c = 0; c < 3; ++c) {
        largest = std::max<int>(largest, middle[c]);
        smallest = std::min<int>(smallest, middle[c]);
      }
      CHECK(largest - smallest > 60);  // not grey
    }
  }
}
