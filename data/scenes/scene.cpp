#include "data/scenes/scene.hpp"

#include "core/base/random.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace sluice::data {
namespace {

// The numbers of one scene, one after the other.
class Draws {
 public:
  Draws(std::uint64_t seed, const char* purpose, std::int64_t index) : key_(random_key(seed, fmt::format("{}.{}", purpose, index))) {}
  double uniform() { return random_uniform(key_, next_++); }
  int below(int count) { return static_cast<int>(uniform() * count); }
  /// So many different numbers below `of`.
  std::vector<int> different(int count, int of) {
    std::vector<int> all, chosen;
    for (int i = 0; i < of; ++i) all.push_back(i);
    for (int i = 0; i < count; ++i) {
      const int place = below(static_cast<int>(all.size()));
      chosen.push_back(all[static_cast<std::size_t>(place)]);
      all.erase(all.begin() + place);
    }
    return chosen;
  }

 private:
  std::uint64_t key_, next_ = 0;
};

std::string plain(const SceneObject& object) { return fmt::format("{} {}", name_of(object.colour), name_of(object.shape)); }
std::string sized(const SceneObject& object) { return fmt::format("a {} {}", object.large ? "large" : "small", plain(object)); }

std::string article(std::string_view word) { return word.starts_with('o') ? "an" : "a"; }

}  // namespace

Scene make_scene(std::uint64_t seed, std::int64_t index) {
  Draws draws(seed, "scene", index);
  Scene scene;
  scene.ground = 200 + draws.below(45);
  const int count = 1 + draws.below(3);
  const std::vector<int> shapes = draws.different(count, std::size(kShapeNames)), colours = draws.different(count, std::size(kColourNames)),
                         quarters = draws.different(count, 4);
  for (int i = 0; i < count; ++i) {
    const auto n = static_cast<std::size_t>(i);
    SceneObject object;
    object.shape = kShapeNames[static_cast<std::size_t>(shapes[n])].value;
    object.colour = kColourNames[static_cast<std::size_t>(colours[n])].value;
    object.large = i == 0;
    object.radius = object.large ? 0.17 + 0.05 * draws.uniform() : 0.08 + 0.03 * draws.uniform();
    // Wholly inside its quarter.
    const double room = 0.5 - 2 * object.radius;
    object.x = (quarters[n] % 2) * 0.5 + object.radius + room * draws.uniform();
    object.y = (quarters[n] / 2) * 0.5 + object.radius + room * draws.uniform();
    scene.objects.push_back(object);
  }
  return scene;
}

std::vector<std::string> captions_of(const Scene& scene) {
  std::string listed, placed;
  for (const SceneObject& object : scene.objects) {
    listed += (listed.empty() ? "" : &object == &scene.objects.back() ? " and " : ", ") + sized(object);
    placed += fmt::format("{}{} {} in the {} {}", placed.empty() ? "" : ", ", article(name_of(object.colour)), plain(object),
                          object.y < 0.5 ? "upper" : "lower", object.x < 0.5 ? "left" : "right");
  }
  return {listed, placed};
}

std::string label_of(const Scene& scene) { return plain(scene.objects.front()); }

SceneQuestion question_of(const Scene& scene, std::uint64_t seed, std::int64_t index) {
  Draws draws(seed, "question", index);
  const auto any = [&]() -> const SceneObject& {
    return scene.objects[static_cast<std::size_t>(draws.below(static_cast<int>(scene.objects.size())))];
  };
  const auto yes = [](bool is) { return is ? "yes" : "no"; };
  switch (draws.below(5)) {
    case 0: {
      const SceneObject& object = any();
      return {fmt::format("what color is the {}?", name_of(object.shape)), std::string(name_of(object.colour)), "color"};
    }
    case 1: {
      const SceneObject& object = any();
      return {fmt::format("what shape is {}?", name_of(object.colour)), std::string(name_of(object.shape)), "shape"};
    }
    case 2: return {"how many shapes are there?", std::to_string(scene.objects.size()), "count"};
    case 3:
      for (const SceneObject& a : scene.objects)
        for (const SceneObject& b : scene.objects)
          if ((a.x < 0.5) != (b.x < 0.5) && draws.uniform() < 0.5)
            return {fmt::format("is the {} left of the {}?", name_of(a.shape), name_of(b.shape)), yes(a.x < b.x), "side"};
      [[fallthrough]];
    default: {
      const bool there = draws.uniform() < 0.5;
      const SceneObject& object = any();
      const std::string_view shape =
          there ? name_of(object.shape) : kShapeNames[static_cast<std::size_t>(draws.below(std::size(kShapeNames)))].name;
      const std::string_view colour =
          there ? name_of(object.colour) : kColourNames[static_cast<std::size_t>(draws.below(std::size(kColourNames)))].name;
      bool is = false;
      for (const SceneObject& each : scene.objects) is |= name_of(each.shape) == shape && name_of(each.colour) == colour;
      return {fmt::format("is there {} {} {}?", article(colour), colour, shape), yes(is), "exists"};
    }
  }
}

}  // namespace sluice::data
