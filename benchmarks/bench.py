"""Compare `loss` and its gradients with the plain formulation, side by side in one process.

    make bench                              # measure, print the table
    python benchmarks/bench.py --write      # and put it into README.md

Each pair runs alternately, so that both see the same machine; the ratio is the median over pairs.
"""

from _common import loss, n_regions, state, vary

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from plain_formulation import plain_loss, plain_state

README = Path(__file__).resolve().parents[1] / "README.md"
MARK = "<!-- benchmark -->"
TWO = {"G": jnp.array(0.3), "w": jnp.array(0.3)}
REGIONAL = {
    "G": jnp.array(0.3),
    "w": jnp.full(n_regions, 0.3),
    "I_o": jnp.full(n_regions, 0.32),
}


def fast(values):
    return loss(vary(state, **values))


def plain(values):
    return plain_loss(vary(plain_state, **values))


CASES = {
    "loss": (plain, fast, TWO),
    "gradient, 2 parameters (forward mode)": (jax.grad(plain), jax.jacfwd(fast), TWO),
    "gradient, 2 parameters (reverse mode)": (jax.grad(plain), jax.grad(fast), TWO),
    "gradient, 169 parameters (reverse mode)": (jax.grad(plain), jax.grad(fast), REGIONAL),
}


def compare(first, second, values, n_pairs):
    """Median seconds of both, and median ratios of elapsed and of processor time.

    The compiled functions run alternately; their values are compared first.
    """
    functions = [jax.jit(first), jax.jit(second)]
    outcomes = [jax.block_until_ready(function(values)) for function in functions]
    for a, b in zip(*map(jax.tree.leaves, outcomes), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
    seconds = np.empty((n_pairs, 2, 2))
    for pair in range(n_pairs):
        for side, function in enumerate(functions):
            start = np.array([time.perf_counter(), time.process_time()])
            jax.block_until_ready(function(values))
            seconds[pair, side] = [time.perf_counter(), time.process_time()] - start
    return *np.median(seconds[..., 0], axis=0), *np.median(seconds[:, 0] / seconds[:, 1], axis=0)


def peak_memory():
    """Peak memory in GB of a fresh process that computes one gradient for 169 parameters."""
    run = subprocess.run(
        [sys.executable, __file__, "--gradient"], capture_output=True, text=True, check=True
    )
    return float(run.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--pairs", type=int, default=15, help="alternating runs per comparison")
    parser.add_argument("--gradient", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.gradient:
        jax.block_until_ready(jax.jit(jax.grad(fast))(REGIONAL))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
        return

    memory = peak_memory()  # first, since a process starts with the peak of the one that starts it
    lines = [
        "| | plain (s) | here (s) | times faster | times less processor time |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, (first, second, values) in CASES.items():
        slow, quick, *ratios = compare(first, second, values, arguments.pairs)
        lines.append(f"| {name} | {slow:.3f} | {quick:.3f} | {ratios[0]:.1f} | {ratios[1]:.1f} |")
    lines += ["", f"Peak memory of a process that computes one gradient: {memory:.2f} GB."]
    table = "\n".join(lines)
    print(table)
    if arguments.write:
        before, _, rest = README.read_text().partition(MARK)
        after = rest.partition(MARK)[2]
        README.write_text(f"{before}{MARK}\n{table}\n{MARK}{after}")


if __name__ == "__main__":
    main()
