// What is wrong with one picture or one sound. Gives: MediaProblem, MediaError.
#pragma once

#include "core/base/enum_names.hpp"
#include "core/base/error.hpp"

#include <span>
#include <string>
#include <utility>

namespace sluice::data {

/// The kinds under which bad pictures and sounds are counted.
enum class MediaProblem {
  kUnreadable,   // the file is not there or may not be read
  kUnsupported,  // a format that is known and not read, or that this program was built without
  kDamaged,      // not what it says it is, cut short or broken
  kTooLarge,     // more pixels or bytes than the limit
  kEmpty,        // no bytes, no pixels, no samples
};
inline constexpr EnumName<MediaProblem> kMediaProblemNames[] = {{MediaProblem::kUnreadable, "unreadable"},
                                                                {MediaProblem::kUnsupported, "unsupported"},
                                                                {MediaProblem::kDamaged, "damaged"},
                                                                {MediaProblem::kTooLarge, "too_large"},
                                                                {MediaProblem::kEmpty, "empty"}};
constexpr std::span<const EnumName<MediaProblem>> names_of(MediaProblem) { return kMediaProblemNames; }

/// A data error (exit 3) about one file, which a reader may skip and count.
class MediaError : public Error {
 public:
  template <class... Args>
  explicit MediaError(MediaProblem problem, fmt::format_string<Args...> text, Args&&... args)
      : Error(ExitCode::kData, fmt::format(text, std::forward<Args>(args)...)), problem_(problem) {}
  MediaProblem problem() const noexcept { return problem_; }

 private:
  MediaProblem problem_;
};

}  // namespace sluice::data
