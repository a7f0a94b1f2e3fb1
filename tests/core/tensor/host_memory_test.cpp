// Memory for the wire and for files: a CPU tensor's own, or a staged copy that is given back; refused where there is none in order.
#include "core/tensor/host_memory.hpp"

#include "core/base/error.hpp"
#include "core/tensor/tensor.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/staged_memory.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

using namespace sluice;
using sluice::testing::StagedMemory;

namespace {

at::Tensor numbers() { return at::arange(6, at::kDouble).view({2, 3}); }

template <class Work>
bool says(const Work& work, const std::string& part) {
  try {
    work();
  } catch (const c10::Error& error) {
    return std::string(error.what_without_backtrace()).find(part) != std::string::npos;
  }
  return false;
}

bool is_memory_of(const HostMemory& memory, const at::Tensor& x) { return static_cast<const void*>(memory.bytes().data()) == x.data_ptr(); }

}  // namespace

TEST_CASE("a CPU tensor's memory is its own") {
  const at::Tensor x = numbers();
  for (const HostMemory& memory : {to_host(x), from_host(x)}) {
    CHECK(is_memory_of(memory, x));
    CHECK(memory.bytes().size() == 48);
    CHECK(memory.as<const double>()[5] == 5.0);
    memory.as<double>()[5] += 1.0;
    CHECK(x[1][2].item<double>() == 6.0);
    x[1][2] = 5.0;
    memory.give_back();
    CHECK(at::equal(x, numbers()));
  }
}

TEST_CASE("a staged tensor is copied to the host, and changes when its memory is given back") {
  const StagedMemory staged;
  const at::Tensor x = numbers(), row = x[1];
  const HostMemory memory = to_host(row);
  CHECK(!is_memory_of(memory, row));
  CHECK(std::ranges::equal(memory.as<const double>(), std::vector<double>{3.0, 4.0, 5.0}));
  // An operation in place: a part of the values comes back changed.
  memory.as<double>()[1] = 40.0;
  CHECK(at::equal(x, numbers()));
  memory.give_back();
  CHECK(at::equal(row, at::tensor({3.0, 40.0, 5.0}, at::kDouble)));
  CHECK(x[0][1].item<double>() == 1.0);
}

TEST_CASE("what is received into staged memory is the tensor's once given back, however late") {
  const StagedMemory staged;
  at::Tensor x = at::zeros({2, 3}, at::kBFloat16).set_requires_grad(true);
  std::optional<HostMemory> later;
  {
    const HostMemory memory = from_host(x);
    CHECK(!is_memory_of(memory, x));
    CHECK(memory.bytes().size() == 12);
    later = memory;  // of the same memory
  }
  const at::Tensor sent = at::arange(6, at::kBFloat16);
  const HostMemory from = to_host(sent);
  std::memcpy(later->bytes().data(), from.bytes().data(), from.bytes().size());
  CHECK(x.count_nonzero().item<std::int64_t>() == 0);
  later->give_back();
  CHECK(at::equal(x.detach().view({6}), sent));
  CHECK(x.is_leaf());
}

TEST_CASE("values of a tensor are copied out of it") {
  CHECK(values_of<std::int64_t>(at::tensor({7, -1}, at::kLong)) == std::vector<std::int64_t>{7, -1});
  CHECK(values_of<float>(at::empty({0, 3}, at::kFloat)).empty());
  const StagedMemory staged;
  CHECK(values_of<double>(numbers()) == std::vector<double>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("memory is refused of views with gaps, meta tensors, no tensor, and elements of another type") {
  std::optional<StagedMemory> staged;
  for (int time = 0; time < 2; ++time, staged.emplace()) {
    const at::Tensor x = numbers();
    for (const auto& ask : {to_host, from_host}) {
      CHECK(says([&] { ask(x.t()); }, "shape [3, 2] with strides [1, 3] on cpu, expected contiguous memory"));
      CHECK(says([&] { ask(at::empty({2}, at::TensorOptions().device(at::kMeta))); }, "on meta, expected contiguous memory"));
      CHECK(says([&] { ask(at::Tensor()); }, "a tensor that is not there"));
    }
    CHECK(says([&] { values_of<float>(x); }, "elements of type Double as Float"));
  }
}

TEST_CASE("the environment says own or staged, nothing else") {
  const StagedMemory restores;
  for (const char* value : {"", "own"}) {
    setenv("SLUICE_HOST_MEMORY", value, 1);
    const at::Tensor x = numbers();
    CHECK(is_memory_of(to_host(x), x));
  }
  setenv("SLUICE_HOST_MEMORY", "pinned", 1);
  CHECK_THROWS_AS(to_host(numbers()), Error);
}
