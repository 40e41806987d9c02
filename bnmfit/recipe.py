"""From a study to a posterior in steps, each of which can start where the one before ended.

All steps use the expected FC of `bnmfit.linear_response`. The global parameters are the first two
of a study that have bounds, or those that are named.
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
WORST = 10.0  # loss of a point that has none


def global_names(study):
    """Names of the two parameters that the recipe begins with."""
    return tuple(study.bounds)[:2]


def state_at(study, x, names=None):
    """State with the global parameters at x, shape (n_parameters,)."""
    names = global_names(study) if names is None else names
    return study.vary(study.state, **dict(zip(names, x, strict=True)))


def loss_at(response, x, names=None):
    """Loss of the expected FC at the global parameters x, shape (n_parameters,).

    It is NaN where the network does not come to a stable rest.
    """
    study = response.study
    fc, steady = response.expected_at_steady_state(state_at(study, x, names))
    is_known = (steady.leading < 0) & (steady.speed < AT_REST)
    return jnp.where(is_known, study.metric(fc, study.target), jnp.nan)


def losses_at(response, points, names=None):
    """Loss of the expected FC at points, shape (n, n_parameters); 10 where there is none."""

    def finite(*x):
        return jnp.nan_to_num(loss_at(response, x, names), nan=WORST, posinf=WORST)

    return batched_rows(finite, n_vmap=1)(*np.transpose(points))


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


def basin(response, starts, names=None):
    """The best of some points, and its loss.

    Parameters
    ----------
    response : LinearResponse
    starts : array, shape (n, n_parameters)
    names : tuple of str, optional
        Global parameters.

    Returns
    -------
    point : array, shape (n_parameters,)
    loss : float
    """
    losses = losses_at(response, starts, names)
    return np.asarray(starts)[losses.argmin()], float(losses.min())


def global_fit(response, start, names=None):
    """Fit the global parameters by L-BFGS, within their bounds.

    Parameters
    ----------
    response : LinearResponse
    start : array, shape (n_parameters,)
    names : tuple of str, optional

    Returns
    -------
    scipy.optimize.OptimizeResult
        With `x`, `fun` and `nfev`, the number of values with gradients.
    """
    names = global_names(response.study) if names is None else names
    ends = response.study.box(*names).T
    return minimize(_value_and_gradient(response, names), start, jac=True, bounds=ends)


def calibrate(response, found, goal=0.8, near=0.03, n_data=128, seed=0, names=None, slack=0.0):
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
    names : tuple of str, optional
        Global parameters, all of which are in `found`.
    slack : float
        By how much less than the goal still counts as enough.

    Returns
    -------
    n_effective : int
    coverage : dict
        Share of the truths in their intervals, all parameters together, by number.

    Raises
    ------
    ValueError
        If no number covers the goal.
    """
    study = response.study
    names = global_names(study) if names is None else names
    losses = np.where(found["usable"].values, found["loss"].values, np.inf)
    likely = np.flatnonzero(losses < losses.min() + near)
    rng = np.random.default_rng(seed)
    truth = likely[rng.integers(len(likely), size=n_data)]
    points = np.stack([found[name].values for name in names], -1)
    upper = np.triu_indices(study.n_regions, 1)

    @jax.jit
    def recording(x, key):
        return response.draw_observation(state_at(study, x, names), key, 1)[0][0][upper]

    keys = jax.random.split(jax.random.key(seed), n_data)
    data = [np.asarray(recording(*row)) for row in zip(points[truth], keys, strict=True)]
    fcs, at = found["fc"].values[likely], points[likely]
    mse = np.array([((fcs - one) ** 2).mean(axis=1) for one in data])
    inside = partial(_inside, mse=mse, at=at, truth=points[truth], level=goal)
    coverage = {n: inside(n) for n in candidate_numbers(upper[0].size)}
    return largest_that_covers(coverage, goal - slack), coverage


def _inside(n, mse, at, truth, level):
    """Share of the intervals for an effective number n that hold the truth."""
    log_density = -n / 2 * np.log(mse)
    mass = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    mass /= mass.sum(axis=1, keepdims=True)
    below = np.array(
        [
            [
                (one[at[:, k] < x[k]].sum() + one[at[:, k] == x[k]].sum() / 2)
                for k in range(at.shape[1])
            ]
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

    def unsheared(cells):
        first = cells[:, 0] + middle[0] + slope * (cells[:, 1] - middle[1])
        return np.stack([first, cells[:, 1]], axis=1)

    def log_density(cells):
        points = unsheared(cells)
        inside = np.clip(points, low, high)
        losses = losses_at(response, inside)
        known = (losses < WORST) & (inside == points).all(axis=1)
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


@lru_cache(maxsize=2)  # a response holds its study's noise
def _value_and_gradient(response, names):
    """The loss and its gradient, compiled once for a response, with a wall where there are none."""
    run = jax.jit(jax.value_and_grad(lambda x: loss_at(response, x, names)))

    def finite(x):
        value, gradient = run(x)
        is_finite = jnp.isfinite(value)
        return (float(value), np.asarray(gradient)) if is_finite else (WORST, np.zeros_like(x))

    return finite
