#include "parallel/comm/mpi_wire.hpp"

#include "core/base/error.hpp"

#include <mpi.h>

#include <algorithm>
#include <utility>

namespace sluice::parallel {
namespace {

std::string text_of(int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) return fmt::format("MPI error {}", code);
  return std::string(text, static_cast<std::size_t>(length));
}

void check(int code, const char* call) {
  if (code != MPI_SUCCESS) throw communication_error("{} failed: {}", call, text_of(code));
}

int error_class(int code) {
  int result = code;
  MPI_Error_class(code, &result);
  return result;
}

const char* name_of_level(int level) {
  switch (level) {
    case MPI_THREAD_SINGLE: return "MPI_THREAD_SINGLE";
    case MPI_THREAD_FUNNELED: return "MPI_THREAD_FUNNELED";
    case MPI_THREAD_SERIALIZED: return "MPI_THREAD_SERIALIZED";
    default: return "MPI_THREAD_MULTIPLE";
  }
}

}  // namespace

// --------------------------------------------------------------------------------------------------------- requests

struct MpiRequests::Impl {
  struct About {
    int peer;  // group rank, or -1 for a collective
    bool receiving;
    std::size_t bytes;
    bool exact = true;
  };
  std::vector<MPI_Request> requests;  // MPI_REQUEST_NULL once complete
  std::vector<About> about;
  std::size_t pending = 0;
  std::vector<int> indices;
  std::vector<MPI_Status> statuses;
  std::vector<Received> received;

  void add(MPI_Request request, About what) {
    requests.push_back(request);
    about.push_back(what);
    ++pending;
  }

  [[noreturn]] void refuse(const About& what, int code) const {
    if (error_class(code) == MPI_ERR_TRUNCATE)
      throw communication_error(
          "a message from group rank {} is longer than the {} bytes that were expected: the ranks disagree about the exchange", what.peer,
          what.bytes);
    if (what.peer < 0) throw communication_error("a collective operation failed: {}", text_of(code));
    throw communication_error("a message {} group rank {} failed: {}", what.receiving ? "from" : "to", what.peer, text_of(code));
  }

  void completed(std::size_t index, const MPI_Status& status) {
    --pending;
    const About& what = about[index];
    if (!what.receiving) return;
    int count = 0;
    check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
    if (!what.exact) {
      received.push_back({what.peer, static_cast<std::size_t>(count)});
    } else if (static_cast<std::size_t>(count) != what.bytes) {
      throw communication_error("group rank {} sent {} bytes where {} were expected: the ranks disagree about the exchange", what.peer,
                                count, what.bytes);
    }
  }
};

MpiRequests::MpiRequests() : impl_(std::make_unique<Impl>()) {}
MpiRequests::~MpiRequests() = default;
MpiRequests::MpiRequests(MpiRequests&&) noexcept = default;
MpiRequests& MpiRequests::operator=(MpiRequests&&) noexcept = default;

bool MpiRequests::empty() const { return impl_->pending == 0; }

bool MpiRequests::test() {
  Impl& my = *impl_;
  if (my.pending != 0) {
    const int number = static_cast<int>(my.requests.size());
    my.indices.resize(my.requests.size());
    my.statuses.resize(my.requests.size());
    int done = 0;
    const int code = MPI_Testsome(number, my.requests.data(), &done, my.indices.data(), my.statuses.data());
    if (code != MPI_SUCCESS && error_class(code) != MPI_ERR_IN_STATUS) check(code, "MPI_Testsome");
    for (int i = 0; done != MPI_UNDEFINED && i < done; ++i) {
      const auto slot = static_cast<std::size_t>(i);
      const auto index = static_cast<std::size_t>(my.indices[slot]);
      if (code != MPI_SUCCESS && my.statuses[slot].MPI_ERROR != MPI_SUCCESS) my.refuse(my.about[index], my.statuses[slot].MPI_ERROR);
      my.completed(index, my.statuses[slot]);
    }
  }
  if (my.pending != 0) return false;
  my.requests.clear();
  my.about.clear();
  return true;
}

std::vector<MpiRequests::Received> MpiRequests::take_received() { return std::exchange(impl_->received, {}); }

void MpiRequests::pending_peers(std::vector<int>& peers) const {
  for (std::size_t i = 0; i < impl_->requests.size(); ++i)
    if (impl_->requests[i] != MPI_REQUEST_NULL && impl_->about[i].peer >= 0) peers.push_back(impl_->about[i].peer);
}

// ------------------------------------------------------------------------------------------------------------- wire

struct MpiWire::Impl {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  int size = 1;

