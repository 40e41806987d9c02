"""How much of a parameter differs between people, and how much between recordings of one person.

A hierarchical model over people, whose recordings have posteriors that are known and about normal.
"""

from bnmfit.chains import diagnosed

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr
from numpyro.infer import MCMC, NUTS


def variance_components(means, covariances, low, high, names, n_draws=1000, n_chains=4, seed=0):
    """Posterior of the spread of parameters between people and between recordings of a person.

    A person is a normal draw around the mean of all people, and each recording one around the
    person; both spreads are diagonal, with half-normal priors of a quarter of the box. What a
    recording says of its own parameters is a normal likelihood. People and recordings are
    integrated out, and drawn back in the end.

    Parameters
    ----------
    means : array, shape (n_people, n_recordings, n_parameters)
        Posterior means of the parameters given each recording, under a uniform prior.
    covariances : array, shape (n_people, n_recordings, n_parameters, n_parameters)
    low, high : array, shape (n_parameters,)
        Ends of the box.
    names : sequence of str
        Of the parameters.
    n_draws, n_chains, seed : int
        Of NUTS, whose warm-up is as long.

    Returns
    -------
    xarray.Dataset
        By `chain`, `draw` and `parameter`: the mean of all people `mu`, and the spreads `between`
        people and `within` a person. By `person`, too: `person`s themselves. `rhat`, and the
        effective sample sizes `bulk` and `tail`, by `coordinate`.
    """
    width, scale = high - low, jnp.asarray(high - low)
    y = jnp.asarray((means - low) / width)  # in widths of the box
    S = jnp.asarray(covariances / width[:, None] / width)
    n_people, n_recordings, d = y.shape

    def of_person(S, between, within):
        """Covariance of all recordings of a person, shape (n_recordings d, n_recordings d)."""
        own = jnp.diag(within**2) + S
        blocks = jnp.einsum("rs,rij->risj", jnp.eye(n_recordings), own)
        shared = jnp.ones((n_recordings, 1, n_recordings, 1)) * jnp.diag(between**2)[None, :, None]
        return (blocks + shared).reshape(n_recordings * d, n_recordings * d)

    def model():
        mu = numpyro.sample("mu", dist.Normal(0.5 * jnp.ones(d), 0.5).to_event(1))
        spread = dist.HalfNormal(0.25 * jnp.ones(d)).to_event(1)
        between, within = numpyro.sample("between", spread), numpyro.sample("within", spread)
        covariance = jax.vmap(lambda S: of_person(S, between, within))(S)
        expected = jnp.tile(mu, n_recordings)
        numpyro.sample(
            "y", dist.MultivariateNormal(expected, covariance), obs=y.reshape(n_people, -1)
        )

    def people_given(key, mu, between, within):
        """Draw all people given the population."""

        def one(key, y, S):
            own = jnp.linalg.inv(jnp.diag(within**2) + S)
            precision = own.sum(axis=0) + jnp.diag(between**-2)
            mean = jnp.linalg.solve(precision, jnp.einsum("rij,rj->i", own, y) + between**-2 * mu)
            root = jnp.linalg.cholesky(precision)
            return mean + jax.scipy.linalg.solve_triangular(
                root.T, jax.random.normal(key, (d,)), lower=False
            )

        return jax.vmap(one)(jax.random.split(key, n_people), y, S)

    mcmc = MCMC(
        NUTS(model, target_accept_prob=0.95),
        num_warmup=n_draws,
        num_samples=n_draws,
        num_chains=n_chains,
        progress_bar=False,
    )
    mcmc.run(jax.random.key(seed))
    draws = mcmc.get_samples(group_by_chain=True)
    keys = jax.random.split(jax.random.key(seed + 1), (n_chains, n_draws))
    each = jax.vmap(jax.vmap(people_given))
    person = each(keys, draws["mu"], draws["between"], draws["within"])
    flat = np.concatenate([draws[name] for name in ("mu", "between", "within")], axis=-1)
    coordinates = [f"{kind} {name}" for kind in ("mu", "between", "within") for name in names]
    checks = diagnosed(
        xr.DataArray(flat, {"coordinate": coordinates}, ("chain", "draw", "coordinate"))
    )
    by = ("chain", "draw", "parameter")
    return xr.Dataset(
        {
            "mu": (by, low + np.asarray(draws["mu"] * scale)),
            "between": (by, np.asarray(draws["between"] * scale)),
            "within": (by, np.asarray(draws["within"] * scale)),
            "people": (("chain", "draw", "person", "parameter"), low + np.asarray(person * scale)),
        }
        | dict(checks.data_vars),
        {"parameter": list(names), "coordinate": coordinates},
        {"divergences": int(mcmc.get_extra_fields()["diverging"].sum())},
    )
