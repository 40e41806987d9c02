"""From a study to a posterior in steps, each of which can start where the one before ended.

All steps use the expected FC of `bnmfit.linear_response`. The global parameters are the first two
of a study that have bounds.
"""

from bnmfit.batches import batched_rows
from bnmfit.calibration import candidate_numbers, largest_that_covers
from bnmfit.linear_response import AT_REST
from bnmfit.posteriors import refined_grid
from bnmfit.valley import leading_eigenvalue

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.optimize import minimize

TRUSTED = 6.0  # sd to the fold beyond which linear response holds


def global_names(study):
    """Names of the two parameters that the recipe begins with."""
    return tuple(study.bounds)[:2]


def state_at(study, x):
    """State with the two global parameters at x, shape (2,)."""
    return study.vary(study.state, **dict(zip(global_names(study), x, strict=True)))


def loss_at(response, x):
    """Loss of the expected FC at the global parameters x, shape (2,)."""
    study = response.study
    return study.metric(response.expected_observation(state_at(study, x)), study.target)


def regime(response, n_grid=41):
    """Where a network is stable, at rest and far from a fold, over its two global parameters.

    Parameters
    ----------
    response : LinearResponse
    n_grid : int
        Points along each side of the box.

    Returns
    -------
    xarray.Dataset
        By `point`: the two parameters by name; `loss` of the expected FC; `mean_fc`; `leading`, the
        leading eigenvalue (per ms); `to_fold`; and whether linear response is `usable`. And `fc`,
        the expected FC by `pair`.
    """
    study = response.study
    low, high = study.box(*global_names(study))
    steps = [np.linspace(a, b, n_grid) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 2)
    upper = np.triu_indices(study.n_regions, 1)

    def look(*x):
        fc, steady = response.expected_at_steady_state(state_at(study, x))
        numbers = steady.leading, steady.to_fold, steady.speed, study.metric(fc, study.target)
        return jnp.concatenate([jnp.stack(numbers), fc[upper]])

    rows = batched_rows(look, n_vmap=1)(*points.T)
    leading, to_fold, speed, loss = rows[:, :4].T
    usable = (leading < 0) & (to_fold > TRUSTED) & (speed < AT_REST)
    by_point = {
        "leading": leading,
        "to_fold": to_fold,
        "loss": loss,
        "mean_fc": rows[:, 4:].mean(axis=1),
        "usable": usable,
        **dict(zip(global_names(study), points.T, strict=True)),
    }
    return xr.Dataset(
        {name: ("point", x) for name, x in by_point.items()}
        | {"fc": (("point", "pair"), rows[:, 4:])}
    )


def basin(response, starts):
    """The best of some points, and its loss.

    Parameters
    ----------
    response : LinearResponse
    starts : array, shape (n, 2)

    Returns
    -------
    point : array, shape (2,)
    loss : float
    """
    losses = batched_rows(lambda *x: loss_at(response, x), n_vmap=1)(*np.transpose(starts))
    losses = np.nan_to_num(losses, nan=np.inf)
    return np.asarray(starts)[losses.argmin()], float(losses.min())


def global_fit(response, start):
    """Fit the two global parameters by L-BFGS, within their bounds.

    Parameters
    ----------
    response : LinearResponse
    start : array, shape (2,)

    Returns
    -------
    scipy.optimize.OptimizeResult
        With `x`, `fun` and `nfev`, the number of values with gradients.
    """
    ends = response.study.box(*global_names(response.study)).T
    run = _value_and_gradient(response)
    return minimize(run, start, jac=True, bounds=ends)


