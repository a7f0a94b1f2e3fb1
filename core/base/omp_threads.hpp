// What OMP_NUM_THREADS asks for.
#pragma once

namespace sluice {

/// The threads that `omp_num_threads` (its text, or null) asks for, of a list for nested levels the first; 0 if it names no number of at least
/// 1, which the OpenMP runtime itself complains of. Usage error if it is more than a recipe may ask for.
int threads_asked_for(const char* omp_num_threads);

}  // namespace sluice
