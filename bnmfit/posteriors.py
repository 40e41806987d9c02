"""Priors, and samples of posteriors in the groups that ArviZ expects."""

from bnmfit.batches import batched_rows
from bnmfit.diagnostics import from_numpyro
from bnmfit.progress import shows_bars

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import xarray as xr
from numpyro.infer import SVI, Trace_ELBO, log_likelihood
from numpyro.optim import Adam
from scipy.stats import wasserstein_distance
from tqdm import tqdm

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


def sample_chains(mcmc, seed, n_pmap=None, n_vmap=None):
    """Warm up and sample, and keep what a reader needs to judge the run.

    Parameters
    ----------
    mcmc : numpyro.infer.MCMC
        With a NUTS kernel of a model that has one observed site.
    seed : int
    n_pmap, n_vmap : int, optional
        How to evaluate the log likelihood of the draws, as in `bnmfit.batches.batched`.

    Returns
    -------
    xarray.DataTree
        With ArviZ's groups: `posterior`, `sample_stats`, `warmup_sample_stats`, `observed_data`,
        and `log_likelihood`, summed over the entries of the observed site. The attributes say what
        it cost: a leapfrog step is one gradient.
    """
    mcmc.progress_bar &= shows_bars()  # without them, JAX can keep the program
    mcmc.warmup(jax.random.key(seed), extra_fields=FIELDS, collect_warmup=True)
    warmup = from_numpyro(mcmc)["sample_stats"].to_dataset()
    mcmc.run(mcmc.post_warmup_state.rng_key, extra_fields=FIELDS)
    tree = from_numpyro(mcmc)
    tree["warmup_sample_stats"] = xr.DataTree(warmup)

    posterior = tree["posterior"].to_dataset()
    sites = []

    def summed(*values):
        draw = dict(zip(posterior, values, strict=True))
        by_site = log_likelihood(mcmc.sampler.model, draw, batch_ndims=0)
        sites[:] = by_site
        return jnp.stack([x.sum() for x in by_site.values()])

    rows = batched_rows(summed, n_pmap, n_vmap)(*(x.values.ravel() for x in posterior.values()))
    shape = tuple(posterior.sizes[dim] for dim in ("chain", "draw"))
    values = {
        name: (("chain", "draw"), x.reshape(shape)) for name, x in zip(sites, rows.T, strict=True)
    }
    tree["log_likelihood"] = xr.DataTree(xr.Dataset(values, posterior.coords))
    tree.attrs = {
        "simulations": posterior.sizes["chain"] * posterior.sizes["draw"],
        "gradients": sum(int(tree[group]["n_steps"].sum()) for group in SAMPLED),
        "seed": seed,
    }
    return tree


def has_settled(elbo, block):
    """Whether the ELBO rises no more: its last block is not above the one before.

    Parameters
    ----------
    elbo : array, shape (n_steps,)
        Estimates of the ELBO, one per step; NaN where there is none.
    block : int
        Steps in a block.

    Returns
    -------
    bool
        True if the mean of the last block exceeds that of the block before by no more than one
        standard error of the difference. False before there are two blocks.
    """
    if len(elbo) < 2 * block:
        return False
    blocks = np.asarray(elbo)[-2 * block :].reshape(2, block)
    error = np.sqrt(np.nanvar(blocks, axis=1, ddof=1).sum() / block)
    before, last = np.nanmean(blocks, axis=1)
    return bool(last - before <= error)


def fit_guide(model, guide, rate, n_steps, n_draws, seed, n_weights=1000, block=None):
    """Fit a variational guide to a posterior with Adam, and draw from it.

    Parameters
    ----------
    model : callable
        numpyro model.
    guide : numpyro.infer.autoguide.AutoContinuous
        Guide of the model.
    rate : float or callable
        Adam's rate, or a schedule of it.
    n_steps, n_draws, seed : int
        Steps of Adam, each with one gradient of the ELBO at one draw from the guide; draws to
        return; seed.
    n_weights : int
        Draws whose importance weight is computed, with one simulation each.
    block : int, optional
        Stop after a block of so many steps if the ELBO `has_settled`; by default after n_steps.

    Returns
    -------
    xarray.DataTree
        `posterior`, one chain of draws; `latent`, other draws, in numpyro's unconstrained space;
        `optimisation`, the estimate of the ELBO at each step, NaN at one whose draw has no finite
        density or gradient, which changes nothing; `importance`, log weights: log joint density
        minus log density of the guide.
    """
    keys = jax.random.split(jax.random.key(seed), 4)
    elbo = Trace_ELBO()
    svi, size = SVI(model, guide, Adam(rate), elbo), block or n_steps
    at, losses = svi.init(keys[0]), np.empty(0)
    advance = jax.jit(lambda at: jax.lax.scan(lambda at, _: svi.stable_update(at), at, length=size))
    while len(losses) < n_steps and not has_settled(-losses, size):
        at, new = advance(at)
        losses = np.append(losses, new)
    params = svi.get_params(at)
    draws = guide.sample_posterior(keys[1], params, sample_shape=(1, n_draws))

    base = guide.get_base_dist().sample(keys[3], (n_draws,))
    latent = jax.vmap(guide.get_transform(params))(base)

    def log_weight(key):  # which is what the ELBO is the mean of
        return -elbo.loss(jax.random.wrap_key_data(key), params, model, guide)

    weight_keys = jax.random.key_data(jax.random.split(keys[2], n_weights))
    groups = {
        "posterior": {name: (("chain", "draw"), np.asarray(x)) for name, x in draws.items()},
        "latent": {"z": (("draw", "site"), np.asarray(latent))},
        "optimisation": {"elbo": ("step", -losses)},
        "importance": {"log_weight": ("draw", batched_rows(log_weight, n_vmap=4)(weight_keys))},
    }
    tree = xr.DataTree.from_dict({name: xr.Dataset(values) for name, values in groups.items()})
    tree["latent"] = xr.DataTree(tree["latent"].to_dataset().assign_coords(site=sorted(draws)))
    tree.attrs = {"simulations": n_weights, "gradients": len(losses), "seed": seed}
    return tree


