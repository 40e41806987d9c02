"""Compare the book's simulation with the plain formulation and with C, side by side in one process.

    make bench                              # measure, print the tables
    python benchmarks/bench.py --write      # and put them into benchmarks/README.md
    python benchmarks/bench.py --project    # also time building the site and running the tests

The ways of one row run in turn, so that all see the same machine. Ratios are medians over turns.
"""

from _common import (
    batched,
    bounds,
    draw_observation,
    expected_observation,
    fc_target,
    loss,
    mean_observation,
    model,
    n_regions,
    n_steps,
    response,
    rmse,
    state,
    study,
    vary,
    weights,
)
from bnmbook.checks import check
from bnmbook.measuring import processor
from bnmfit.flow import flow_of, linearised
from bnmfit.haemodynamics import kernel_transform
from bnmfit.spectra import covariance_function
from bnmfit.steady_states import relax, root_near

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import NUTS
from plain_formulation import plain_loss, plain_state
from tvboptim.types import DataAxis, Space

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
MARK = "<!-- benchmark -->"
TWO = {"G": jnp.array(0.3), "w": jnp.array(0.3)}
REGIONAL = {
    "G": jnp.array(0.3),
    "w": jnp.full(n_regions, 0.3),
    "I_o": jnp.full(n_regions, 0.32),
}
N_MEAN = 1000  # simulations that the expected FC is held against
POINTS = np.random.default_rng(0).uniform(0.01, 0.6, (64, 2))
IN_C = ("a", "b", "d", "gamma", "tau_s", "w", "J_N", "I_o")


def bold(values):
    """BOLD as the book computes it."""
    return study.simulate_bold(vary(state, **values))


def fast(values):
    """Loss as the book computes it."""
    return loss(vary(state, **values))


def plain(values):
    """Loss as tvboptim alone computes it."""
    return plain_loss(vary(plain_state, **values))


def space_from(state, points):
    """Space of points (G, w) around a state."""
    G, w = map(DataAxis, points.T)
    return Space(vary(state, G=G, w=w), mode="zip")


