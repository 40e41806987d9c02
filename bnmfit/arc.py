"""The fits of a whole study of one brain, for any global parameters, in steps to be stored.

All steps use the expected FC of `bnmfit.linear_response`; simulations with noise that no fit has
seen judge the ends.
"""

from bnmfit import recipe
from bnmfit.descent import descend_within
from bnmfit.maps import MapModel
from bnmfit.regional import DISTANCES, SCORES, RegionalModel, margins_at, scores_on_draws

import numpy as np
import xarray as xr
from SALib.analyze import sobol as sobol_indices
from SALib.sample import sobol as saltelli_design
from tqdm import tqdm

EACH = {"w": (0.001, 0.7), "I_o": (0.2, 0.45)}  # what regions have of their own, and bounds


def global_parameters(study):
    """Names of the parameters with bounds that the expected FC depends on: sigma only scales it."""
    return tuple(name for name in study.bounds if name != "sigma")


def screening(response, names, n_base=256, seed=0):
    """How much of the loss of the expected FC each global parameter accounts for (Sobol indices).

    Parameters
    ----------
    response : LinearResponse
    names : sequence of str
    n_base : int
        A power of 2; a parameter costs as many expected FC, and all of them twice as many.
    seed : int

    Returns
    -------
    xarray.Dataset
        `first` and `total` by `parameter`, and half the widths of their 95 % intervals,
        `first_off` and `total_off`. A point without a steady state counts as the worst that has.
    """
    ends = response.study.box(*names).T
    problem = {"num_vars": len(names), "names": list(names), "bounds": ends.tolist()}
    points = saltelli_design.sample(problem, n_base, calc_second_order=False, seed=seed)
    losses = recipe.losses_at(response, points, names)
    losses = np.where(losses < recipe.WORST, losses, losses[losses < recipe.WORST].max())
    # SALib takes a seed of 0 for none.
    found = sobol_indices.analyze(problem, losses, calc_second_order=False, seed=seed + 1)
    keys = {"first": "S1", "total": "ST", "first_off": "S1_conf", "total_off": "ST_conf"}
    return xr.Dataset(
        {name: ("parameter", found[key]) for name, key in keys.items()},
        {"parameter": list(names)},
        {"simulations": 0, "gradients": 0, "evaluations": len(points), "seed": seed},
    )


def global_fits(response, names, n_starts=8, n_pool=64, seed=0):
    """Fit the global parameters from several starts, each the best of some random points.

    Returns
    -------
    xarray.Dataset
        `x` by `start` and `parameter`, `loss` and `evaluations` by `start`, and the expected `fc`
        of the best.
    """
    low, high = response.study.box(*names)
    rng = np.random.default_rng(seed)
    pools = rng.uniform(low, high, (n_starts, n_pool, len(names)))
    starts = [recipe.basin(response, pool, names)[0] for pool in pools]
    ends = [recipe.global_fit(response, start, names) for start in tqdm(starts, "global fits")]
    best = min(ends, key=lambda end: end.fun)
    state = recipe.state_at(response.study, best.x, names)
    return xr.Dataset(
        {
            "x": (("start", "parameter"), [end.x for end in ends]),
            "loss": ("start", [end.fun for end in ends]),
            "evaluations": ("start", [n_pool + end.nfev for end in ends]),
            "fc": (("region", "other"), np.asarray(response.expected_observation(state))),
        },
        {"parameter": list(names)},
        {"simulations": 0, "gradients": sum(end.nfev for end in ends), "seed": seed},
    )


def best_of(fits):
    """Global parameters of the best fit, by name."""
    one = fits["x"].values[fits["loss"].values.argmin()]
    return dict(zip(map(str, fits["parameter"].values), one.tolist(), strict=True))


def regional_model(response, names):
    """The regional model of a study: w and I_o by region, the other global parameters shared."""
    one = [name for name in names if name not in EACH]
    return RegionalModel(response, one, tuple(EACH), EACH | dict(response.study.bounds))


