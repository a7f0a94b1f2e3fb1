// The one thing of EXIF that a picture's pixels depend on.
#pragma once

#include <string_view>

namespace sluice::data {

/// The orientation (tag 0x0112, 1 to 8) of a TIFF structure, as EXIF 2.3 keeps it in JPEG's APP1 (after "Exif\0\0") and in PNG's eXIf.
/// 1, upright, where there is none or the structure is damaged: a broken remark is no reason to refuse a picture.
int exif_orientation(std::string_view tiff);

}  // namespace sluice::data
