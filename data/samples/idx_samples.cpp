// IDX files, as MNIST is given (LeCun, Cortes, Burges: "The MNIST database"): two zeros, the type of an element, the number of sizes, the
// sizes in big-endian order of bytes, the elements.
#include "core/base/error.hpp"
#include "data/samples/listed_samples.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::data {
namespace {

constexpr unsigned char kBytes = 0x08;  // the type of elements that pictures and labels have

struct IdxFile {
  std::string content;
  std::vector<std::int64_t> sizes;
  std::size_t begin = 0;  // of the elements
};

IdxFile idx_file(std::string content, const std::filesystem::path& path, std::size_t dimensions) {
  IdxFile file{std::move(content), {}, 4 + 4 * dimensions};
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(file.content[at]); };
  if (file.content.size() < 4 || byte(0) != 0 || byte(1) != 0) throw data_error("{}: not an IDX file", path.string());
  if (byte(2) != kBytes || byte(3) != dimensions)
    throw data_error("{}: an IDX file of {} sizes and elements of type 0x{:02x}; expected {} and bytes (0x08)", path.string(), byte(3),
                     byte(2), dimensions);
  if (file.content.size() < file.begin) throw data_error("{}: an IDX file that is cut short", path.string());
  std::uint64_t elements = 1;
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | byte(4 + 4 * d + i);
    file.sizes.push_back(size);
    elements = size == 0 || elements > kMostSampleBytes / size ? 0 : elements * size;
  }
  if (elements == 0 || file.content.size() - file.begin != elements)
    throw data_error("{}: an IDX file of {} elements whose sizes say {}", path.string(), file.content.size() - file.begin,
                     fmt::join(file.sizes, " x "));
  return file;
}

class IdxSamples : public SampleSource {
 public:
  IdxSamples(IdxFile images, IdxFile labels) : images_(std::move(images)), labels_(std::move(labels)) {}
  std::int64_t size() const override { return images_.sizes[0]; }
  Sample at(std::int64_t index) const override {
    Sample sample;
    sample.id = std::to_string(index);
    Image image(static_cast<int>(images_.sizes[2]), static_cast<int>(images_.sizes[1]), 1);
    const auto from =
        images_.content.begin() + static_cast<std::ptrdiff_t>(images_.begin + static_cast<std::size_t>(index) * image.pixels.size());
    std::copy_n(from, image.pixels.size(), image.pixels.begin());
    sample.pixels = std::move(image);
    sample.label = std::to_string(static_cast<unsigned char>(labels_.content[labels_.begin + static_cast<std::size_t>(index)]));
    return sample;
  }

 private:
  IdxFile images_, labels_;
};

// .../train-images-idx3-ubyte.gz -> .../train-labels-idx1-ubyte.gz, also as they are unpacked, with dots
std::filesystem::path labels_beside(const std::filesystem::path& images) {
  std::string name = images.filename().string();
  for (const auto& [from, to] : {std::pair{"images", "labels"}, {"idx3", "idx1"}}) {
    const std::size_t at = name.find(from);
    if (at == name.npos)
      throw data_error(
          "{}: the labels are looked for in the file of this name with labels-idx1 in place of images-idx3, which it does not have",
          images.string());
    name.replace(at, std::string_view(from).size(), to);
  }
  return images.parent_path() / name;
}

}  // namespace

std::unique_ptr<SampleSource> parse_idx(std::string images, std::string labels, const std::filesystem::path& images_path,
                                        const std::filesystem::path& labels_path) {
  IdxFile pictures = idx_file(std::move(images), images_path, 3), classes = idx_file(std::move(labels), labels_path, 1);
  if (pictures.sizes[1] > 65535 || pictures.sizes[2] > 65535)
    throw data_error("{}: pictures of {} x {} pixels", images_path.string(), pictures.sizes[2], pictures.sizes[1]);
  if (pictures.sizes[0] != classes.sizes[0])
    throw data_error("{}: {} pictures, and {} labels in {}", images_path.string(), pictures.sizes[0], classes.sizes[0],
                     labels_path.string());
  return std::make_unique<IdxSamples>(std::move(pictures), std::move(classes));
}

std::unique_ptr<SampleSource> read_idx(const SampleSpec& spec) {
  const std::filesystem::path labels = labels_beside(spec.path);
  return parse_idx(read_whole(spec.path), read_whole(labels), spec.path, labels);
}

}  // namespace sluice::data
