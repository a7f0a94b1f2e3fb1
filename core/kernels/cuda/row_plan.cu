#include "core/kernels/cuda/row_plan.hpp"

#include "core/base/integers.hpp"
#include "core/kernels/cuda/block.hpp"

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;  // and entries of a chunk

// Experts are 0 .. E-1; the dropped are of bucket E.
__device__ std::int64_t bucket_of(std::int64_t expert, std::int64_t E) { return expert >= 0 && expert < E ? expert : E; }

// One block a chunk: how many of its entries are of each bucket.
__global__ void count_chunk(const std::int64_t* experts, std::int64_t entries, std::int64_t E, int* chunk_counts) {
  int* own = chunk_counts + blockIdx.x * (E + 1);
  for (std::int64_t b = threadIdx.x; b <= E; b += kThreads) own[b] = 0;
  __syncthreads();
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < entries) atomicAdd(own + bucket_of(experts[i], E), 1);
}

// One thread a bucket: counts of chunks become the number of entries in the chunks before.
__global__ void scan_chunks(int* chunk_counts, std::int64_t chunks, std::int64_t E, std::int64_t* totals) {
  const std::int64_t b = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (b > E) return;
  int before = 0;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    int& place = chunk_counts[chunk * (E + 1) + b];
    const int count = place;
    place = before;
    before += count;
  }
  totals[b] = before;
}

// One block: counts of the experts, and the place at which each bucket begins.
__global__ void scan_buckets(const std::int64_t* totals, std::int64_t E, std::int64_t* counts, std::int64_t* begins) {
  __shared__ std::int64_t sums[kThreads];
  const std::int64_t share = (E + kThreads) / kThreads, first = threadIdx.x * share;
  const std::int64_t end = first + share < E + 1 ? first + share : E + 1;
  std::int64_t sum = 0;
  for (std::int64_t b = first; b < end; ++b) sum += totals[b];
  sums[threadIdx.x] = sum;
  __syncthreads();
  std::int64_t begin = 0;
  for (unsigned t = 0; t < threadIdx.x; ++t) begin += sums[t];
  for (std::int64_t b = first; b < end; ++b) {
    begins[b] = begin;
    begin += totals[b];
    if (b < E) counts[b] = totals[b];
  }
}

// How many entries of the chunk before this one are of the same bucket. `buckets` are those of the chunk's threads.
__device__ int earlier_equals(const std::int64_t* buckets, std::int64_t own) {
  int earlier = 0;
  for (unsigned t = 0; t < threadIdx.x; ++t) earlier += buckets[t] == own ? 1 : 0;
  return earlier;
}

__global__ void place_chunk(const std::int64_t* experts, std::int64_t entries, std::int64_t E, const int* chunk_begins,
                            const std::int64_t* begins, std::int64_t* order, std::int64_t* slot) {
  __shared__ std::int64_t buckets[kThreads];
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t bucket = i < entries ? bucket_of(experts[i], E) : -1;
  buckets[threadIdx.x] = bucket;
  __syncthreads();
  if (i >= entries) return;
  const std::int64_t place = begins[bucket] + chunk_begins[blockIdx.x * (E + 1) + bucket] + earlier_equals(buckets, bucket);
  order[place] = i;
  slot[i] = bucket < E ? place : -1;
}

// The first token whose sequence is not below `wanted`.
__device__ std::int64_t first_of(const std::int64_t* sequence, std::int64_t N, std::int64_t wanted) {
  std::int64_t low = 0, high = N;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (sequence[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

// One block a sequence, whose entries are taken chunk after chunk.
__global__ void limit_sequence(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N,
                               std::int64_t K, std::int64_t E, std::int64_t* kept, int* used_of_all) {
  __shared__ std::int64_t buckets[kThreads];
  int* used = used_of_all + blockIdx.x * E;
  for (std::int64_t e = threadIdx.x; e < E; e += kThreads) used[e] = 0;
  const std::int64_t begin = first_of(sequence, N, blockIdx.x) * K, end = first_of(sequence, N, blockIdx.x + 1) * K;
  for (std::int64_t chunk = begin; chunk < end; chunk += kThreads) {
    const std::int64_t i = chunk + threadIdx.x, expert = i < end ? experts[i] : -1;
    buckets[threadIdx.x] = expert;
    __syncthreads();
    if (i < end) kept[i] = used[expert] + earlier_equals(buckets, expert) < capacity[blockIdx.x] ? expert : -1;
    __syncthreads();
    if (i < end) atomicAdd(used + expert, 1);
  }
}

}  // namespace

// totals and begins of E + 1 buckets, and the chunks' counts, which are half as wide.
std::int64_t expert_slots_scratch(std::int64_t entries, std::int64_t E) {
  return 2 * (E + 1) + ceil_div(ceil_div(entries, kThreads) * (E + 1), 2);
}

void expert_slots(const std::int64_t* experts, std::int64_t entries, std::int64_t E, std::int64_t* counts, std::int64_t* order,
                  std::int64_t* slot, std::int64_t* scratch, Stream stream) {
  const std::int64_t chunks = ceil_div(entries, kThreads);
  std::int64_t *totals = scratch, *begins = scratch + E + 1;
  int* chunk_counts = reinterpret_cast<int*>(scratch + 2 * (E + 1));
  launch(count_chunk, chunks, kThreads, stream, experts, entries, E, chunk_counts);
  launch(scan_chunks, ceil_div(E + 1, kThreads), kThreads, stream, chunk_counts, chunks, E, totals);
  launch(scan_buckets, 1, kThreads, stream, totals, E, counts, begins);
  launch(place_chunk, chunks, kThreads, stream, experts, entries, E, chunk_counts, begins, order, slot);
}

void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N,
                     std::int64_t K, std::int64_t E, std::int64_t B, std::int64_t* kept, std::int32_t* scratch, Stream stream) {
  launch(limit_sequence, B, kThreads, stream, experts, sequence, capacity, N, K, E, kept, scratch);
}

}  // namespace sluice::kernels::cuda
