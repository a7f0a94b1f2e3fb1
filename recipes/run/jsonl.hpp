// Files of one JSON object a line, each with the step it belongs to. Reading forgives what a killed process leaves:
// a last line cut short.
// Gives: read_jsonl(), cut_back_jsonl().
#pragma once

#include "recipes/run/json_row.hpp"

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace sluice::recipes {

/// All objects of the file; none if it does not exist. A last line without a line end is left out silently, any other line that is no flat
/// JSON object with a warning that names it.
std::vector<JsonRow> read_jsonl(const std::filesystem::path& path);

/// Makes the file end at `step`, the last step whose results are kept (-1: none is). Removes lines with a later "step", lines without one
/// and unreadable lines. If `stage` is given, also removes the lines of `step` itself whose "stage" is another: the next stage had begun,
/// and will write them again. Other lines keep their bytes. The file is replaced atomically, and only if something changes.
void cut_back_jsonl(const std::filesystem::path& path, std::int64_t step, std::string_view stage = "");

}  // namespace sluice::recipes
