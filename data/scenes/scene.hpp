// Synthetic scenes: coloured shapes on a grey ground, what can be said of them, and questions with their answers. All of it is a function
// of (seed, index). Gives: Shape, Colour, SceneObject, Scene, make_scene(), captions_of(), SceneQuestion, question_of().
#pragma once

#include "core/base/enum_names.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sluice::data {

enum class Shape { kCircle, kSquare, kTriangle, kCross };
inline constexpr EnumName<Shape> kShapeNames[] = {
    {Shape::kCircle, "circle"}, {Shape::kSquare, "square"}, {Shape::kTriangle, "triangle"}, {Shape::kCross, "cross"}};
constexpr std::span<const EnumName<Shape>> names_of(Shape) { return kShapeNames; }

enum class Colour { kRed, kGreen, kBlue, kYellow, kPurple, kOrange };
inline constexpr EnumName<Colour> kColourNames[] = {{Colour::kRed, "red"},       {Colour::kGreen, "green"},   {Colour::kBlue, "blue"},
                                                    {Colour::kYellow, "yellow"}, {Colour::kPurple, "purple"}, {Colour::kOrange, "orange"}};
constexpr std::span<const EnumName<Colour>> names_of(Colour) { return kColourNames; }

struct SceneObject {
  Shape shape = Shape::kCircle;
  Colour colour = Colour::kRed;
  bool large = false;
  double x = 0.5, y = 0.5, radius = 0.2;  // of the picture's side, from its upper left corner
};

/// One to three objects, no two of one shape or one colour; the first is large, the others small, each in a quarter of the picture.
struct Scene {
  std::vector<SceneObject> objects;
  int ground = 220;  // grey, 0 to 255
};

Scene make_scene(std::uint64_t seed, std::int64_t index);

/// Two captions, both right: objects in the order of the scene, and where they are.
std::vector<std::string> captions_of(const Scene& scene);
/// The large object: "red circle".
std::string label_of(const Scene& scene);

struct SceneQuestion {
  std::string text, answer;
  std::string type;  // "color", "shape", "count", "exists" or "side"
};

SceneQuestion question_of(const Scene& scene, std::uint64_t seed, std::int64_t index);

}  // namespace sluice::data
