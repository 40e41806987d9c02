"""Compute stored results anew, all or the named ones, each in a process of its own.

    python -m bnmbook.compute [NAME ...]

A name is that of a result, or of a chapter, for all of its results: on a cluster, a job for each.
A process of its own keeps the memory that a result reports free of what others held.
"""

from bnmbook.files import read_result
from bnmbook.kernels import clean_environment
from bnmbook.paths import CHAPTERS, RESULTS, ROOT
from bnmbook.producers import compute, producers

import subprocess
import sys
import time


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


def main(names):
    """Recompute the named results, or all of them, one after the other."""
    known, start = producers(CHAPTERS), time.perf_counter()
    for name in selected(names, known):
        print(f"{name}, of chapters/{known[name].chapter.name} ...", flush=True)
        run = [sys.executable, "-m", "bnmbook.compute", "--here", name]
        environment = clean_environment(BOOK_RESULTS=f"refresh:{name}", TQDM_DISABLE="")
        if subprocess.run(run, check=False, cwd=ROOT, env=environment).returncode:
            raise SystemExit(f"{name} could not be computed.")
        attrs = read_result(RESULTS / f"{name}.nc").attrs
        took = f"{attrs['seconds']:.1f} s, {attrs['peak_memory'] / 1e9:.1f} GB"
        print(f"{name}: {attrs['simulations']} simulations, {took}", flush=True)
    print(f"All: {(time.perf_counter() - start) / 60:.0f} minutes.")
    print("Now run: make notebooks tables")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        compute(producers(CHAPTERS)[sys.argv[2]])
    else:
        main(sys.argv[1:])