  explicit Impl(MPI_Comm from) : comm(from) {
    check(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(comm, &rank), "MPI_Comm_rank");
    check(MPI_Comm_size(comm, &size), "MPI_Comm_size");
  }
};

MpiWire::MpiWire(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
// The communicator is not freed: freeing is collective, and groups live as long as the job.
MpiWire::~MpiWire() = default;

std::shared_ptr<MpiWire> MpiWire::initialise() {
  int was = 0;
  MPI_Initialized(&was);
  if (was) throw communication_error("MPI is already initialised: a process can start the world only once");
  int provided = MPI_THREAD_SINGLE;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_SERIALIZED)
    throw communication_error("this MPI gives {}, at least MPI_THREAD_SERIALIZED is needed: use an MPI built with thread support ({})",
                              name_of_level(provided), library_version());
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm world = MPI_COMM_NULL;
  check(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup");
  return std::shared_ptr<MpiWire>(new MpiWire(std::make_unique<Impl>(world)));
}

void MpiWire::finalise() { check(MPI_Finalize(), "MPI_Finalize"); }

void MpiWire::abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

std::string MpiWire::library_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

int MpiWire::rank() const { return impl_->rank; }
int MpiWire::size() const { return impl_->size; }

std::shared_ptr<MpiWire> MpiWire::split(int color, int key) const {
  MPI_Comm comm = MPI_COMM_NULL;
  check(MPI_Comm_split(impl_->comm, color < 0 ? MPI_UNDEFINED : color, key, &comm), "MPI_Comm_split");
  if (comm == MPI_COMM_NULL) return nullptr;
  std::shared_ptr<MpiWire> wire(new MpiWire(std::make_unique<Impl>(comm)));
  wire->max_message_bytes_ = max_message_bytes_;
  return wire;
}

std::shared_ptr<MpiWire> MpiWire::split_by_node() const {
  MPI_Comm comm = MPI_COMM_NULL;
  check(MPI_Comm_split_type(impl_->comm, MPI_COMM_TYPE_SHARED, impl_->rank, MPI_INFO_NULL, &comm), "MPI_Comm_split_type");
  return std::shared_ptr<MpiWire>(new MpiWire(std::make_unique<Impl>(comm)));
}

void MpiWire::send(const void* data, std::size_t bytes, int to, int tag, MpiRequests& requests) const {
  const auto* next = static_cast<const std::byte*>(data);
  do {
    const std::size_t piece = std::min(bytes, max_message_bytes_);
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Isend(next, static_cast<int>(piece), MPI_BYTE, to, tag, impl_->comm, &request), "MPI_Isend");
    requests.impl_->add(request, {to, false, piece});
    next += piece;
    bytes -= piece;
  } while (bytes > 0);
}

void MpiWire::receive(void* data, std::size_t bytes, int from, int tag, MpiRequests& requests) const {
  auto* next = static_cast<std::byte*>(data);
  do {
    const std::size_t piece = std::min(bytes, max_message_bytes_);
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Irecv(next, static_cast<int>(piece), MPI_BYTE, from, tag, impl_->comm, &request), "MPI_Irecv");
    requests.impl_->add(request, {from, true, piece});
    next += piece;
    bytes -= piece;
  } while (bytes > 0);
}

void MpiWire::receive_up_to(void* data, std::size_t bytes, int from, int tag, MpiRequests& requests) const {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Irecv(data, static_cast<int>(bytes), MPI_BYTE, from, tag, impl_->comm, &request), "MPI_Irecv");
  requests.impl_->add(request, {from, true, bytes, false});
}

int MpiWire::take_signals(int tag) const {
  for (int number = 0;; ++number) {
    // An error only ends the search: if MPI has failed, the operation that is waited for reports it.
    int here = 0;
    char byte = 0;
    MPI_Status status;
    if (MPI_Iprobe(MPI_ANY_SOURCE, tag, impl_->comm, &here, &status) != MPI_SUCCESS || here == 0) return number;
    if (MPI_Recv(&byte, 1, MPI_BYTE, status.MPI_SOURCE, tag, impl_->comm, MPI_STATUS_IGNORE) != MPI_SUCCESS) return number;
  }
}

void MpiWire::broadcast(void* data, std::size_t bytes, int root, MpiRequests& requests) const {
  auto* next = static_cast<std::byte*>(data);
  while (bytes > 0) {
    const std::size_t piece = std::min(bytes, max_message_bytes_);
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibcast(next, static_cast<int>(piece), MPI_BYTE, root, impl_->comm, &request), "MPI_Ibcast");
    requests.impl_->add(request, {-1, false, piece});
    next += piece;
    bytes -= piece;
  }
}

}  // namespace sluice::parallel