def simulation_in_c():
    """Compile `floor.c`; return a function of nothing that simulates; None without a compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    folder = tempfile.mkdtemp()
    flags = ["-O3", "-march=native", "-ffast-math", f"-DN={n_regions}", "-shared", "-fPIC"]
    command = [compiler, *flags, HERE / "floor.c", "-o", f"{folder}/floor.so", "-lm"]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(f"{folder}/floor.so")
    at = vary(state, **TWO)
    numbers = [getattr(at.dynamics, name) for name in IN_C] + [0.3, at.noise.sigma, 4.0]
    arrays = [
        np.ascontiguousarray(x, dtype=float)
        for x in (weights, state._internal.noise_samples, state.initial_state.dynamics)
    ]
    out = np.empty((n_steps, n_regions))
    pointers = [x.ctypes.data_as(ctypes.c_void_p) for x in (*arrays, out)]
    parameters = (ctypes.c_double * len(numbers))(*map(float, numbers))

    def simulate():
        library.simulate(parameters, *pointers[:3], ctypes.c_long(n_steps), pointers[3])
        return out

    expected = jax.jit(model)(at).ys[:, 0]
    np.testing.assert_allclose(simulate(), expected, rtol=0, atol=1e-12)
    return simulate


def nuts_iteration(loss_of):
    """One iteration of NUTS with 7 leapfrog steps, as a function of nothing."""

    def posterior():
        values = {name: numpyro.sample(name, dist.Uniform(*bounds[name])) for name in "Gw"}
        numpyro.factor("fc", -70 * jnp.log(loss_of(values)))

    # No step as small as this turns around, so that the tree always has its full depth.
    kernel = NUTS(
        posterior,
        step_size=1e-4,
        adapt_step_size=False,
        max_tree_depth=3,
        forward_mode_differentiation=loss_of is fast,
    )
    start = kernel.init(jax.random.key(0), 0, None, (), {})
    step = jax.jit(lambda state: kernel.sample(state, (), {}))

    def iterate():
        after = step(start)
        check("an iteration takes seven gradients", int(after.num_steps) == 7)
        return after.z

    return iterate


def in_turn(ways, n_turns):
    """Seconds of several functions of nothing, shape (n_turns, len(ways)), after a first call."""
    for way in ways:
        jax.block_until_ready(way())
    seconds = np.empty((n_turns, len(ways)))
    for turn in range(n_turns):
        for k, way in enumerate(ways):
            start = time.perf_counter()
            jax.block_until_ready(way())
            seconds[turn, k] = time.perf_counter() - start
    return seconds


def of_nothing(function, *arguments):
    """Compile a function and fix its arguments."""
    compiled = jax.jit(function)
    return lambda: compiled(*arguments)


def comparison(in_c, n_turns):
    """Markdown: the plain formulation, this book and, where it says so, C."""
    gradients = {
        "gradient, 2 parameters, forward": (jax.jacfwd, TWO),
        "gradient, 2 parameters, reverse": (jax.grad, TWO),
        "gradient, 169 parameters, reverse": (jax.grad, REGIONAL),
    }
    rows = {  # plain, here, the share of the time that counts, turns
        "simulation (here with BOLD)": (
            of_nothing(lambda values: model(vary(plain_state, **values)), TWO),
            of_nothing(bold, TWO),
            1,
            n_turns,
        ),
        "loss": (of_nothing(plain, TWO), of_nothing(fast, TWO), 1, n_turns),
    }
    for name, (differentiate, at) in gradients.items():
        ways = (of_nothing(jax.grad(plain), at), of_nothing(differentiate(fast), at))
        for one, other in zip(*(jax.tree.leaves(way()) for way in ways), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-8)
        rows[name] = (*ways, 1, n_turns)
    for n in (8, 64):
        ways = [batched(plain_loss), batched(loss)]
        spaces = [space_from(of, POINTS[:n]) for of in (plain_state, state)]
        values = [way(space) for way, space in zip(ways, spaces, strict=True)]
        np.testing.assert_allclose(*values, rtol=0, atol=1e-10)
        calls = [partial(way, space) for way, space in zip(ways, spaces, strict=True)]
        rows[f"batch of {n}, per simulation and core"] = (*calls, cores() / n, n_turns)
    iterations = nuts_iteration(plain), nuts_iteration(fast)
    rows["NUTS iteration of 7 gradients"] = (*iterations, 1, n_turns // 3)
    lines = [
        "| | plain (s) | here (s) | times faster | times the floor |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, (slow, quick, share, turns) in rows.items():
        ways = [slow, quick] + ([in_c] if in_c else [])
        seconds = in_turn(ways, turns)
        seconds[:, :2] *= share
        faster = np.median(seconds[:, 0] / seconds[:, 1])
        of_floor = f"{np.median(seconds[:, 1] / seconds[:, 2]):.2f}" if in_c else "no compiler"
        middle = np.median(seconds, axis=0)
        lines.append(f"| {name} | {middle[0]:.3f} | {middle[1]:.3f} | {faster:.1f} | {of_floor} |")
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def without_noise(n_turns):
    """Markdown: the expected FC and drawn ones against one `loss`, and what each is worth."""
    at = vary(state, **TWO)
    near = response.steady_state(vary(state, **{name: 1.01 * x for name, x in TWO.items()})).x

    def misfit(values):
        return rmse(expected_observation(vary(state, **values), near=near), fc_target)

    key = jax.random.key(0)

    def expected(values, **more):
        return expected_observation(vary(state, **values), **more)

    length = response.n_samples
    ways = [
        of_nothing(fast, TWO),
        of_nothing(partial(expected, near=near), TWO),
        of_nothing(expected, TWO),
        of_nothing(partial(expected, n_samples=length, near=near), TWO),
        of_nothing(jax.value_and_grad(misfit), REGIONAL),
        of_nothing(lambda v: draw_observation(vary(state, **v), key, 1000, near)[0], TWO),
    ]
    seconds = in_turn(ways, n_turns)
    middle, ratios = (np.median(x, axis=0) for x in (seconds, seconds / seconds[:, :1]))
    of_expected = np.median(seconds[:, 4] / seconds[:, 1])
    lines = [
        "| | ms | times | goal |",
        "|---|--:|--:|--:|",
        f"| expected FC, from a steady state nearby | {{}} | {ratios[1]:.3f} of a loss | 0.05 |",
        f"| relaxed from the simulation's start | {{}} | {ratios[2]:.3f} of a loss | 0.15 |",
        f"| of recordings of {length} samples | {{}} | {ratios[3]:.3f} of a loss | |",
        f"| RMSE, gradient for 169 parameters | {{}} | {of_expected:.1f} of an expected FC | 3 |",
        f"| 1,000 drawn FC matrices | {{}} | {ratios[5]:.1f} of a loss | 20 |",
    ]
    table = "\n".join(lines).format(*(f"{1e3 * s:.1f}" for s in middle[1:]))
    return f"{table}\n\n{worth(at, ratios[3])}\n\n{parts_without_noise(at, near)}"


def worth(at, price):
    """Markdown: how many simulations know the FC as well as it is expected, and their price."""
    variance = float(jnp.diagonal(response.observation_covariance(at)).mean())
    mean = jax.jit(mean_observation)(at, jnp.arange(N_MEAN))
    pairs = np.triu_indices(n_regions, 1)
    away = (expected_observation(at, n_samples=response.n_samples) - mean)[pairs]
    square, of_mean = float(jnp.mean(away**2)), variance / N_MEAN
    beyond = square - of_mean
    is_left = beyond > of_mean / 10  # less is within the Monte Carlo error
    error = beyond if is_left else of_mean
    n = variance / error
    known, least = ("is left", "") if is_left else ("is the most that can hide in it", "at least ")
    return (
        f"An expected FC differs from the mean of {N_MEAN:,} simulations by an RMSE of "
        f"{square**0.5:.4f}, where that mean is known within {of_mean**0.5:.4f}: "
        f"{error**0.5:.4f} {known}. An entry of one simulation scatters by {variance**0.5:.3f}, so "
        f"that it takes {least}{n:,.0f} simulations to know the FC as well, {n / price:,.0f} times "
        "the time."
    )


def parts_without_noise(at, near):
    """Markdown: what the steps of an expected FC take when each is run alone."""
    flow = flow_of(study.network)
    own, links, x_0 = flow.parts(at)

    def drift(x):
        return flow(own, links, x.reshape(near.shape)).ravel()

    x = response.steady_state(at, near).x
    A, gain, _ = jax.jit(partial(linearised, flow, own, links))(x)
    Q, rows = at.noise.sigma**2 * jnp.eye(n_regions), slice(None)
    transform = kernel_transform(study.monitor, study.dt, 1)
    covariances = covariance_function(transform, rows, True, response.slowest)
    symmetric = A * jnp.sqrt(gain) / jnp.sqrt(gain)[:, None]
    ways = {
        "relaxation, where no steady state is nearby": of_nothing(
            lambda x: relax(partial(flow, own, links), x, study.dt), x_0
        ),
        "Newton's method, from nearby": of_nothing(lambda x: root_near(drift, x), near.ravel()),
        "Jacobian": of_nothing(partial(linearised, flow, own, links), x),
        "eigenvectors": of_nothing(jnp.linalg.eigh, symmetric),
        "eigenvectors and covariance of BOLD": of_nothing(covariances, A, Q, gain),
        "expected FC, from nearby": of_nothing(lambda s: expected_observation(s, near=near), at),
    }
    seconds = np.median(in_turn(list(ways.values()), 15), axis=0)
    lines = ["| part of an expected FC | ms |", "|---|--:|"]
    lines += [f"| {name} | {1e3 * s:.2f} |" for name, s in zip(ways, seconds, strict=True)]
    return "\n".join(lines)


def parts():
    """Markdown: what the steps of the loss take when each is run alone."""
    W, S, noise = jnp.asarray(weights), jnp.full(n_regions, 0.3), state._internal.noise_samples
    p = state.dynamics

    def scanned(step, inputs=None):
        def run(S):
            return jax.lax.scan(lambda S, x: (step(S, x), None), S, inputs, length=n_steps)[0]

        return of_nothing(run, S)

    def slope(S):
        y = p.a * (p.w * p.J_N * S + p.I_o) - p.b
        return -S / p.tau_s + (1 - S) * y / (1 - jnp.exp(-p.d * y)) * p.gamma

    def node(S, _):
        first = slope(S)
        return S + 2.0 * (first + slope(S + 4.0 * first))

    given = bold(TWO)
    ways = {
        "coupling: a product with the connectome in each step": scanned(lambda S, _: 0.3 * (W @ S)),
        "node model: two stages with one exponential each": scanned(node),
        "reading the noise": scanned(lambda S, x: 0.99 * S + x[0], noise),
        "an empty loop": scanned(lambda S, _: 0.99 * S),
        "simulation and BOLD, together": of_nothing(bold, TWO),
        "FC and loss, of given BOLD": of_nothing(
            lambda b: jnp.sqrt(jnp.mean((jnp.corrcoef(b.T) - fc_target) ** 2)), given
        ),
        "loss": of_nothing(fast, TWO),
    }
    seconds = np.median(in_turn(list(ways.values()), 9), axis=0)
    lines = ["| part | ms |", "|---|--:|"]
    lines += [f"| {name} | {1e3 * s:.1f} |" for name, s in zip(ways, seconds, strict=True)]
    return "\n".join(lines)


def arithmetic(in_c):
    """Markdown: operations and bytes of a simulation against what C does in its time."""
    products = 2 * n_regions**2 * n_steps
    read = 8 * n_regions**2 * n_steps
    text = (
        f"A simulation multiplies and adds {products / 1e9:.2f} billion times in its products with "
        f"the connectome, and takes {2 * n_regions * n_steps / 1e6:.0f} million exponentials. In "
        f"each step it reads all {8 * n_regions**2 / 1e3:.0f} kB of the connectome, "
        f"{read / 1e9:.1f} GB in all. "
    )
    if in_c:
        seconds = np.median(in_turn([in_c], 15))
        text += (
            f"C takes {seconds:.3f} s for it: {products / seconds / 1e9:.0f} billion operations "
            f"and {read / seconds / 1e9:.0f} GB per second, on one core. A batch reads the "
            "connectome once for several states, so that it can get below this floor."
        )
    return text


def devices():
    """Markdown: a batch of 64 on 1 to 8 devices."""
    space = space_from(state, POINTS)
    counts = (1, 2, 4, 8)
    ways = [partial(batched(loss, n_pmap=n), space) for n in counts]
    seconds = in_turn(ways, 5)
    gains = np.median(seconds[:, :1] / seconds, axis=0)
    lines = ["| devices | batch of 64 (s) | times faster than one |", "|--:|--:|--:|"]
    for n, s, gain in zip(counts, np.median(seconds, axis=0), gains, strict=True):
        lines.append(f"| {n} | {s:.2f} | {gain:.2f} |")
    return "\n".join(lines)


def fresh_process(code):
    """What a new Python process prints, as numbers."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return list(map(float, run.stdout.split()))


