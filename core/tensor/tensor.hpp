// The few headers of LibTorch that Sluice needs: tensors, functions and custom autograd functions. Every folder that uses tensors
// precompiles this header; torch's own umbrella header, which takes minutes to compile, is never included.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>
