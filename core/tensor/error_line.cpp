#include "core/tensor/error_line.hpp"

#include "core/base/json_reason.hpp"
#include "core/base/parse_number.hpp"

#include <c10/util/Exception.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

namespace sluice {
namespace {

constexpr double kMebibyte = 1024.0 * 1024.0, kGibibyte = 1024.0 * kMebibyte;

// What stands between two words of a text; "" if they do not stand in it.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const auto at = text.find(before);
  if (at == text.npos) return "";
  const auto begin = at + before.size(), end = text.find(after, begin);
  return end == text.npos ? "" : text.substr(begin, end - begin);
}

// ": 400 bytes were asked for at once", with the amount from LibTorch's message about memory; "" if the message names none.
std::string asked_for(const std::string& text) {
  if (const auto bytes = parse_number<double>(between(text, "you tried to allocate ", " bytes")))
    return *bytes < kMebibyte   ? fmt::format(": {:.0f} bytes were asked for at once", *bytes)
           : *bytes < kGibibyte ? fmt::format(": {:.1f} MiB were asked for at once", *bytes / kMebibyte)
                                : fmt::format(": {:.1f} GiB were asked for at once", *bytes / kGibibyte);
  // Of a GPU: "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.19 GiB of which 1.00 GiB is free."
  const auto amount = between(text, "Tried to allocate ", ". "), device = between(text, "iB. ", " has a total capacity of "),
             whole = between(text, " has a total capacity of ", " of which "), left = between(text, " of which ", " is free");
  if (amount.empty()) return "";
  if (device.empty() || whole.empty() || left.empty()) return fmt::format(": {} were asked for at once", amount);
  return fmt::format(": {} were asked for at once on {}, which has {}, {} of them free", amount, device, whole, left);
}

}  // namespace

Error as_error(const std::exception& error) {
  if (const auto* own = dynamic_cast<const Error*>(&error)) return *own;
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    const std::string other = file->path2().empty() ? "" : " to " + file->path2().string();
    return data_error("{}{}: {}", file->path1().string(), other, file->code().message());
  }
  // EAGAIN is all that the C++ library says when the system refuses a thread.
  if (const auto* system = dynamic_cast<const std::system_error*>(&error); system != nullptr && system->code().value() == EAGAIN)
    return data_error(
        "a thread cannot be started: {}; raise the limits on processes and memory (ulimit -u, ulimit -v), or use fewer threads "
        "(OMP_NUM_THREADS)",
        system->code().message());
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  text = text.substr(0, text.find('\n'));
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr || text.find("allocate memory") != std::string::npos ||
                      text.find("out of memory") != std::string::npos || text.find("STATUS_ALLOC_FAILED") != std::string::npos ||
                      !asked_for(text).empty();
  if (memory) return memory_error("not enough memory{}; fewer rows at once or a smaller model take less", asked_for(text));
  return data_error("{}", json_reason(text));
}

}  // namespace sluice