START = """
import resource, time
start = time.perf_counter()
from _common import *
import jax
import numpy as np
print(time.perf_counter() - start)
jax.block_until_ready(jax.jit(loss)(state))
print(time.perf_counter() - start)
one = jax.jit(jax.grad(lambda w: loss(vary(state, w=w))))
jax.block_until_ready(one(np.full(n_regions, 0.3)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


def times_of_use(project):
    """Markdown: what a reader and a maintainer wait for."""
    imported, first, memory = np.median([fresh_process(START) for _ in range(3)], axis=0)
    lines = [
        "| | |",
        "|---|--:|",
        f"| `import _common` | {imported:.1f} s |",
        f"| until the first loss | {first:.1f} s |",
        f"| peak memory of a process with one gradient for 84 parameters | {memory:.2f} GB |",
    ]
    for target in ("site", "test") if project else ():
        start = time.perf_counter()
        subprocess.run(["make", target], cwd=HERE.parent, check=True, stdout=sys.stderr)
        lines.append(f"| `make {target}` | {time.perf_counter() - start:.0f} s |")
    return "\n".join(lines)


def cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def main():
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--project", action="store_true", help="time `make site` and `make test`")
    parser.add_argument("--turns", type=int, default=15, help="turns of each comparison")
    arguments = parser.parse_args()

    start_up = times_of_use(arguments.project)  # first: a process starts with its parent's peak
    in_c = simulation_in_c()
    text = "\n\n".join(
        [
            f"On {processor()}, JAX {jax.__version__}, median of {arguments.turns} turns:",
            comparison(in_c, arguments.turns),
            "### Without noise\n\n" + without_noise(arguments.turns),
            "### The floor\n\n" + arithmetic(in_c),
            "### Where the time goes\n\n" + parts(),
            "### Devices\n\n" + devices(),
            "### Waiting\n\n" + start_up,
        ]
    )
    print(text)
    if arguments.write:
        before, _, rest = README.read_text().partition(MARK)
        after = rest.partition(MARK)[2]
        README.write_text(f"{before}{MARK}\n{text}\n{MARK}{after}")


if __name__ == "__main__":
    main()
