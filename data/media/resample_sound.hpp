// Another sample rate.
#pragma once

#include <span>
#include <vector>

namespace sluice::data {

/// `samples` at `rate`, taken anew at `wanted` samples a second: ceil(size * wanted / rate) of them. Band-limited interpolation by a sinc
/// of six zero crossings a side under a Hann window, its cut-off at 0.99 of the lower rate's half (Smith, "Digital Audio Resampling",
/// CCRMA; the same filter and defaults as torchaudio.functional.resample). Computed in double precision; the rates are above 0.
std::vector<float> resample_sound(std::span<const float> samples, int rate, int wanted);

}  // namespace sluice::data
