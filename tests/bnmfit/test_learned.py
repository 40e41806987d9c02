"""Posteriors that are learned, where the true ones are known."""

from bnmfit.learned import (
    distances_to_cloud,
    draw_summaries,
    learn,
    principal_maps,
    untrained,
    upper_p_value,
    without_row_effects,
)

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

SMALL = {"width": 12, "layers": 1}
LOW, HIGH = np.array([1.0, -np.inf]), np.array([2.0, np.inf])


@cache
def learned():
    """Learned from pairs: the first parameter is uniform, and the summaries say nothing of it.

    The second one is standard normal, and the second summary is it with noise.
    """
    rng = np.random.default_rng(0)
    parameters = np.column_stack([rng.uniform(1, 2, 3000), rng.standard_normal(3000)])
    summaries = rng.standard_normal((3000, 2))
    summaries[:, 1] = parameters[:, 1] + 0.5 * summaries[:, 1]
    return learn(parameters, summaries, LOW, HIGH, max_epochs=8, batch=128, rate=2e-2, **SMALL)


def test_a_normal_posterior_is_learned():
    posterior, losses = learned()
    assert losses["val"][-1] < losses["val"][0]
    draws = posterior.draw(jax.random.key(0), [[0.0, 1.0], [1.0, -0.5]], 1000)[..., 1]
    assert draws.shape == (2, 1000)
    # The posterior has the mean 0.8 s and the sd 0.447; 3,000 pairs teach it within a tenth.
    np.testing.assert_allclose(draws.mean(axis=1), [0.8, -0.4], atol=0.12)
    np.testing.assert_allclose(draws.std(axis=1), 0.447, rtol=0.15)


def test_a_posterior_stays_in_the_box_and_is_the_prior_where_the_data_say_nothing():
    draws = learned()[0].draw(jax.random.key(0), [[0.0, 1.0], [1.0, -0.5]], 1000)[1, :, 0]
    assert ((draws > 1) & (draws < 2)).all()
    # 3,000 pairs show the prior within 0.025, and 1,000 draws the posterior within 0.04.
    assert kstest(draws, "uniform", (1, 1)).statistic < 0.1


def test_the_density_is_normalised():
    ends = np.linspace(0, 1, 121)
    middle = (ends[1:] + ends[:-1]) / 2
    grid = np.array([1, -4]) + np.array([1, 8]) * np.stack(np.meshgrid(middle, middle), -1).reshape(
        -1, 2
    )
    log_density = learned()[0].log_density(grid, np.tile([0.4, 0.3], (len(grid), 1)))
    cell = 8 / len(grid)
    assert np.exp(log_density).sum() * cell == pytest.approx(1, abs=0.03)  # cells of 1/120


def test_stored_weights_make_the_same_posterior():
    posterior = learned()[0]
    again = untrained(2, 2, seed=5, **SMALL).with_weights(posterior.weights())
    data = [[1.2, 0.3], [0.1, 0.1]]
    draws, same = (of.draw(jax.random.key(3), data, 1000) for of in (posterior, again))
    np.testing.assert_array_equal(draws, same)
    assert posterior.weights().dtype == np.float32


@pytest.mark.parametrize(
    ("parameters", "summaries", "message"),
    [
        (np.full((5, 2), 1.5), np.zeros((4, 3)), "one row of each"),
        (np.full((5, 2), 1.5), np.full((5, 3), np.nan), "not finite"),
        (np.full((5, 2), 2.5), np.zeros((5, 3)), "not between its bounds"),
    ],
)
def test_pairs_that_cannot_be_learned_from_are_refused(parameters, summaries, message):
    with pytest.raises(ValueError, match=message):
        learn(parameters, summaries, LOW, HIGH)


class Known:
    """Recordings without memory, of a variance and a correlation that are known."""

    n_samples, study = 60, None

    def covariances(self, point, n_lags):
        at_once = point[0] * ((1 - point[1]) * jnp.eye(5) + point[1])
        return jnp.zeros((n_lags, 5, 5)).at[0].set(at_once)


def test_drawn_summaries_have_the_correlation_and_the_variance_of_their_recordings():
    maps = np.triu(np.ones((1, 5, 5)), 1) / 10  # the mean of the ten pairs
    points = np.array([[4.0, 0.0], [0.5, 0.6]])
    drawn = draw_summaries(Known(), lambda point: point, points, maps, 0, 400, n_lags=3)
    assert drawn.shape == (2, 400, 2)
    means, errors = drawn.mean(axis=1), drawn.std(axis=1) / 20
    # A sample correlation is low by r (1 - r^2) / 120, a log variance by about 1 / 60.
    assert (np.abs(means[:, 0] - points[:, 1]) < 4 * errors[:, 0] + 0.004).all()
    assert (np.abs(means[:, 1] - np.log(points[:, 0])) < 4 * errors[:, 1] + 0.04).all()
    again = draw_summaries(Known(), lambda point: point, points, maps, 0, 400, n_lags=3)
    np.testing.assert_array_equal(drawn, again)


def test_principal_maps_find_what_matrices_differ_in():
    rng = np.random.default_rng(0)
    pattern = rng.standard_normal((6, 6))
    pattern = np.triu(pattern, 1) + np.triu(pattern, 1).T
    maps = principal_maps(rng.standard_normal((9, 1, 1)) * pattern, 1)
    upper = np.triu(pattern, 1)
    assert abs((maps[0] * upper).sum()) == pytest.approx(np.linalg.norm(upper))
    assert not np.tril(maps).any()


def test_row_effects_are_taken_out():
    rng = np.random.default_rng(0)
    effects = rng.standard_normal(7)
    additive = effects[:, None] + effects
    np.fill_diagonal(additive, 0)
    np.testing.assert_allclose(without_row_effects(additive), 0, atol=1e-12)
    fc = rng.standard_normal((3, 7, 7))
    fc = fc + fc.swapaxes(1, 2)
    fc[:, np.arange(7), np.arange(7)] = 0
    left = without_row_effects(fc)
    np.testing.assert_allclose(left.sum(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(without_row_effects(fc + additive), left, atol=1e-12)


def test_what_lies_off_the_cloud_is_far_from_it_in_any_units():
    rng = np.random.default_rng(0)
    cloud, inside = rng.standard_normal((2000, 3)), rng.standard_normal((200, 3))
    mixing = rng.standard_normal((3, 3))
    null = distances_to_cloud(cloud, inside, np.eye(3))
    same = distances_to_cloud(cloud @ mixing, inside @ mixing, mixing.T @ mixing)
    np.testing.assert_allclose(null, same)
    (off,) = distances_to_cloud(cloud, [[8.0, 0, 0]], np.eye(3))
    assert upper_p_value(off, null) == pytest.approx(1 / 201)
    assert upper_p_value(np.median(null), null) == pytest.approx(0.5, abs=0.02)
