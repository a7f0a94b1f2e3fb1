// Puts right what a process cannot rely on when it starts: standard files, signals, the environment.
#pragma once

namespace sluice {

/// Call it before anything else.
/// - A standard input, output or error that is closed is opened on /dev/null. Otherwise the first files that the process opens would get
///   these numbers, and what is printed would overwrite them. Standard output is opened for reading only, so that printing to it fails
///   and the loss is reported.
/// - A file that grows beyond its size limit (ulimit -f) makes the write fail; SIGXFSZ does not end the process.
/// - An exception that nothing can catch (for example no memory while the engine is loaded) ends the process with one line on standard
///   error and exit code 3, not with an abort.
/// - An empty OMP_NUM_THREADS is removed: the OpenMP runtime would complain about it.
/// Nothing is done about the locale: the process stays in the "C" locale it starts in, so numbers have a decimal point whatever LC_ALL is.
void start_process();

}  // namespace sluice
