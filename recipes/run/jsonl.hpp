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

/// All objects of the file; none if it does not exist. A torn last line (no line end) is left out in silence,
/// any other line that is not a flat object is left out with a warning that names it.
std::vector<JsonRow> read_jsonl(const std::filesystem::path& path);

/// Makes the file end at `step`, the last step whose results are kept (-1: nothing is): lines with a later "step" and
/// unreadable ones go; with `stage`, so do those of that step that are of another "stage": the next one had begun, and will write
/// them again. Lines that stay keep their bytes. Rewritten atomically, and only if something changes.
void cut_back_jsonl(const std::filesystem::path& path, std::int64_t step, std::string_view stage = "");

}  // namespace sluice::recipes
