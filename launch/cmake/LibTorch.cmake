# Finds LibTorch and makes one imported target of our own, sluice::torch.
# find_package(Torch) is not used: it refuses CUDA wheels where no CUDA toolkit is installed, and Sluice needs only
# the headers, libtorch_cpu and libc10. Order: -DLIBTORCH=…, $LIBTORCH, Torch_DIR, the project's .venv, python3's torch.
set(LIBTORCH "$ENV{LIBTORCH}" CACHE PATH "LibTorch folder (with include/ and lib/), or empty to search")

set(_candidates)
if(LIBTORCH)
  list(APPEND _candidates "${LIBTORCH}")
elseif(Torch_DIR OR DEFINED ENV{Torch_DIR})
  if(NOT Torch_DIR)
    set(Torch_DIR "$ENV{Torch_DIR}")
  endif()
  get_filename_component(_root "${Torch_DIR}/../../.." ABSOLUTE)
  list(APPEND _candidates "${_root}")
else()
  file(GLOB _venv "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
  list(APPEND _candidates ${_venv})
  execute_process(COMMAND python3 -c "import importlib.util as u; s=u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE _python_torch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(_python_torch)
    list(APPEND _candidates "${_python_torch}")
  endif()
endif()

set(SLUICE_TORCH_ROOT "")
foreach(_candidate IN LISTS _candidates)
  if(EXISTS "${_candidate}/include/ATen/core/Tensor.h" AND EXISTS "${_candidate}/lib/libtorch_cpu.so")
    set(SLUICE_TORCH_ROOT "${_candidate}")
    break()
  endif()
endforeach()
if(NOT SLUICE_TORCH_ROOT)
  message(FATAL_ERROR "LibTorch was not found (looked in: ${_candidates}). Run ./launch/setup, or pass -DLIBTORCH=/path/to/libtorch.")
endif()

# The version is spread over lines: #define TORCH_VERSION_MAJOR 2, #define TORCH_VERSION_MINOR 13.
set(SLUICE_TORCH_VERSION "")
foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(NOT SLUICE_TORCH_VERSION AND EXISTS "${SLUICE_TORCH_ROOT}/include/${_header}")
    file(STRINGS "${SLUICE_TORCH_ROOT}/include/${_header}" _version REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
    list(TRANSFORM _version REPLACE "[^0-9]+" "")
    list(JOIN _version "." SLUICE_TORCH_VERSION)
  endif()
endforeach()
if(NOT SLUICE_TORCH_VERSION)
  message(FATAL_ERROR "No version header of LibTorch in ${SLUICE_TORCH_ROOT}/include/torch: is this a whole LibTorch?")
endif()
if(SLUICE_TORCH_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "LibTorch ${SLUICE_TORCH_VERSION} in ${SLUICE_TORCH_ROOT} is too old: Sluice needs 2.11 or newer.")
endif()
message(STATUS "LibTorch ${SLUICE_TORCH_VERSION}: ${SLUICE_TORCH_ROOT}")

add_library(sluice_torch INTERFACE)
add_library(sluice::torch ALIAS sluice_torch)
target_include_directories(sluice_torch SYSTEM INTERFACE
  "${SLUICE_TORCH_ROOT}/include" "${SLUICE_TORCH_ROOT}/include/torch/csrc/api/include")
# The CUDA libraries that a CUDA wheel's libc10 may name lie beside it in site-packages/nvidia.
file(GLOB _nvidia_libs "${SLUICE_TORCH_ROOT}/../nvidia/*/lib")
target_link_directories(sluice_torch INTERFACE "${SLUICE_TORCH_ROOT}/lib")
target_link_options(sluice_torch INTERFACE
  "LINKER:-rpath,${SLUICE_TORCH_ROOT}/lib" "LINKER:-rpath-link,${SLUICE_TORCH_ROOT}/lib")
foreach(_lib IN LISTS _nvidia_libs)
  get_filename_component(_lib "${_lib}" ABSOLUTE)
  target_link_options(sluice_torch INTERFACE "LINKER:-rpath,${_lib}" "LINKER:-rpath-link,${_lib}")
endforeach()
# torch_cpu first and kept: its libgomp must be the only OpenMP run-time of the process.
target_link_libraries(sluice_torch INTERFACE -Wl,--push-state,--no-as-needed torch_cpu c10 -Wl,--pop-state)
