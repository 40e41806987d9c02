"""The posterior of a few global parameters given an FC, and what it predicts."""

from bnmfit import recipe
from bnmfit.batches import batched_rows
from bnmfit.diagnostics import psislw
from bnmfit.fcd import fcd_of
from bnmfit.linear_response import AT_REST

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from tqdm import tqdm


def weighted(response, names, n_effective, n_points=4096, n_rounds=4, seed=0):
    """The posterior of the global parameters given an FC, by importance sampling in rounds.

    The prior is uniform in the box, and keeps away from folds, where linear response fails: the
    density is multiplied by exp(-2 (6 / d)^2), d the distance to the fold in sd. The likelihood is
    loss^(-n_effective): the error of an entry is integrated out.

    The first round draws from the uniform prior, each later one from normal distributions around
    draws of the posterior so far. All points are weighted by the mixture of all rounds (Veach and
    Guibas, 1995; Cornuet et al., 2012). Since the prior is in it, no weight is without bound.

    Parameters
    ----------
    response : LinearResponse
    names : sequence of str
    n_effective : float
        Effective number of entries.
    n_points, n_rounds : int
        Points of a round, each at the price of one expected FC.
    seed : int

    Returns
    -------
    xarray.Dataset
        By `point`: each parameter by name, `loss`, and the smoothed `weight`; they sum to 1. The
        attributes `k_hat` and `ess` tell whether they can be trusted, `evaluations` the price.
    """
    study, rng = response.study, np.random.default_rng(seed)
    low, high = study.box(*names)

    def look(*z):
        x = low + (high - low) * jax.nn.sigmoid(jnp.stack(z))
        fc, steady = response.expected_at_steady_state(recipe.state_at(study, x, names))
        usable = (steady.leading < 0) & (steady.to_fold > 0) & (steady.speed < AT_REST)
        loss = jnp.where(usable, study.metric(fc, study.target), recipe.WORST)
        factor = -2 * (recipe.TRUSTED / steady.to_fold) ** 2
        return jnp.stack([loss, jnp.where(usable, factor, -1e9)])

    evaluate = batched_rows(look, n_vmap=1)
    z, log_target, losses, kernels = np.empty((0, len(names))), np.empty(0), np.empty(0), []
    for _ in tqdm(range(n_rounds), "rounds"):
        new = rng.logistic(0, 1, (n_points, len(names)))
        if kernels:
            new = _proposed(kernels[-1], n_points, rng)
        loss, factor = evaluate(*new.T).T
        z, losses = np.concatenate([z, new]), np.concatenate([losses, loss])
        log_density = _log_prior(new) + factor - n_effective * np.log(loss)
        log_target = np.concatenate([log_target, log_density])
        log_weight, k_hat = psislw(log_target - _log_mixture(z, kernels))
        weight = np.exp(log_weight)
        kernels.append(_kernels(z, weight / weight.sum(), rng))
    weight /= weight.sum()
    x = low + (high - low) / (1 + np.exp(-z))
    by_point = dict(zip(names, x.T, strict=True)) | {"loss": losses, "weight": weight}
    return xr.Dataset(
        {name: ("point", of) for name, of in by_point.items()},
        attrs={
            "n_effective": n_effective,
            "k_hat": float(k_hat),
            "ess": float(1 / (weight**2).sum()),
            "evaluations": len(z),
            "simulations": 0,
            "gradients": 0,
            "seed": seed,
        },
    )


def drawn(posterior, names, n, seed=0):
    """Draws of a weighted posterior, shape (n, n_parameters)."""
    rng = np.random.default_rng(seed)
    some = rng.choice(posterior.sizes["point"], n, p=posterior["weight"].values)
    return np.stack([posterior[name].values[some] for name in names], axis=1)


def _log_prior(z):
    """Log density of logits z of what is uniform in the box: logistic."""
    return -(np.logaddexp(0, z) + np.logaddexp(0, -z)).sum(axis=1)


