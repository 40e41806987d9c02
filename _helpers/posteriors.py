"""Priors, and samples of posteriors in the groups that ArviZ expects."""

from _helpers.batches import batched_rows

import warnings

import jax
import numpy as np
import numpyro.distributions as dist
import xarray as xr
from numpyro.infer import SVI, Trace_ELBO, log_likelihood
from numpyro.optim import Adam
from scipy.stats import wasserstein_distance
from tqdm import tqdm

warnings.filterwarnings("ignore", message="\nArviZ is undergoing", category=FutureWarning)
import arviz as az  # noqa: E402

FIELDS = (
    "num_steps",
    "accept_prob",
    "diverging",
    "potential_energy",
    "energy",
    "adapt_state.step_size",
)
SAMPLED = ("warmup_sample_stats", "sample_stats")


def prior_shape(name, low=0.0, high=1.0):
    """One of three shapes of a prior, on an interval.

    Parameters
    ----------
    name : str
        `uniform`, over the middle 80 percent of the interval; `weak`, a normal distribution in its
        middle with an sd of 0.18 interval widths; `strong`, one at 0.65 with an sd of 0.05. The
        normal ones are cut off at the ends.
    low, high : float
        Ends of the interval.

    Returns
    -------
    numpyro.distributions.Distribution

    Raises
    ------
    ValueError
        For another name.
    """
    width = high - low
    match name:
        case "uniform":
            return dist.Uniform(low + 0.1 * width, low + 0.9 * width)
        case "weak":
            centre, sd = 0.5, 0.18
        case "strong":
            centre, sd = 0.65, 0.05
        case _:
            raise ValueError(f"'{name}' is no prior shape: take uniform, weak or strong.")
    return dist.TruncatedNormal(low + centre * width, sd * width, low=low, high=high)


def sample_chains(mcmc, seed, init_params=None):
    """Warm up and sample, and keep what a reader needs to judge the run.

    Parameters
    ----------
    mcmc : numpyro.infer.MCMC
        With a NUTS kernel of a model that has one observed site.
    seed : int
    init_params : dict of arrays, shape (chains, ...), optional
        Where the chains start, in numpyro's unconstrained space.

    Returns
    -------
    xarray.DataTree
        With ArviZ's groups: `posterior`, `sample_stats`, `warmup_sample_stats`, `observed_data`,
        and `log_likelihood`, summed over the entries of the observed site. The attributes say what
        it cost: a leapfrog step is one gradient.
    """
    mcmc.warmup(
        jax.random.key(seed), extra_fields=FIELDS, collect_warmup=True, init_params=init_params
    )
    warmup = az.from_numpyro(mcmc, log_likelihood=False).sample_stats
    mcmc.run(mcmc.post_warmup_state.rng_key, extra_fields=FIELDS)
    tree = az.from_numpyro(mcmc, log_likelihood=False).to_datatree()
    tree["warmup_sample_stats"] = xr.DataTree(warmup)

    posterior = tree["posterior"].to_dataset()
    chains = {name: np.asarray(x) for name, x in posterior.items()}
    by_site = log_likelihood(mcmc.sampler.model, chains, parallel=False, batch_ndims=2)
    summed = {
        name: (("chain", "draw"), np.asarray(x).sum(axis=tuple(range(2, x.ndim))))
        for name, x in by_site.items()
    }
    tree["log_likelihood"] = xr.DataTree(xr.Dataset(summed, posterior.coords))
    tree.attrs = {
        "simulations": posterior.sizes["chain"] * posterior.sizes["draw"],
        "gradients": sum(int(tree[group]["n_steps"].sum()) for group in SAMPLED),
        "seed": seed,
    }
    return tree


def fit_guide(model, guide, rate, n_steps, n_draws, seed, n_weights=1000):
    """Fit a variational guide to a posterior with Adam, and draw from it.

    Parameters
    ----------
    model : callable
        numpyro model.
    guide : numpyro.infer.autoguide.AutoGuide
        Guide of the model.
    rate : float or callable
        Adam's rate, or a schedule of it.
    n_steps, n_draws, seed : int
        Steps of Adam, each with one gradient of the ELBO at one draw from the guide; draws to
        return; seed.
    n_weights : int
        Draws whose importance weight is computed, with one simulation each.

    Returns
    -------
    xarray.DataTree
        `posterior`, one chain of draws; `latent`, other draws, in numpyro's unconstrained space;
        `optimisation`, the estimate of the ELBO at each step; `importance`, log weights: log joint
        density minus log density of the guide.
    """
    keys = jax.random.split(jax.random.key(seed), 4)
    elbo = Trace_ELBO()
    result = SVI(model, guide, Adam(rate), elbo).run(keys[0], n_steps)
    draws = guide.sample_posterior(keys[1], result.params, sample_shape=(1, n_draws))

    base = guide.get_base_dist().sample(keys[3], (n_draws,))
    latent = jax.vmap(guide.get_transform(result.params))(base)

    def log_weight(key):  # which is what the ELBO is the mean of
        return -elbo.loss(jax.random.wrap_key_data(key), result.params, model, guide)

    weight_keys = jax.random.key_data(jax.random.split(keys[2], n_weights))
    groups = {
        "posterior": {name: (("chain", "draw"), np.asarray(x)) for name, x in draws.items()},
        "latent": {"z": (("draw", "site"), np.asarray(latent))},
        "optimisation": {"elbo": ("step", -np.asarray(result.losses))},
        "importance": {"log_weight": ("draw", batched_rows(log_weight)(weight_keys))},
    }
    tree = xr.DataTree.from_dict({name: xr.Dataset(values) for name, values in groups.items()})
    tree["latent"] = xr.DataTree(tree["latent"].to_dataset().assign_coords(site=sorted(draws)))
    tree.attrs = {"simulations": n_weights, "gradients": n_steps, "seed": seed}
    return tree


