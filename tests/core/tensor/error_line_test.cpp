#include "core/tensor/error_line.hpp"

#include "tests/support/catch.hpp"

#include <new>
#include <stdexcept>
#include <string>

using namespace sluice;

TEST_CASE("memory that cannot be had is told by how much was asked for, without LibTorch's own words") {
  const std::string remedy = "; fewer rows at once or a smaller model take less";
  CHECK(
      as_error(std::runtime_error("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
                                  "allocate 1099511627776 bytes. Error code 12 (Cannot allocate memory)"))
          .what() == "not enough memory: 1024.0 GiB were asked for at once" + remedy);
  CHECK(as_error(std::bad_alloc()).what() == "not enough memory" + remedy);
  CHECK(as_error(std::bad_alloc()).code() == ExitCode::kOutOfMemory);
  CHECK(as_error(std::runtime_error(
                     "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.19 GiB of which 1.06 GiB is "
                     "free. Including non-PyTorch memory, this process has 78.12 GiB memory in use."))
            .what() == "not enough memory: 2.00 GiB were asked for at once on GPU 1, which has 79.19 GiB, 1.06 GiB of them free" + remedy);
  CHECK(as_error(std::runtime_error("CUDA error: out of memory")).what() == "not enough memory" + remedy);
  CHECK(as_error(std::runtime_error("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")).code() ==
        ExitCode::kOutOfMemory);
}

TEST_CASE("an exception of the JSON library is told by its reason") {
  CHECK(as_error(std::runtime_error("[json.exception.out_of_range.403] key 'name' not found")).what() ==
        std::string("key 'name' not found"));
}
