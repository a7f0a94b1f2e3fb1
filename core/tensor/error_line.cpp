#include "core/tensor/error_line.hpp"

#include <c10/util/Exception.h>

#include <new>
#include <string>

namespace sluice {

Error as_error(const std::exception& error) {
  if (const auto* own = dynamic_cast<const Error*>(&error)) return *own;
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  text = text.substr(0, text.find('\n'));
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr || text.find("allocate memory") != std::string::npos;
  if (memory)
    return data_error("not enough memory ({}); lower train.micro_batch_size, seq_length or the model's sizes, or use more ranks", text);
  return data_error("{}", text);
}

}  // namespace sluice
