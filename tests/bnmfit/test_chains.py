"""Chains in round coordinates, on posteriors that are known in closed form."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.chains import (
    adapt_and_sample,
    climb,
    climb_by_information,
    diagnosed,
    sample_rounded,
)

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

# Five dimensions, widths from 0.001 to 1, in directions that are no coordinates.
ROTATION = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
SCALES = np.array([1e6, 1e4, 100.0, 1.0, 1.0])
PRECISION = ROTATION @ np.diag(SCALES) @ ROTATION.T
MEAN = np.arange(5.0)


def normal(x):
    return -(x - MEAN) @ jnp.asarray(PRECISION) @ (x - MEAN) / 2


def test_a_climb_ends_on_top():
    tops, heights, n = climb(normal, MEAN + np.eye(5)[:2])
    np.testing.assert_allclose(tops, np.array([MEAN, MEAN]), atol=0.02)
    assert (heights > -1e-3).all()
    assert n > 2


def test_what_is_held_does_not_climb():
    start = MEAN + 0.5
    (top,), _, _ = climb(normal, [start], held=[1, 3])
    np.testing.assert_array_equal(top[[1, 3]], start[[1, 3]])
    given = [0, 2, 4]  # the best of the others, given the held
    off = np.linalg.solve(PRECISION[np.ix_(given, given)], PRECISION[np.ix_(given, [1, 3])])
    np.testing.assert_allclose(top[given], MEAN[given] - off @ [0.5, 0.5], atol=0.02)


def test_scoring_climbs_a_normal_posterior_in_one_step_and_others_in_few():
    top, height, n = climb_by_information(normal, lambda x: PRECISION, MEAN + 3.0)
    np.testing.assert_allclose(top, MEAN, atol=1e-6)
    assert height == pytest.approx(0, abs=1e-6)
    assert n <= 13  # a step, and one of no length that may be halved

    def flat(x):  # whose full steps go far beyond the top
        return -jnp.log(jnp.cosh(3 * x)).sum()

    up = jax.jit(lambda x: climb_by_information(flat, lambda x: jnp.eye(2), x, 60))
    top, _, n = up(np.array([2.5, -2.0]))
    np.testing.assert_allclose(top, 0, atol=0.01)
    walled = lambda x: jnp.where(x[0] < 1, -((x[0] - 0.5) ** 2), jnp.nan)  # noqa: E731
    top, _, n = climb_by_information(walled, lambda x: np.eye(1), [-3.0])
    assert top[0] == pytest.approx(0.5, abs=1e-2)
    assert n > 3


def test_a_climb_turns_back_where_there_is_no_density():
    walled = lambda x: jnp.where(x[0] < 1, -((x[0] - 0.5) ** 2), jnp.nan)  # noqa: E731
    (top,), _, _ = climb(walled, [[-3.0]])
    assert top[0] == pytest.approx(0.5, abs=1e-3)


@pytest.fixture(scope="module")
def tree():
    starts = np.random.default_rng(1).standard_normal((4, 5))
    information = jax.jit(lambda x: jnp.asarray(PRECISION))
    return adapt_and_sample(normal, information, starts, 60, 500, 3, list("abcde"))


def test_chains_find_a_posterior_whose_widths_differ_a_thousandfold(tree):
    draws = tree["posterior"]["x"]
    along = (draws.values.reshape(-1, 5) - MEAN) @ ROTATION * np.sqrt(SCALES)
    # 2,000 draws, nearly independent: means within 5 errors of 0.022, sds within 5 of 0.016
    np.testing.assert_allclose(along.mean(axis=0), 0, atol=0.12)
    np.testing.assert_allclose(along.std(axis=0), 1, atol=0.08)
    found = diagnosed(draws)
    assert (found["rhat"] < 1.02).all()
    assert (found[["bulk", "tail"]].to_array() > 400).all()
    assert list(found["coordinate"].values) == list("abcde")


def test_a_run_says_what_it_took(tree):
    stats = tree["sample_stats"]
    assert stats["n_steps"].sizes == {"chain": 4, "draw": 500}
    assert tree.attrs["gradients"] > int(stats["n_steps"].sum())
    assert not stats["diverging"].any()
    assert (stats["step_size"] > 0.3).all()  # round coordinates take long steps
    np.testing.assert_allclose(tree["metric"]["precision"], PRECISION)


def test_a_metric_is_taken_where_the_mass_is_and_not_where_the_top_is():
    """A narrow peak of little mass on a wide hill: the metric at the end is that of the hill."""

    def density(x):
        hill, peak = -(x @ x) / 2, 6 - 1e4 * (x @ x) / 2
        return jnp.logaddexp(hill, peak)

    information = jax.jit(lambda x: -jax.hessian(density)(x) + 1e-6 * jnp.eye(5))
    careful = lambda x: np.diag(np.maximum(np.diag(np.asarray(information(x))), 0.1))  # noqa: E731
    tree = adapt_and_sample(density, careful, np.full((4, 5), 1e-4), 80, 100, 0)
    assert np.diag(tree["metric"]["precision"].values).max() < 10
    assert tree["posterior"]["x"].values.std() == pytest.approx(1, abs=0.2)


def test_a_known_slope_saves_gradients_and_changes_no_posterior():
    """The force of a normal distribution, the draws of one with a heavier tail on one side."""

    def skewed(x):
        y = jnp.asarray(ROTATION.T) @ (x - MEAN) * np.sqrt(SCALES)
        return -(y @ y) / 2 + jax.scipy.stats.norm.logcdf(2 * y[4])

    starts = MEAN + np.random.default_rng(2).standard_normal((4, 5))
    tree = sample_rounded(skewed, starts, PRECISION, 100, 500, 1, top=MEAN)
    assert tree.attrs["gradients"] == 0
    along = (tree["posterior"]["x"].values.reshape(-1, 5) - MEAN) @ ROTATION * np.sqrt(SCALES)
    # a skew-normal distribution with shape 2: mean 2 / sqrt(5) sqrt(2 / pi)
    assert along[:, 4].mean() == pytest.approx(np.sqrt(8 / 5 / np.pi), abs=0.1)
    np.testing.assert_allclose(along[:, :4].mean(axis=0), 0, atol=0.15)
    np.testing.assert_allclose(along[:, :4].std(axis=0), 1, atol=0.1)


def test_one_chain_runs_too():
    tree = sample_rounded(normal, [MEAN], PRECISION, 20, 30, 0)
    assert tree["posterior"]["x"].sizes == {"chain": 1, "draw": 30, "coordinate": 5}


def test_a_coordinate_that_does_not_move_is_no_good():
    x = np.random.default_rng(0).standard_normal((4, 200, 2))
    x[..., 1] = 1.0
    draws = xr.DataArray(x, dims=("chain", "draw", "coordinate"))
    found = diagnosed(draws.assign_coords(coordinate=["moves", "stays"]))
    assert found["rhat"].values[0] < 1.03
    assert np.isinf(found["rhat"].values[1])
    assert found["bulk"].values[1] == found["tail"].values[1] == 0
