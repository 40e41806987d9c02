"""Samplers, guides and grids, on posteriors that are known in closed form."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.diagnostics import psislw, rhat
from bnmfit.posteriors import (
    fit_guide,
    has_settled,
    k_hat_limit,
    prior_shape,
    refined_grid,
    sample_chains,
    summarise,
)

import arviz
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer import MCMC, NUTS
from numpyro.infer.autoguide import AutoBNAFNormal, AutoMultivariateNormal

# y = (G + w, G - w) + noise with sd 0.05, and a prior that is flat there
DATA = jnp.array([0.6, 0.1])
MEAN, SD = (0.35, 0.25), 0.05 / np.sqrt(2)


def toy_model():
    G = numpyro.sample("G", dist.Uniform(0.001, 0.7))
    w = numpyro.sample("w", dist.Uniform(0.001, 0.7))
    numpyro.sample("fc", dist.Normal(jnp.stack([G + w, G - w]), 0.05), obs=DATA)


@pytest.fixture(scope="module")
def chains():
    mcmc = MCMC(NUTS(toy_model), num_warmup=200, num_samples=500, num_chains=4, progress_bar=False)
    return sample_chains(mcmc, seed=0)


def test_chains_have_the_groups_that_arviz_expects(chains, tmp_path):
    chains.to_netcdf(tmp_path / "chains.nc", engine="h5netcdf")
    read = arviz.from_netcdf(tmp_path / "chains.nc", engine="h5netcdf")
    expected = {"posterior", "sample_stats", "warmup_sample_stats", "observed_data"}
    assert all(len(read[group].data_vars) for group in expected | {"log_likelihood"})
    assert all(float(rhat(read["posterior"][name].values)) < 1.01 for name in "Gw")
    assert list(arviz.summary(read).index) == ["G", "w"]
    assert read["posterior"].sizes == {"chain": 4, "draw": 500}


def test_chains_follow_the_posterior(chains):
    posterior = chains["posterior"].to_dataset()
    for name, mean in zip("Gw", MEAN, strict=True):
        # four standard errors of the mean, with at least 800 effective draws
        assert abs(posterior[name].mean() - mean) < 4 * SD / np.sqrt(800)
        assert abs(posterior[name].std() / SD - 1) < 0.1


def test_chains_say_what_they_cost(chains):
    steps = [chains[group]["n_steps"].sum() for group in ("warmup_sample_stats", "sample_stats")]
    assert chains.attrs["gradients"] == sum(map(int, steps))
    assert chains.attrs["simulations"] == 4 * 500


def test_log_likelihood_is_that_of_the_draws(chains):
    G, w = (chains["posterior"][name].values for name in "Gw")
    fc = np.stack([G + w, G - w], -1)
    expected = dist.Normal(fc, 0.05).log_prob(DATA).sum(axis=-1)
    np.testing.assert_allclose(chains["log_likelihood"]["fc"], expected, atol=1e-9)


def test_chains_show_no_bar_where_bars_are_switched_off(monkeypatch):
    monkeypatch.setattr("bnmfit.posteriors.shows_bars", lambda: False)
    mcmc = MCMC(NUTS(toy_model), num_warmup=2, num_samples=2, num_chains=2, progress_bar=True)
    sample_chains(mcmc, seed=0)
    assert not mcmc.progress_bar


def test_a_normal_guide_fits_a_normal_posterior():
    guide = AutoMultivariateNormal(toy_model)
    fit = fit_guide(toy_model, guide, 0.01, 1500, n_draws=2000, seed=0)
    posterior = fit["posterior"].to_dataset()
    for name, mean in zip("Gw", MEAN, strict=True):
        assert abs(posterior[name].mean() - mean) < SD / 3
        assert abs(posterior[name].std() / SD - 1) < 0.2
    assert psislw(fit["importance"]["log_weight"].values)[1] < 0.7
    assert fit.attrs == {"simulations": 1000, "gradients": 1500, "seed": 0}
    assert fit["optimisation"]["elbo"].sizes == {"step": 1500}


def test_a_guide_is_fitted_until_its_elbo_settles():
    guide = AutoMultivariateNormal(toy_model)
    fit = fit_guide(toy_model, guide, 0.02, 20_000, n_draws=10, seed=0, block=500)
    elbo = fit["optimisation"]["elbo"].values
    assert fit.attrs["gradients"] == len(elbo) < 20_000
    assert has_settled(elbo, 500)
    assert not any(has_settled(elbo[:n], 500) for n in range(500, len(elbo), 500))


def test_an_elbo_that_rises_beyond_its_error_has_not_settled():
    noise = np.random.default_rng(0).standard_normal(1000)
    assert not has_settled(noise + np.arange(1000) / 1000, 500)
    assert has_settled(noise - np.arange(1000) / 1000, 500)
    assert not has_settled(np.zeros(999), 500)
    assert has_settled(np.where(noise > 2, np.nan, noise), 500)


def test_steps_without_a_density_change_nothing():
    def walled():
        G = numpyro.sample("G", dist.Normal(0, 1))
        numpyro.factor("wall", jnp.where(G < 2.5, 0.0, jnp.nan))

    fit = fit_guide(walled, AutoMultivariateNormal(walled), 0.02, 2000, 10, seed=0, n_weights=2)
    elbo = fit["optimisation"]["elbo"]
    assert 0 < elbo.isnull().sum() < 200
    assert np.isfinite(fit["posterior"]["G"]).all()


@pytest.mark.parametrize(("n", "limit"), [(100, 0.5), (1000, 2 / 3), (10**5, 0.7)])
def test_the_limit_of_k_hat_depends_on_the_number_of_weights(n, limit):
    assert k_hat_limit(n) == pytest.approx(limit)


def test_importance_weights_average_to_the_evidence():
    fit = fit_guide(
        toy_model, AutoBNAFNormal(toy_model, num_flows=1), 0.01, 1000, n_draws=10, seed=1
    )
    log_weight = fit["importance"]["log_weight"].values
    evidence = np.exp(log_weight).mean()
    # the likelihood is normalised in y; its integral over (G, w) is 1 / |det| = 1/2
    assert abs(evidence / (0.5 / 0.699**2) - 1) < 0.1


def test_refined_grid_finds_a_narrow_peak_at_an_edge():
    rate, sd = 6000.0, 2e-4

    def log_density(points):
        return -rate * (points[:, 1] - 0.001) - 0.5 * (points[:, 0] / sd) ** 2

    grid = refined_grid(log_density, (-0.4, 0.001), (0.6, 0.7), ("x", "w"))
    mean, spread = grid["mean"].values[-1], grid["sd"].values[-1]
    np.testing.assert_allclose(mean, [0, 0.001 + 1 / rate], atol=0.02 / rate)
    np.testing.assert_allclose(spread, [sd, 1 / rate], rtol=0.02)
    assert np.isclose(grid["mass"].sum(), 1)
    assert np.isclose(grid["area"].sum(), 0.699)  # the cells still tile the whole


def test_refined_grid_leaves_out_what_is_impossible():
    def log_density(points):
        return np.where(points.sum(axis=1) < 1, 0.0, -np.inf)  # uniform on a triangle

    grid = refined_grid(log_density, (0, 0), (1, 1), ("x", "w"), n_grid=64)
    np.testing.assert_allclose(grid["mean"][-1], 1 / 3, rtol=0.02)


def test_refined_grid_says_when_it_has_not_settled():
    with pytest.raises(RuntimeError, match="not settled after 3"):
        refined_grid(
            lambda points: -1e9 * points[:, 0] ** 2, (-1, 0), (1.3, 1), ("x", "w"), max_levels=3
        )


def test_summarise_knows_mean_spread_and_distance():
    rng = np.random.default_rng(0)
    G, w = rng.multivariate_normal([0.3, 0.2], [[0.04, 0.03], [0.03, 0.09]], 40_000).T
    row = summarise(G, w, reference=(G + 0.1, w, None))
    assert abs(row["mean G"] - 0.3) < 0.01
    assert abs(row["sd w"] - 0.3) < 0.01
    assert abs(row["correlation"] - 0.5) < 0.02
    assert abs(row["distance"] - 0.5) < 0.01  # a shift by half a standard deviation of G
    weighted = summarise(np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.array([0.25, 0.75]))
    assert weighted["mean w"] == 1.5
    assert np.isclose(weighted["correlation"], 1)


@pytest.mark.parametrize(
    ("name", "mean", "sd"), [("uniform", 0.5, 0.231), ("weak", 0.5, 0.176), ("strong", 0.65, 0.05)]
)
def test_prior_shapes_stretch_to_their_interval(name, mean, sd):
    draws = prior_shape(name, 2.0, 4.0).sample(jax.random.key(0), (20_000,))
    assert 2 < draws.min() < draws.max() < 4
    assert abs(draws.mean() - (2 + 2 * mean)) < 0.01
    assert abs(draws.std() - 2 * sd) < 0.01


def test_prior_shape_refuses_another_name():
    with pytest.raises(ValueError, match=r"'flat' is no prior shape: take uniform, weak or strong"):
        prior_shape("flat")
