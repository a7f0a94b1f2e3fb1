// Copies of a parameter's value in the forms that matrix products need: rounded, packed, transposed. A copy is made again only if the value
// has changed since it was made.
//
// Whether it has changed is told by the version that LibTorch counts for a tensor. It goes up with every operation in place, through any
// view of the same memory, and with every pointer for writing that data_of returns (core/tensor/pointers.hpp). So whoever changes a value
// need not announce it. Parameters that lie in one flat buffer share one counter: a change of one counts as a change of all, but no change
// is ever missed.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace sluice {

class DerivedForms {
 public:
  /// Returns the form `name` of the value with the version `version`. If it was not made from that version, make(form) is called first.
  /// `form` is then the tensor of an earlier version, to be overwritten, or undefined, in which case make() must allocate it.
  template <class Make>
  const at::Tensor& get(const std::string& name, std::int64_t version, const Make& make) {
    Form& form = forms_[name];
    if (form.version != version) {
      make(form.tensor);
      form.version = version;
    }
    return form.tensor;
  }

  /// Says that the form `name` was made from that version by somebody else.
  void made(const std::string& name, std::int64_t version) { forms_[name].version = version; }

  /// Drops all forms. To be called if products need none any more, or if the value has moved to other memory, whose version says nothing
  /// about these forms.
  void clear() { forms_.clear(); }

 private:
  struct Form {
    at::Tensor tensor;
    std::int64_t version = -1;  // -1: made from no value yet
  };
  std::map<std::string, Form> forms_;
};

}  // namespace sluice