def _kernels(z, weight, rng, n=256):
    """Middles of normal distributions, drawn by weight, and the root of their covariance."""
    d = z.shape[1]
    off = z - weight @ z
    covariance = (weight[:, None] * off).T @ off + 1e-9 * np.eye(d)
    ess = 1 / (weight**2).sum()
    width = (4 / (d + 2) / max(ess, 2)) ** (1 / (d + 4))  # Silverman's rule
    return z[rng.choice(len(z), n, p=weight)], width * np.linalg.cholesky(covariance)


def _proposed(kernels, n, rng):
    middles, root = kernels
    some = rng.integers(len(middles), size=n)
    return middles[some] + rng.normal(size=(n, middles.shape[1])) @ root.T


def _log_mixture(z, kernels):
    """Log density of the mixture of all rounds: the logistic prior, and kernels."""
    parts = [_log_prior(z)]
    for middles, root in kernels:
        scaled, at = np.linalg.solve(root, z.T).T, np.linalg.solve(root, middles.T).T
        log_size = np.log(np.diag(root)).sum() + z.shape[1] / 2 * np.log(2 * np.pi)
        squares = cdist(scaled, at, "sqeuclidean")
        parts.append(logsumexp(-squares / 2, axis=1) - np.log(len(middles)) - log_size)
    return logsumexp(parts, axis=0) - np.log(len(parts))


def cloud_of(response, names, points):
    """Points as `bnmfit.recipe.regime` gives them, for `bnmfit.recipe.calibrate`: with their FC."""
    study = response.study
    upper = np.triu_indices(study.n_regions, 1)

    def look(*x):
        fc = response.expected_observation(recipe.state_at(study, x, names))
        return jnp.concatenate([study.metric(fc, study.target)[None], fc[upper]])

    rows = batched_rows(look, n_vmap=1)(*points.T)
    return xr.Dataset(
        {name: ("point", x) for name, x in zip(names, points.T, strict=True)}
        | {
            "loss": ("point", rows[:, 0]),
            "usable": ("point", np.ones(len(rows), bool)),
            "fc": (("point", "pair"), rows[:, 1:]),
        }
    )


def predictive(response, names, points, n_fcd=16, seed=0):
    """Recordings that a posterior predicts: one as long as the study's from each of some draws.

    Parameters
    ----------
    response : LinearResponse
    names : sequence of str
    points : array, shape (n, n_parameters)
        Draws of the posterior.
    n_fcd : int
        Recordings whose FCD is kept.
    seed : int

    Returns
    -------
    xarray.Dataset
        By `draw`: `own`, the loss of the recording's FC to the FC that is expected there, and
        `target`, that of the target. By `pair`: the `low` and `high` end of the interval that
        holds 95 % of recordings. And `fcd` of the first `kept` recordings, sorted.
    """
    study = response.study
    upper = np.triu_indices(study.n_regions, 1)

    @jax.jit
    def recorded(x, key):
        state = recipe.state_at(study, x, names)
        fc, bold = response.draw_observation(state, key, 1)
        expected = response.expected_observation(state)
        apart = study.metric(fc[0], expected), study.metric(jnp.asarray(study.target), expected)
        return jnp.stack(apart), fc[0][upper], bold[0]

    keys = jax.random.split(jax.random.key(seed), len(points))
    apart, fcs, fcds = [], [], []
    for k, (x, key) in enumerate(zip(tqdm(points, "recordings"), keys, strict=True)):
        losses, fc, bold = recorded(x, key)
        apart.append(np.asarray(losses))
        fcs.append(np.asarray(fc))
        if k < n_fcd:
            fcds.append(fcd_of(bold, study.tr))
    own, target = np.transpose(apart)
    low, high = np.quantile(fcs, [0.025, 0.975], axis=0)
    return xr.Dataset(
        {
            "own": ("draw", own),
            "target": ("draw", target),
            "low": ("pair", low.astype("float32")),
            "high": ("pair", high.astype("float32")),
            "fcd": (("kept", "entry"), np.array(fcds, "float32")),
        },
        attrs={"simulations": 0, "gradients": 0, "seed": seed},
    )
