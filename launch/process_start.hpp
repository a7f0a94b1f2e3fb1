// What a process may not take for granted, put right before anything else runs.
#pragma once

namespace sluice {

/// Called first of all.
/// - A closed standard input, output or error is opened on /dev/null: the first files that the process opens would take their numbers,
///   and what is printed would overwrite them. Standard output for reading alone: what is printed there fails and is told of, as it is lost.
/// - A file that grows past the limit of its size (ulimit -f) is an error of that write, not the end of the process by SIGXFSZ.
/// - An exception that nobody can catch (memory that is missing while the engine is loaded) ends in one line and exit 3, not in an abort.
/// - An empty OMP_NUM_THREADS is none: the OpenMP runtime would complain of it.
/// - A number is read and written with a point, whatever LC_ALL says: the process stays in the "C" locale it starts in, which needs nothing.
void start_process();

}  // namespace sluice
