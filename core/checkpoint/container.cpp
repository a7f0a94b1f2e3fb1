#include "core/checkpoint/container.hpp"

#include "core/base/error.hpp"
#include "core/checkpoint/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace sluice::checkpoint {
namespace {

struct Format {
  std::string_view ending;
  std::unique_ptr<Container> (*open)(const std::filesystem::path& path);
  std::unique_ptr<ContainerWriter> (*create)(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                                             std::function<void()> got_on);
};

const Format kFormats[] = {
    {kModelFileEnding, open_safetensors, create_safetensors},
};

const Format& format_of(const std::filesystem::path& path) {
  const auto found =
      std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Format& format) { return path.extension() == format.ending; });
  if (found == std::end(kFormats)) {
    std::vector<std::string_view> endings;
    for (const Format& format : kFormats) endings.push_back(format.ending);
    throw data_error("{}: tensors are in files that end in {}", path.string(), fmt::join(endings, ", "));
  }
  return *found;
}

}  // namespace

std::unique_ptr<Container> open_container(const std::filesystem::path& path) { return format_of(path).open(path); }

std::unique_ptr<ContainerWriter> create_container(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                                                  std::function<void()> got_on) {
  return format_of(path).create(path, std::move(tensors), std::move(got_on));
}

}  // namespace sluice::checkpoint
