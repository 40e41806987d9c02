"""NUTS in coordinates in which a posterior is round, however different its widths are."""

from bnmfit.diagnostics import ess, rhat

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpyro.infer import MCMC, NUTS
from scipy.optimize import minimize
from tqdm import tqdm

STATS = {  # of numpyro's NUTS, and what ArviZ calls them
    "num_steps": "n_steps",
    "accept_prob": "acceptance_rate",
    "diverging": "diverging",
    "energy": "energy",
    "adapt_state.step_size": "step_size",
}


def climb(log_density, starts, held=(), n_steps=300):
    """Climb from some starts to where a log density is highest (L-BFGS).

    Parameters
    ----------
    log_density : callable
        Of an array of shape (d,), differentiable.
    starts : array, shape (n, d)
    held : sequence of int
        Coordinates that stay where they start. The log density of a hierarchy has no useful
        maximum over its spreads, so hold those.
    n_steps : int
        Most steps.

    Returns
    -------
    positions : array, shape (n, d)
    heights : array, shape (n,)
        Log densities there.
    n_gradients : int
    """
    both = jax.jit(jax.value_and_grad(lambda x: -log_density(x)))
    starts = np.array(starts, dtype=float)
    held = np.asarray(held, dtype=int)
    free = np.setdiff1d(np.arange(starts.shape[1]), held)
    positions, heights, n_gradients = starts.copy(), [], 0
    for position in tqdm(positions, "climbs"):

        def value(x, position=position):
            position[free] = x
            at, slope = both(position)
            at, slope = float(at), np.array(slope)[free]
            is_finite = np.isfinite(at) and np.isfinite(slope).all()
            return (at, slope) if is_finite else (1e9, np.zeros_like(slope))

        end = minimize(
            value, position[free], jac=True, method="L-BFGS-B", options={"maxiter": n_steps}
        )
        position[free] = end.x
        heights.append(-end.fun)
        n_gradients += end.nfev
    return positions, np.array(heights), n_gradients


def climb_by_information(log_density, information, start, n_steps=30, tolerance=1e-3):
    """Climb to the top of a log density by steps of Fisher scoring, halved until they lead upwards.

    Few steps suffice where widths differ by orders of magnitude, which slows `climb` down. It can
    be compiled, also as a part of what one does at the top.

    Parameters
    ----------
    log_density : callable
        Of an array of shape (d,), differentiable.
    information : callable
        Of an array of shape (d,): the precision, shape (d, d), that a normal posterior would have
        there.
    start : array, shape (d,)
    n_steps : int
        Most steps.
    tolerance : float
        Squared length of a step, in widths of the posterior, that is the last one.

    Returns
    -------
    top : array, shape (d,)
    height : array of shape ()
        Log density there.
    n_gradients : array of int of shape ()
    """
    both = jax.value_and_grad(log_density)

    def at(x):
        return x, *both(x)

    def goes_on(state):
        _, length, n, _ = state
        return (length > tolerance) & (n < n_steps)

    def step_up(state):
        here, _, n, n_gradients = state
        x, height, slope = here
        step = jnp.linalg.solve(information(x), slope)

        def is_lower(tried):
            share, (_, new, _) = tried
            return ~(new > height) & (share > 2.0**-10)

        tried = 1.0, at(x + step)
        tried = jax.lax.while_loop(
            is_lower, lambda tried: (tried[0] / 2, at(x + tried[0] / 2 * step)), tried
        )
        share, there = tried
        is_higher = there[1] > height
        there = jax.tree.map(lambda new, old: jnp.where(is_higher, new, old), there, here)
        length = jnp.where(is_higher, step @ slope, 0.0)
        return there, length, n + 1, n_gradients + 1 - jnp.log2(share).astype(int)

    first = at(jnp.asarray(start, float)), jnp.inf, 0, 1
    (top, height, _), _, _, n_gradients = jax.lax.while_loop(goes_on, step_up, first)
    return top, height, n_gradients


