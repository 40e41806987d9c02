"""Priors, and samples of posteriors in the groups that ArviZ expects."""

import warnings

import jax
import numpy as np
import numpyro.distributions as dist
import xarray as xr
from numpyro.infer import log_likelihood

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
