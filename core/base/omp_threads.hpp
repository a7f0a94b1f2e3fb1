// What OMP_NUM_THREADS asks for.
#pragma once

namespace sluice {

/// The threads that `omp_num_threads` (its text, or null) asks for, of a list for nested levels the first; 0 if it is null, empty or blank.
/// Usage error if it is anything but numbers between 1 and the most that a recipe may ask for.
int threads_asked_for(const char* omp_num_threads);

}  // namespace sluice
