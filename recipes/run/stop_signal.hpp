// Signals that ask a run to stop with a checkpoint. The handler only sets a flag. The trainer reads it between steps; all ranks agree on
// the answer (one rank may get the signal before another), save, and exit with code 75.
//   SIGUSR1                    always
//   SIGTERM                    to a rank (its mpirun kills it soon after; mpirun also sends it when another rank died, and then the ranks
//                              reach no agreement, so nothing is saved)
//   SIGHUP                     the terminal is gone; if it was ignored at the start, it stays ignored (nohup)
//   SIGINT                     only without mpirun, which turns it into SIGUSR1
// A rank may get one request twice: from a terminal or scheduler that signals the whole process group, and passed on by mpirun.
// So SIGUSR1 never ends a process, however often it comes, and a second SIGTERM, SIGHUP or SIGINT within a second changes nothing.
// A later one acts as if there were no handler, so that a process that does not stop can be ended.
#pragma once

namespace sluice::recipes {

/// Call it once, as early as possible: an earlier signal ends the process. It may be called before MPI is initialised, since Open MPI
/// installs no handlers for these signals. `with_interrupt`: handle SIGINT too. SIGINT and SIGHUP stay ignored if they are (nohup).
void install_stop_signals(bool with_interrupt);

/// "SIGUSR1", "SIGTERM", "SIGHUP" or "SIGINT": the first that came; "" if no stop was requested. May be called from any thread; costs next
/// to nothing.
const char* stop_signal_name();

}  // namespace sluice::recipes