def sample_rounded(
    log_density,
    starts,
    precision,
    n_warmup,
    n_draws,
    seed,
    names=None,
    max_depth=8,
    target=0.9,
    top=None,
):
    """Sample with NUTS in coordinates y with x = L y, where L L' is the inverse of a precision.

    The step size is adapted in the warm-up; the metric is the precision that is given. The force on
    a trajectory is the slope of the log density in y, but no longer than five times the root of
    the dimension, several times as long as it is where the mass is: next to a fold it has no bound.
    That costs no exactness, since draws are accepted by the density itself (Neal, 2011).

    Parameters
    ----------
    log_density : callable
        Of an array of shape (d,), up to a constant.
    starts : array, shape (n_chains, d)
        Chains run side by side, one on each device of JAX.
    precision : array, shape (d, d)
        About the inverse of the posterior's covariance.
    n_warmup, n_draws : int
        Iterations of each chain before, and draws that it keeps.
    seed : int
    names : sequence of str, optional
        Of the coordinates.
    max_depth : int
        Most doublings of a trajectory.
    target : float
        Acceptance to which the step size is adapted.
    top : array, shape (d,), optional
        Where the density is highest. If given, the force is that of a normal distribution with the
        precision around it, which takes no gradient, and the step size stays at 0.5: no step is so
        short that it made up for another force. It pays where the posterior is nearly normal.

    Returns
    -------
    xarray.DataTree
        ArviZ's groups `posterior`, with `x` by `chain`, `draw` and `coordinate`, and
        `sample_stats`. Its attributes say what it cost; a leapfrog step is one gradient, unless
        there is a `top`.
    """
    to_x = jnp.asarray(np.linalg.cholesky(np.linalg.inv(precision)))
    potential, limit = lambda y: -log_density(to_x @ y), 5 * np.sqrt(len(precision))
    centre = None if top is None else np.linalg.solve(to_x, top)
    kernel = NUTS(
        potential_fn=_with_force(potential, limit, centre),
        step_size=0.5,
        adapt_step_size=top is None,
        adapt_mass_matrix=False,
        target_accept_prob=target,
        max_tree_depth=max_depth,
    )
    starts = np.asarray(starts)
    mcmc = MCMC(
        kernel,
        num_warmup=n_warmup,
        num_samples=n_draws,
        num_chains=len(starts),
        progress_bar=False,
    )
    y = np.linalg.solve(to_x, starts.T).T
    at = jnp.asarray(y if len(y) > 1 else y[0])
    fields = tuple(STATS)
    mcmc.warmup(jax.random.key(seed), init_params=at, extra_fields=fields, collect_warmup=True)
    gradients = int(np.asarray(mcmc.get_extra_fields()["num_steps"]).sum())
    mcmc.run(mcmc.post_warmup_state.rng_key, extra_fields=fields)
    draws = np.asarray(mcmc.get_samples(group_by_chain=True)) @ np.asarray(to_x).T
    stats = mcmc.get_extra_fields(group_by_chain=True)
    names = range(draws.shape[-1]) if names is None else names
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {"x": (("chain", "draw", "coordinate"), draws)}, {"coordinate": list(names)}
            ),
            "sample_stats": xr.Dataset(
                {new: (("chain", "draw"), np.asarray(stats[old])) for old, new in STATS.items()}
            ),
        }
    )
    gradients += int(tree["sample_stats"]["n_steps"].sum())
    gradients = gradients if top is None else 0
    tree.attrs = {"simulations": 0, "gradients": gradients, "seed": seed}
    return tree


def _with_force(potential, limit, centre):
    """The potential, with another gradient: cut to a length, or that of a bowl around a centre."""

    def forward(y):
        if centre is not None:
            return potential(y), y - centre
        value, slope = jax.value_and_grad(potential)(y)
        return value, slope * limit / jnp.maximum(limit, jnp.linalg.norm(slope))

    driven = jax.custom_vjp(potential)
    driven.defvjp(forward, lambda slope, change: (change * slope,))
    return driven


def adapt_and_sample(
    log_density,
    information,
    starts,
    n_warmup,
    n_draws,
    seed,
    names=None,
    n_stages=2,
):
    """Sample in coordinates that are found on the way.

    The first metric is the information at the starts; each stage runs the chains for a while, and
    hands on the information averaged over where they then are. That is where the posterior has its
    mass, which in many dimensions is not where its density is highest.

    Parameters
    ----------
    log_density : callable
        Of an array of shape (d,), up to a constant.
    information : callable
        Of an array of shape (d,): the precision, shape (d, d), that a normal posterior would have
        there, that of the prior included.
    starts : array, shape (n_chains, d)
    n_warmup, n_draws : int
        Iterations of each chain in the last warm-up, and draws that it keeps. A stage before it
        has half as many iterations, half of them to find a step size.
    seed : int
    names : sequence of str, optional
        Of the coordinates.
    n_stages : int
        Stages before the last one.

    Returns
    -------
    xarray.DataTree
        As `sample_rounded` returns it, with the costs of all stages, and a group `metric`: the last
        `precision`.
    """
    at, gradients, short = np.asarray(starts, dtype=float), 0, max(n_warmup // 4, 2)
    visited = at
    for stage in range(n_stages + 1):
        precision = np.mean([information(x) for x in visited], axis=0)
        is_last = stage == n_stages
        n = (n_warmup, n_draws) if is_last else (short, short)
        tree = sample_rounded(log_density, at, precision, *n, seed + stage, names)
        draws = tree["posterior"]["x"].values
        at, gradients = draws[:, -1], gradients + tree.attrs["gradients"]
        visited = draws[:, np.linspace(short // 2, short - 1, 4).astype(int)]
        visited = visited.reshape(-1, at.shape[-1])
    tree["metric"] = xr.DataTree(xr.Dataset({"precision": (("coordinate", "of"), precision)}))
    tree.attrs |= {"gradients": gradients, "seed": seed}
    return tree


def diagnosed(draws):
    """R-hat, and effective sample sizes in bulk and tails, of every coordinate.

    Parameters
    ----------
    draws : xarray.DataArray
        By `chain`, `draw` and `coordinate`.

    Returns
    -------
    xarray.Dataset
        `rhat`, `bulk` and `tail` by `coordinate`: infinite and 0 for one that does not move.
    """
    rows = []
    for x in draws.transpose("coordinate", "chain", "draw").values:
        numbers = rhat(x), ess(x), ess(x, method="tail")
        rows.append(numbers if np.isfinite(numbers).all() else (np.inf, 0.0, 0.0))
    columns = zip(("rhat", "bulk", "tail"), np.array(rows, dtype=float).T, strict=True)
    return xr.Dataset(
        {name: ("coordinate", x) for name, x in columns},
        {"coordinate": draws["coordinate"].values},
    )
