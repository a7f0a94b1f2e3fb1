// The slim doorway to LibTorch: tensors, functions and custom autograd functions. It is the precompiled header of
// every room that sees tensors; nobody includes torch's own umbrella header.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>
