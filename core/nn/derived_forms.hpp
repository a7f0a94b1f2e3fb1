// Forms of a parameter's value that products want otherwise than it is kept (rounded, packed, transposed), each made anew only when the
// value has changed since.
//
// What tells is the version that LibTorch counts for a tensor: it goes up with every operation in place, through whatever view of the same
// memory, and with every pointer to write that data_of gives out (core/tensor/pointers.hpp). So whoever changes a value need not say so.
// Parameters that lie in one flat buffer share one counter: a change of one counts as a change of all, never the other way round.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace sluice {

class DerivedForms {
 public:
  /// The form `name` of the value of `version`. Unless it was made of that one, make(form) is called: it writes the form into the tensor of
  /// an earlier version, or, where that is undefined, into one that it allocates.
  template <class Make>
  const at::Tensor& get(const std::string& name, std::int64_t version, const Make& make) {
    Form& form = forms_[name];
    if (form.version != version) {
      make(form.tensor);
      form.version = version;
    }
    return form.tensor;
  }

  /// Lets go of all: products need none any more, or the value lies in other memory, whose versions tell nothing of what these were made
  /// of.
  void clear() { forms_.clear(); }

 private:
  struct Form {
    at::Tensor tensor;
    std::int64_t version = -1;  // of no value
  };
  std::map<std::string, Form> forms_;
};

}  // namespace sluice
