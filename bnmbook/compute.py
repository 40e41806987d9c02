"""Compute stored results anew, all or the named ones, each in a process of its own.

    python -m bnmbook.compute [NAME ...]

A name is that of a result, or of a chapter, for all of its results: on a cluster, a job for each.
A process of its own keeps the memory that a result reports free of what others held. Of results
that kept one core at work when they were last computed, two go side by side.
"""

from bnmbook.files import ResultError, read_result
from bnmbook.kernels import clean_environment
from bnmbook.paths import CHAPTERS, RESULTS, ROOT
from bnmbook.producers import compute, producers, results_read

import subprocess
import sys
import time

import numpy as np

FEW_CORES = 1.3  # of a result beside which there is room for another


def selected(names, known):
    """Names of the results that are meant, in the order of the book.

    Parameters
    ----------
    names : sequence of str
        Names of results and of chapters; without any, all results are meant.
    known : dict of str to Producer
        By name of the result.

    Returns
    -------
    list of str
    """
    unknown = set(names).difference(known, (p.chapter.stem for p in known.values()))
    if unknown:
        listed = ", ".join(sorted(known))
        missing = ", ".join(sorted(unknown))
        raise SystemExit(f"No chapter computes, or is named, {missing}; there are: {listed}.")
    return [k for k, p in known.items() if not names or k in names or p.chapter.stem in names]


def next_of(waiting, running, reads, small):
    """The result to begin with now, if there is one.

    Parameters
    ----------
    waiting : list of str
        Names of results that have not begun, in the order of the book.
    running : collection of str
        Names of those that have.
    reads : dict of str to set of str
        Names of the results that one reads, by its name: it waits for those that are to be made.
    small : set of str
        Names of those that two at a time may run. All others run alone.

    Returns
    -------
    str or None
    """
    unmade = {*waiting, *running}
    ready = [name for name in waiting if not unmade & reads[name]]
    if not running:
        return next(iter(ready or waiting), None)
    if len(running) == 1 and small.issuperset(running):
        return next((name for name in ready if name in small), None)
    return None


def is_small(name):
    """Whether a result, when it was last computed, kept one core at work, and holds no times."""
    try:
        result = read_result(RESULTS / f"{name}.nc")
    except ResultError:
        return False
    parts = getattr(result, "subtree", [result])
    holds_times = any("seconds" in key for part in parts for key in part.data_vars)
    return result.attrs.get("cores", np.inf) < FEW_CORES and not holds_times


def begin(name, chapter, shows_progress):
    """Start the process that computes a result."""
    print(f"{name}, of chapters/{chapter.name} ...", flush=True)
    run = [sys.executable, "-m", "bnmbook.compute", "--here", name]
    quiet = "" if shows_progress else "1"
    environment = clean_environment(BOOK_RESULTS=f"refresh:{name}", TQDM_DISABLE=quiet)
    return subprocess.Popen(run, cwd=ROOT, env=environment)


def report(name):
    """Say what a result took that has just been stored."""
    attrs = read_result(RESULTS / f"{name}.nc").attrs
    took = f"{attrs['seconds']:.1f} s, {attrs['peak_memory'] / 1e9:.1f} GB"
    print(f"{name}: {attrs['simulations']} simulations, {took}", flush=True)


def main(names):
    """Recompute the named results, or all of them."""
    known, start, running = producers(CHAPTERS), time.perf_counter(), {}
    waiting = selected(names, known)
    reads = {name: results_read(known[name], known) for name in waiting}
    small = set(filter(is_small, waiting))
    while waiting or running:
        name = next_of(waiting, running, reads, small)
        if name is not None:
            waiting.remove(name)
            running[name] = begin(name, known[name].chapter, name not in small)
            continue
        time.sleep(0.1)
        for name, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[name]
            if process.returncode:
                for other in running.values():
                    other.terminate()
                raise SystemExit(f"{name} could not be computed.")
            report(name)
    print(f"All: {(time.perf_counter() - start) / 60:.0f} minutes.")
    print("Now run: make notebooks tables")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        compute(producers(CHAPTERS)[sys.argv[2]])
    else:
        main(sys.argv[1:])