def k_hat_limit(n_weights):
    """Largest Pareto k-hat at which importance weights can still be used.

    Parameters
    ----------
    n_weights : int
        Number of weights S that k-hat was computed from.

    Returns
    -------
    float
        min(1 - 1 / log10(S), 0.7), after Vehtari et al. (2024).
    """
    return float(min(1 - 1 / np.log10(n_weights), 0.7))


def refined_grid(log_density, low, high, names, n_grid=24, tolerance=0.01, max_levels=30):
    """A posterior of two parameters, on a grid that is refined where the mass is.

    Each level splits the cells that hold more than 1/2000 of the mass into four and, as long as
    one cell holds more than 1/100, the best tenth of all cells, too. It ends when the mean moves by
    less than a fraction of the standard deviation, and that by less than a fraction of itself.

    Parameters
    ----------
    log_density : callable
        Function of an array (m, 2) that returns an array (m,), with -inf where there is no mass.
    low, high : array, shape (2,)
        Corners of the grid.
    names : sequence of 2 str
        Names of the two parameters.
    n_grid : int
        Cells along each side of the first grid.
    tolerance : float
        The fraction.
    max_levels : int
        Most levels.

    Returns
    -------
    xarray.Dataset
        By `cell`: its centre, under the names of the parameters, its `area`, and at its centre
        `log_density`; `mass`, which sums to 1. By `level`: `mean`, `sd`, and `evaluations`.

    Raises
    ------
    RuntimeError
        If the moments have not settled at the last level.
    """
    low, high = np.array([low, high], dtype=float)
    steps = (np.arange(n_grid) + 0.5) / n_grid
    centres = low + (high - low) * np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    sizes = np.broadcast_to((high - low) / n_grid, centres.shape)
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) / 4
    values, levels, evaluations = np.asarray(log_density(centres)), [], [len(centres)]
    for _ in tqdm(range(max_levels), "refined grid"):
        area = sizes.prod(axis=1)
        mass = np.exp(values - values.max()) * area
        mass /= mass.sum()
        mean = mass @ centres
        sd = np.sqrt(mass @ (centres - mean) ** 2)
        levels.append((mean, sd))
        unresolved = mass.max() > 0.01
        if len(levels) > 1 and not unresolved:
            mean_before, sd_before = levels[-2]
            if max(*abs(mean - mean_before) / sd, *abs(sd_before / sd - 1)) < tolerance:
                break
        split = mass > 1 / 2000
        if unresolved:
            split |= values >= np.sort(values)[int(0.9 * len(values))]
        new = (centres[split][:, None] + corners * sizes[split][:, None]).reshape(-1, 2)
        new_sizes = np.repeat(sizes[split] / 2, 4, axis=0)
        centres = np.concatenate([centres[~split], new])
        sizes = np.concatenate([sizes[~split], new_sizes])
        values = np.concatenate([values[~split], log_density(new)])
        evaluations.append(len(new))
    else:
        raise RuntimeError(f"The moments have not settled after {max_levels} levels.")
    means, sds = (np.array(moments) for moments in zip(*levels, strict=True))
    return xr.Dataset(
        {name: ("cell", x) for name, x in zip(names, centres.T, strict=True)}
        | {
            "area": ("cell", area),
            "log_density": ("cell", values),
            "mass": ("cell", mass),
            "mean": (("level", "parameter"), means),
            "sd": (("level", "parameter"), sds),
            "evaluations": ("level", evaluations),
        },
        {"parameter": list(names)},
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