def calibrate(response, found, goal=0.8, near=0.03, n_data=128, seed=0):
    """The effective number of entries whose intervals hold the truth of drawn data often enough.

    Parameters
    ----------
    response : LinearResponse
    found : xarray.Dataset
        What `regime` found.
    goal : float
        Share of the intervals, of the same level, that have to hold the truth.
    near : float
        Truths are those usable points whose loss is no more than this above the lowest.
    n_data : int
        Number of data sets, each one recording as long as the study's.
    seed : int

    Returns
    -------
    n_effective : int
    coverage : dict
        Share of the truths in their intervals, both parameters together, by number.

    Raises
    ------
    ValueError
        If no number covers the goal.
    """
    study, names = response.study, global_names(response.study)
    usable = found.where(found["usable"], drop=True)
    likely = np.flatnonzero(usable["loss"].values < float(usable["loss"].min()) + near)
    rng = np.random.default_rng(seed)
    truth = likely[rng.integers(len(likely), size=n_data)]
    points = np.stack([usable[name].values for name in names], -1)
    upper = np.triu_indices(study.n_regions, 1)

    @jax.jit
    def recording(x, key):
        return response.draw_observation(state_at(study, x), key, 1)[0][0][upper]

    keys = jax.random.split(jax.random.key(seed), n_data)
    data = [np.asarray(recording(*row)) for row in zip(points[truth], keys, strict=True)]
    fcs, at = usable["fc"].values[likely], points[likely]
    mse = np.array([((fcs - one) ** 2).mean(axis=1) for one in data])
    inside = partial(_inside, mse=mse, at=at, truth=points[truth], level=goal)
    coverage = {n: inside(n) for n in candidate_numbers(upper[0].size)}
    return largest_that_covers(coverage, goal), coverage


def _inside(n, mse, at, truth, level):
    """Share of the intervals for an effective number n that hold the truth."""
    log_density = -n / 2 * np.log(mse)
    mass = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    mass /= mass.sum(axis=1, keepdims=True)
    below = np.array(
        [
            [(one[at[:, k] < x[k]].sum() + one[at[:, k] == x[k]].sum() / 2) for k in range(2)]
            for one, x in zip(mass, truth, strict=True)
        ]
    )
    return float(np.mean(np.abs(below - 0.5) < level / 2))


def posterior(response, n_effective, fit=None, window=0.1):
    """The posterior of the two global parameters on a grid that closes in on the mass.

    The prior is uniform over the box, the likelihood loss^(-n_effective): the error of an entry is
    integrated out.

    Parameters
    ----------
    response : LinearResponse
    n_effective : int
        Effective number of entries.
    fit : array, shape (2,), optional
        A point on the floor of a valley. With it, the grid is sheared along the line through it on
        which the second parameter stands in for the first at the rate of the connectome's leading
        eigenvalue, and is no wider than the mass. By default it begins with the whole box.
    window : float
        Half the width of the sheared grid, as a share of the box; doubled while mass is outside.

    Returns
    -------
    xarray.Dataset
        See `bnmfit.posteriors.refined_grid`: by `cell`, among others the two parameters by name,
        and `mass`. The attribute `evaluations` counts expected FC.
    """
    study, names = response.study, global_names(response.study)
    low, high = study.box(*names)
    slope = 0.0 if fit is None else -1 / leading_eigenvalue(study.weights)
    middle = np.zeros(2) if fit is None else np.asarray(fit)
    evaluate = batched_rows(lambda *x: loss_at(response, x), n_vmap=1)

    def unsheared(cells):
        first = cells[:, 0] + middle[0] + slope * (cells[:, 1] - middle[1])
        return np.stack([first, cells[:, 1]], axis=1)

    def log_density(cells):
        points = unsheared(cells)
        inside = np.clip(points, low, high)
        losses = evaluate(*inside.T)
        known = np.isfinite(losses) & (inside == points).all(axis=1)
        return np.where(known, -n_effective * np.log(np.where(known, losses, 1.0)), -np.inf)

    evaluations, half = 0, window * (high[0] - low[0])
    while True:
        ends = ((low[0], low[1]), high) if fit is None else ((-half, low[1]), (half, high[1]))
        grid = refined_grid(log_density, *ends, ("x", names[1]))
        evaluations += int(grid["evaluations"].sum())
        outer = np.abs(grid["x"]) > 0.9 * half
        if fit is None or grid["mass"].where(outer, 0).sum() < 0.01:
            break
        half *= 2
    cells = np.stack([grid["x"].values, grid[names[1]].values], axis=1)
    by_name = {names[0]: ("cell", unsheared(cells)[:, 0])}
    return grid.assign(by_name).assign_attrs(evaluations=evaluations)


@lru_cache
def _value_and_gradient(response):
    """The loss and its gradient, compiled once for a response, with a wall where there are none."""
    run = jax.jit(jax.value_and_grad(lambda x: loss_at(response, x)))

    def finite(x):
        value, gradient = run(x)
        return (float(value), np.asarray(gradient)) if jnp.isfinite(value) else (10.0, np.zeros(2))

    return finite
