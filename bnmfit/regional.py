"""The regional model: parameters that each region has for itself, fitted without noise."""

from bnmfit.batches import batched_rows
from bnmfit.descent import descend_within
from bnmfit.linear_response import AT_REST

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from tqdm import tqdm

DISTANCES = 1e-3 * np.array([3, 2, 1.4, 1, 0.7, 0.5])  # of the leading eigenvalue from zero, per ms
FOLD = 8.0  # sd to the fold that a fit keeps
SCORES = ("average RMSE", "average r", "single RMSE", "single r", "apart", "stable")


class RegionalModel:
    """A study with some parameters that are one number, and others that differ between regions.

    Parameters
    ----------
    response : LinearResponse
        Of the study.
    one : sequence of str
        Parameters that are the same in all regions.
    each : sequence of str
        Parameters with a value per region.
    bounds : dict of str to tuple, optional
        Bounds of parameters for which the study has none.

    Attributes
    ----------
    n_free : int
        How many numbers are free.

    Raises
    ------
    ValueError
        For a parameter without bounds.
    """

    def __init__(self, response, one=("G",), each=("w", "I_o"), bounds=None):
        study = response.study
        known = dict(bounds or {}) | dict(study.bounds)
        missing = [name for name in (*one, *each) if name not in known]
        if missing:
            raise ValueError(f"There are no bounds for {', '.join(missing)}: pass them as bounds.")
        self.study, self.response, self.one, self.each = study, response, one, each
        sizes = [1] * len(one) + [study.n_regions] * len(each)
        ends = np.transpose([known[name] for name in (*one, *each)])
        self.low, self.high = np.repeat(ends, sizes, axis=1)
        self.n_free = self.low.size

    def state_at(self, z):
        """State at free numbers.

        Parameters
        ----------
        z : array, shape (n_free,)
            A sigmoid takes each into its bounds: first those of `one`, then those of `each`.

        Returns
        -------
        Bunch
        """
        x = self.low + (self.high - self.low) * jax.nn.sigmoid(z)
        of_one, of_each = x[: len(self.one)], x[len(self.one) :]
        values = dict(zip(self.one, of_one, strict=True))
        values |= dict(zip(self.each, of_each.reshape(len(self.each), -1), strict=True))
        return self.study.vary(self.study.state, **values)

    def z_of(self, **values):
        """Free numbers of given values, of every parameter by name; the inverse of `state_at`.

        Values at a bound are taken a thousandth of the way into the box.
        """
        parts = [np.ravel(values[name]) for name in self.one]
        parts += [np.broadcast_to(values[name], self.study.n_regions) for name in self.each]
        share = (np.concatenate(parts) - self.low) / (self.high - self.low)
        share = np.clip(share, 1e-3, 1 - 1e-3)
        return np.log(share) - np.log1p(-share)

    def starts(self, n, seed=0):
        """Random starts, shape (n, n_free): normal, with an sd of 0.8, around half-way."""
        return np.random.default_rng(seed).normal(0, 0.8, (n, self.n_free))

    def loss_and_margins(self, z, target, known=1.0):
        """Logarithms of the loss without noise, and of what a fit has to keep above margins.

        Parameters
        ----------
        z : array, shape (n_free,)
        target : array, shape (n_regions, n_regions)
        known : array, shape (n_regions, n_regions), optional
            1 for the entries of the target that count, 0 for the others.

        Returns
        -------
        array, shape (3,)
            Of the loss, of minus the leading eigenvalue, and of the distance to the fold; NaN where
            the network does not come to rest.
        """
        fc, steady = self.response.expected_at_steady_state(self.state_at(z))
        numbers = self.study.metric(known * fc, known * target), -steady.leading, steady.to_fold
        at_rest = steady.speed < AT_REST
        return jnp.where(at_rest, jnp.log(jnp.array(numbers)), jnp.nan)

    def fit(self, starts, target=None, known=1.0, distances=DISTANCES):
        """Fit the expected FC, level by level closer to criticality.

        Parameters
        ----------
        starts : array, shape (n, n_free)
        target : array, shape (n_regions, n_regions), optional
            By default the study's.
        known : array, optional
            See `loss_and_margins`.
        distances : array, shape (n_levels,)
            Least distance of the leading eigenvalue from zero at each level, per ms.

        Returns
        -------
        positions, values, slopes, n_evaluations
            See `bnmfit.descent.descend_within`.
        """
        target = self.study.target if target is None else target
        margins = margins_at(distances)
        return descend_within(lambda z: self.loss_and_margins(z, target, known), starts, margins)


def margins_at(distances):
    """What `loss_and_margins` of a fit has to keep above, at each level; shape (n_levels, 2)."""
    return np.log([[distance, FOLD] for distance in distances])


def scores_on_draws(response, state, draws, n_pmap=None):
    """What simulations with unseen noise say of a fit, alone and averaged.

    Parameters
    ----------
    response : LinearResponse
    state : Bunch
    draws : array of int, shape (n,)
        Seeds of the draws.
    n_pmap : int, optional
        Simulations that run side by side; as `batch_shape` has it, if not given.

    Returns
    -------
    list of float
        In the order of `SCORES`: RMSE and correlation with the target of the average FC; the same
        of single ones, averaged; how far the average is from the expected FC (RMSE over pairs); and
        how many stable steady states there are.
    """
    study = response.study
    upper = np.triu_indices(study.n_regions, 1)
    target = study.target[upper]

    def one(draw):
        noise = study.draw_noise(jax.random.key(draw))
        return study.observation(study.vary(state, noise=noise))

    fcs = np.asarray(batched_rows(one, n_pmap, n_vmap=1)(draws))
    average = fcs.mean(axis=0)
    apart = average - np.asarray(response.expected_observation(state, response.n_samples))
    states = response.steady_states(state)
    return [
        float(study.metric(average, study.target)),
        np.corrcoef(average[upper], target)[0, 1],
        np.mean([study.metric(fc, study.target) for fc in fcs]),
        np.mean([np.corrcoef(fc[upper], target)[0, 1] for fc in fcs]),
        np.sqrt((apart[upper] ** 2).mean()),
        sum(float(state.leading) < 0 for state in states),
    ]


def fit_and_simulate(model, n_starts, n_draws, seed):
    """Fit from random starts, and ask simulations with unseen noise about the ends.

    Parameters
    ----------
    model : RegionalModel
    n_starts, n_draws : int
    seed : int
        Of the first draw.

    Returns
    -------
    xarray.Dataset
        By `start` and `level`: `z`, `loss`, `leading`, `to_fold`, and `slope`, see
        `bnmfit.descent.descend_within`. By `start`: `evaluations`, and `scores` as in `SCORES`.
    """
    z, values, slopes, n = model.fit(model.starts(n_starts))
    draws = seed + np.arange(n_draws)
    states = [model.state_at(ends[-1]) for ends in z]
    scores = [scores_on_draws(model.response, end, draws) for end in tqdm(states, "simulations")]
    per_level = ("start", "level")
    return xr.Dataset(
        {
            "z": ((*per_level, "parameter"), z),
            "loss": (per_level, np.exp(values[..., 0])),
            "leading": (per_level, -np.exp(values[..., 1])),
            "to_fold": (per_level, np.exp(values[..., 2])),
            "slope": (per_level, slopes),
            "evaluations": ("start", n),
            "scores": (("start", "score"), scores),
        },
        {"level": DISTANCES, "score": list(SCORES)},
        {
            "simulations": n_starts * n_draws,
            "gradients": int(n.sum()),
            "draws": n_draws,
            "seed": seed,
        },
    )
