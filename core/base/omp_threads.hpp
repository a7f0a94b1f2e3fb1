// Reads the value of the environment variable OMP_NUM_THREADS.
#pragma once

namespace sluice {

/// `omp_num_threads` is the value of the variable, null if it is not set. Returns the number of threads, or 0 if the value is null, empty
/// or blank. Of a list ("8,2": one number for each nesting level) the first number counts. Throws a usage error (exit 2) if a number is
/// missing or not within 1 to 4096.
int threads_asked_for(const char* omp_num_threads);

/// What OMP_NUM_THREADS of this process asks for, else the number of cores.
int threads_to_use();

}  // namespace sluice