def refined_grid(log_density, low, high, names, n_grid=24, tolerance=0.01, max_levels=12):
    """A posterior of two parameters, on a grid that closes in on its mass.

    Each grid covers the cells of the one before that hold the mass, or its best tenth if that is
    more. It ends when, from one grid to the next, the mean moves by less than a fraction of the
    standard deviation, and the standard deviation by less than that fraction of itself.

    Parameters
    ----------
    log_density : callable
        Function of an array (m, 2) that returns an array (m,), with -inf where there is no mass.
    low, high : array, shape (2,)
        Corners of the first grid.
    names : sequence of 2 str
        Names of the two parameters.
    n_grid : int
        Cells along each side of the first grid.
    tolerance : float
        The fraction.
    max_levels : int
        Most grids to evaluate.

    Returns
    -------
    xarray.Dataset
        `log_density` and `mass` (which sums to 1) at the centres of the last grid's cells, and
        `mean`, `sd` and `evaluations` by level.

    Raises
    ------
    RuntimeError
        If the moments have not settled at the last level.
    """
    edges = np.array([low, high], dtype=float)
    prior_edges, levels = edges, []
    for _ in tqdm(range(max_levels), "refined grid"):
        cell = (edges[1] - edges[0]) / n_grid
        sides = (edges[0] + cell * (np.arange(n_grid)[:, None] + 0.5)).T
        points = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, 2)
        values = np.asarray(log_density(points))
        mass = np.exp(values - values.max())
        mass /= mass.sum()
        mean = mass @ points
        sd = np.sqrt(mass @ (points - mean) ** 2)
        levels.append((mean, sd, len(points)))
        if len(levels) > 1 and np.all(sd > 0):
            mean_before, sd_before, _ = levels[-2]
            if max(*abs(mean - mean_before) / sd, *abs(sd_before / sd - 1)) < tolerance:
                break
        best_tenth = np.sort(values)[int(0.9 * len(values))]
        held = points[values >= min(values.max() - 16, best_tenth)]
        before, edges = (
            edges,
            np.array([held.min(axis=0) - 1.5 * cell, held.max(axis=0) + 1.5 * cell]),
        )
        edges = np.clip(edges, *prior_edges)
        if np.all(edges[1] - edges[0] > 0.8 * (before[1] - before[0])):
            n_grid = int(1.5 * n_grid)  # nothing to close in on: resolve it better
    else:
        raise RuntimeError(f"The moments have not settled after {max_levels} grids.")
    means, sds, evaluations = (np.array(values) for values in zip(*levels, strict=True))
    shape = (n_grid, n_grid)
    return xr.Dataset(
        {
            "log_density": (names, values.reshape(shape)),
            "mass": (names, mass.reshape(shape)),
            "mean": (("level", "parameter"), means),
            "sd": (("level", "parameter"), sds),
            "evaluations": ("level", evaluations),
        },
        dict(zip(names, sides, strict=True)) | {"parameter": list(names)},
    )


def summarise(G, w, mass=None, reference=None):
    """Mean, standard deviation, correlation, and distance from a reference, of a posterior.

    Parameters
    ----------
    G, w : array, shape (n,)
        Draws, or points of a grid.
    mass : array, shape (n,), optional
        Weight of each point; equal by default.
    reference : tuple (G, w, mass), optional
        The posterior to compare with, in the same form.

    Returns
    -------
    dict
        `mean G`, `sd G`, `mean w`, `sd w`, `correlation`; and `distance`: the Wasserstein distance
        between the marginals, in standard deviations of the reference, the larger one of the two.
    """
    points = np.array([np.ravel(G), np.ravel(w)])
    mass = np.full(points.shape[1], 1 / points.shape[1]) if mass is None else np.ravel(mass)
    mean, covariance = (
        np.average(points, axis=1, weights=mass),
        np.cov(points, aweights=mass, ddof=0),
    )
    sd = np.sqrt(np.diag(covariance))
    row = {"mean G": mean[0], "sd G": sd[0], "mean w": mean[1], "sd w": sd[1]}
    row["correlation"] = covariance[0, 1] / sd.prod()
    if reference is not None:
        *others, other_mass = (x if x is None else np.ravel(x) for x in reference)
        unit = summarise(*reference)
        row["distance"] = max(
            wasserstein_distance(own, other, mass, other_mass) / unit[f"sd {name}"]
            for name, own, other in zip("Gw", points, others, strict=True)
        )
    return row
