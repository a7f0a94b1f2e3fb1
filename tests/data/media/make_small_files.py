#!/usr/bin/env python3
"""Writes small_files.hpp: pictures and sounds of a few bytes, for the tests beside it. Needs Pillow, soundfile and numpy.

usage: make_small_files.py > small_files.hpp
"""
import io

import numpy as np
import soundfile
from PIL import Image


def bytes_of(image, **how):
    out = io.BytesIO()
    image.save(out, **how)
    return out.getvalue()


def sound(subtype, **how):
    out = io.BytesIO()
    soundfile.write(out, np.array([0.0, 0.5, -0.5, 0.25, -1.0, 0.75, 0.0, 0.125] * 8), 8000, subtype=subtype, **how)
    return out.getvalue()


y, x = np.mgrid[0:5, 0:7]
rgb = Image.fromarray(np.stack([x * 30, y * 50, (x + y) * 20], -1).astype(np.uint8))
rgba = Image.fromarray(np.array([[[255, 0, 0, 255], [0, 255, 0, 0]], [[0, 0, 255, 128], [10, 20, 30, 255]]], dtype=np.uint8))
turned = Image.Exif()
turned[0x0112] = 6
FILES = {
    "kRgbPng": ("7 x 5 pixels: red 30 x, green 50 y, blue 20 (x + y)", bytes_of(rgb, format="PNG")),
    "kRgbaPng": ("2 x 2 pixels: red, green that is transparent, blue of half the alpha; 10, 20, 30", bytes_of(rgba, format="PNG")),
    "kTurnedJpeg": ("kRgbPng's, with EXIF orientation 6", bytes_of(rgb, format="JPEG", quality=95, exif=turned)),
    "kProgressiveJpeg": ("kRgbPng's", bytes_of(rgb, format="JPEG", quality=95, progressive=True)),
    "kWav": ("64 samples of 16 bits at 8 kHz: 0 0.5 -0.5 0.25 -1 0.75 0 0.125, eight times", sound("PCM_16", format="WAV")),
    "kFlac": ("the same", sound("PCM_16", format="FLAC")),
}
print("""// Pictures and sounds of a few bytes. Written by make_small_files.py.
#pragma once

#include <string_view>

namespace sluice::testing {

// clang-format off""")
for name, (what, data) in FILES.items():
    print(f"\n/// {what}")
    print(f"inline constexpr unsigned char {name}Bytes[] = {{")
    for at in range(0, len(data), 32):
        print("    " + ",".join(str(byte) for byte in data[at:at + 32]) + ",")
    print("};")
print("""
// clang-format on

template <class Bytes>
std::string_view small_file(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes), sizeof bytes};
}

}  // namespace sluice::testing""")
