// Rows of a .csv (RFC 4180) or .tsv file.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

/// Hands each row of `content` to `take`, with the number of the line it begins on, from 1. With ',' a field may stand in quotation marks,
/// in which commas and line ends are text and two marks are one; with '\t' marks are text, as in the tables of GLUE. Line ends are LF or CR
/// LF; empty lines are left out. Data error, which `where` begins, for a quoted field that does not end or is followed by other text.
void for_each_row(std::string_view content, char separator, const std::string& where,
                  const std::function<void(const std::vector<std::string>& fields, std::size_t line)>& take);

}  // namespace sluice::data