def regional_fits(response, names, centre, n_random=3, seed=0):
    """Fit a value of w and of I_o in each region, from the global fit and from random starts.

    Parameters
    ----------
    response : LinearResponse
    names : sequence of str
        Global parameters.
    centre : dict of str to float
        The global fit.
    n_random : int
        Random starts beside it.
    seed : int

    Returns
    -------
    xarray.Dataset
        By `start`: free numbers `z`, `loss`, `leading`, `to_fold`, `slope`, `evaluations`, and the
        expected `fc`. The global fit is the first start.
    """
    model = regional_model(response, names)
    starts = [model.z_of(**_with_own(response, centre)), *model.starts(n_random, seed)]
    z, values, slopes, n = model.fit(np.array(starts))
    return _fitted(response, [model.state_at(one[-1]) for one in z], z, values, slopes, n, seed)


def map_fit(response, names, centre, maps=None, n_random=0, seed=0):
    """Fit w and I_o as linear functions of maps, in the free numbers of the regions.

    Parameters
    ----------
    response : LinearResponse
    names : sequence of str
        Global parameters.
    centre : dict of str to float
        The global fit, from which the first start has no deviation.
    maps : array, shape (n_maps, n_regions), optional
        By default those of the study.
    n_random : int
        Random starts beside it: draws of the prior of `bnmfit.maps.MapModel`.
    seed : int

    Returns
    -------
    xarray.Dataset
        As `regional_fits` returns it, with the free numbers of `bnmfit.maps.MapModel`.
    """
    model = map_model(response, names, centre, maps)

    def values_at(theta):
        return model.model.loss_and_margins(model.z_at(theta), response.study.target)

    drawn = np.random.default_rng(seed).normal(size=(n_random, model.n_free))
    starts = np.concatenate([np.zeros((1, model.n_free)), drawn])
    theta, values, slopes, n = descend_within(values_at, starts, margins_at(DISTANCES))
    states = [model.state_at(one[-1]) for one in theta]
    return _fitted(response, states, theta, values, slopes, n, seed)


def map_model(response, names, centre, maps=None):
    """The model on maps that `map_fit` fits, each of them with mean 0 and standard deviation 1."""
    maps = np.array(list(response.study.maps.values()) if maps is None else maps)
    maps = (maps - maps.mean(axis=1, keepdims=True)) / maps.std(axis=1, keepdims=True)
    return MapModel(regional_model(response, names), maps, _with_own(response, centre))


def verified(response, state, n_draws=8, seed=10_000):
    """What simulations with noise that no fit has seen say of a state.

    They run one by one: a simulation as long as a scan takes 0.7 GB for 100 regions.

    Returns
    -------
    xarray.Dataset
        `score`, named as in `bnmfit.regional.SCORES`.
    """
    scores = scores_on_draws(response, state, seed + np.arange(n_draws), n_pmap=1)
    return xr.Dataset(
        {"value": ("score", scores)},
        {"score": list(SCORES)},
        {"simulations": n_draws, "gradients": 0, "seed": seed},
    )


def _with_own(response, centre):
    """Values of all parameters of the regional model at a global fit."""
    study = response.study
    own = {name: float(study.parameters[name](study.state)) for name in EACH}
    return own | dict(centre)


def _fitted(response, states, z, values, slopes, n, seed):
    fcs = [np.asarray(response.expected_observation(state), "float32") for state in states]
    ends = values[:, -1]
    return xr.Dataset(
        {
            "z": (("start", "number"), z[:, -1]),
            "loss": ("start", np.exp(ends[:, 0])),
            "leading": ("start", -np.exp(ends[:, 1])),
            "to_fold": ("start", np.exp(ends[:, 2])),
            "slope": ("start", slopes[:, -1]),
            "evaluations": ("start", n),
            "fc": (("start", "region", "other"), fcs),
        },
        attrs={"simulations": 0, "gradients": int(n.sum()), "seed": seed},
    )
