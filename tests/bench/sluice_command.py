"""The sluice of a build, as the scripts beside this one call it."""
import os
import subprocess


def environment(threads=0):
    """This one's, in which Open MPI runs as root too, with at most `threads` threads a rank if not 0."""
    bound = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    return dict(os.environ, **bound, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def run(build, *words, threads=0, core=None):
    """What it prints, on one core if `core` is given; if it fails, the script ends with its last words."""
    on_core = ["taskset", "-c", core] if core is not None else []
    done = subprocess.run([*on_core, f"{build}/sluice", *words], env=environment(threads), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{build}/sluice {' '.join(words)}: exit {done.returncode}: {done.stderr[-500:]}")
    return done.stdout
