"""ArviZ's numbers are those of their formulas, and the same in each of its versions."""

from bnmfit.diagnostics import bfmi, ess, from_numpyro, mcse, psislw, rhat

from pathlib import Path

import arviz
import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
import xarray as xr
from numpyro.infer import MCMC, NUTS
from scipy.signal import lfilter
from scipy.stats import genpareto, norm, rankdata

ROOT = Path(__file__).resolve().parents[2]
IS_OLD = hasattr(arviz, "psislw")  # 0.23
RTOL = 1e-10  # of each number, between versions
PHI = 0.7  # how much of a draw goes into the next one


def chains(n=500, apart=0.3):
    rng = np.random.default_rng(3)
    moving = lfilter([1], [1, -PHI], rng.standard_normal((4, n)), axis=1)
    return moving + apart * np.arange(4)[:, None]


def split_rhat(x):
    """Of halves of chains (Gelman et al., 2013)."""
    halves = x.reshape(2 * len(x), -1)
    n = halves.shape[1]
    within, between = halves.var(axis=1, ddof=1).mean(), n * halves.mean(axis=1).var(ddof=1)
    return np.sqrt(((n - 1) / n * within + between / n) / within)


def normal_ranks(x):
    return norm.ppf((rankdata(x) - 3 / 8) / (x.size + 1 / 4)).reshape(x.shape)


def test_rhat_is_that_of_normal_ranks_and_of_their_distance_from_the_median():
    x = chains()
    folded = abs(x - np.median(x))
    expected = max(split_rhat(normal_ranks(x)), split_rhat(normal_ranks(folded)))
    np.testing.assert_allclose(rhat(x), expected, rtol=RTOL)


def test_numbers_of_chains_are_those_of_arviz_0_23():
    """As 0.23.4 gave them."""
    x = chains()
    np.testing.assert_allclose(rhat(x), 1.0315744900610464, rtol=RTOL)
    np.testing.assert_allclose(ess(x), 325.7160542838749, rtol=RTOL)
    np.testing.assert_allclose(ess(x, method="tail"), 500.39535184727856, rtol=RTOL)
    np.testing.assert_allclose(mcse(x), 0.0799805329031788, rtol=RTOL)
    np.testing.assert_allclose(mcse(x), x.std(ddof=1) / np.sqrt(ess(x, method="mean")), rtol=RTOL)


def test_ess_is_that_of_draws_that_depend_on_the_one_before():
    x = chains(n=20_000, apart=0)
    assert abs(ess(x) / (x.size * (1 - PHI) / (1 + PHI)) - 1) < 0.05


def test_what_does_not_move_has_no_rhat():
    assert np.isnan(rhat(np.ones((4, 100))))
    assert isinstance(ess(np.ones((4, 100))), float)


def test_bfmi_compares_steps_of_the_energy_with_its_spread():
    x = chains()
    expected = (np.diff(x, axis=1) ** 2).mean(axis=1) / x.var(axis=1)
    np.testing.assert_allclose(bfmi(x), expected, rtol=0.01)  # which ends of sums they leave out


@pytest.mark.parametrize("k", [0.2, 0.5, 0.8])
def test_k_hat_is_the_shape_of_the_weights_tail(k):
    weights = genpareto.rvs(k, size=100_000, random_state=0)
    smoothed, k_hat = psislw(np.log(weights))
    assert abs(k_hat - k) < 0.1
    assert np.isclose(np.exp(smoothed).sum(), 1)


def test_only_the_tail_is_smoothed_in_its_order_and_up_to_a_constant():
    log_weights = np.random.default_rng(0).standard_t(3, size=1000)
    smoothed, k_hat = psislw(log_weights)
    order = np.argsort(log_weights)
    moved = (smoothed - log_weights)[order]
    np.testing.assert_allclose(moved[:-95], moved[0], atol=1e-9)
    assert np.ptp(moved[-95:]) > 0.1
    assert np.all(np.diff(smoothed[order]) >= 0)
    again, k_again = psislw(log_weights - 1e4)
    np.testing.assert_allclose(again, smoothed, atol=1e-9)
    assert k_again == pytest.approx(k_hat)


@pytest.mark.parametrize("weights", [np.zeros(100), np.zeros(7), [0.0] * 99 + [50.0]])
def test_weights_without_a_tail_stay_and_are_not_trusted(weights):
    smoothed, k_hat = psislw(weights)
    assert k_hat == np.inf
    np.testing.assert_allclose(smoothed, weights - np.logaddexp.reduce(weights), atol=1e-12)


@pytest.mark.parametrize("size", [37, 300, 1000, 4096] if IS_OLD else [4096, 16_384])
def test_weights_are_smoothed_as_by_arviz(size):
    """By 0.23 whatever their number; by 1 where it counts the tail in the same way."""
    log_weights = 3 * np.random.default_rng(0).standard_normal(size)
    if IS_OLD:
        smoothed, k_hat = arviz.psislw(log_weights)
    else:
        from arviz_stats.base import array_stats

        smoothed, k_hat = array_stats.psislw(-log_weights)
    np.testing.assert_allclose(psislw(log_weights)[0], smoothed, atol=1e-9)
    np.testing.assert_allclose(psislw(log_weights)[1], k_hat, rtol=RTOL)


def test_a_run_of_numpyro_becomes_a_tree_with_arviz_s_names():
    def model():
        numpyro.sample("y", dist.Normal(numpyro.sample("x", dist.Normal(0, 1)), 1), obs=0.5)

    mcmc = MCMC(NUTS(model), num_warmup=20, num_samples=30, num_chains=2, progress_bar=False)
    fields = ("num_steps", "accept_prob", "diverging", "energy", "adapt_state.step_size")
    mcmc.run(jax.random.key(0), extra_fields=fields)
    tree = from_numpyro(mcmc)
    assert isinstance(tree, xr.DataTree)
    draws = mcmc.get_samples(group_by_chain=True)["x"]
    np.testing.assert_array_equal(tree["posterior"]["x"], draws)
    names = {"n_steps", "acceptance_rate", "diverging", "energy", "step_size"}
    assert names <= set(tree["sample_stats"].data_vars)
    assert "y" in tree["observed_data"]


def test_nothing_else_of_the_book_depends_on_arviz_s_version():
    users = {
        path.name
        for room in ("bnmfit", "bnmbook", "chapters", "studies", ".")
        for path in (ROOT / room).iterdir()
        if path.suffix in (".py", ".ipynb") and "import arviz" in path.read_text(encoding="utf-8")
    }
    assert users == {"diagnostics.py"}
