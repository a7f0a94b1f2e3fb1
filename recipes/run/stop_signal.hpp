// Requests to stop with a checkpoint. The handler only sets a flag; the trainer asks between steps, all ranks agree on the
// answer (one rank may have the signal before another), save, and exit 75.
//   SIGUSR1                    anywhere
//   SIGTERM                    to a rank (its mpirun kills soon after; a dead peer also causes one, and then no agreement is
//                              reached, so nothing is saved)
//   SIGHUP                     likewise (the terminal is gone); one that was ignored at the start stays ignored (nohup)
//   SIGINT                     only where no launcher turns it into SIGUSR1: one process, started without mpirun
// A rank may get one request twice: from a terminal or scheduler that signals the whole process group, and passed on by mpirun.
// So SIGUSR1 never ends a process however often it comes, and a second SIGTERM, SIGHUP or SIGINT within a second is the first one.
// After that it acts as if there were no handler, so that a process that does not stop can be ended.
#pragma once

namespace sluice::recipes {

/// Called once, as early as possible: a signal before it ends the process (Open MPI installs no handlers for these, so it may come
/// before MPI is initialised). An ignored SIGINT stays ignored (nohup).
void install_stop_signals(bool with_interrupt);

/// Whether a stop was requested; any thread, no cost.
bool stop_requested();

/// "SIGUSR1", "SIGTERM", "SIGHUP" or "SIGINT": the first that came; "" if none.
const char* stop_signal_name();

}  // namespace sluice::recipes
