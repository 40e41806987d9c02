"""Ranks of the truth in posteriors whose calibration is known."""

from bnmfit.coverage import (
    deviation_from_uniform,
    held_by,
    ranks_among,
    ranks_of_distances,
    uniform_band,
    uniform_p_value,
)

import numpy as np
import pytest

LEVELS = np.linspace(0, 1, 51)


def posteriors(width, shift=0.0, n_data=1000, n_draws=99):
    """Draws of a normal posterior, as wide as it should be times `width`, and the truths."""
    rng = np.random.default_rng(0)
    truths = rng.uniform(-1, 1, (n_data, 2))
    centres = truths + 0.01 * rng.standard_normal((n_data, 2))
    noise = rng.standard_normal((n_data, n_draws, 2))
    draws = centres[:, None] + 0.01 * (shift + width * noise)
    return draws, truths


def test_intervals_hold_the_truth_between_their_ends():
    np.testing.assert_array_equal(held_by([0.05, 0.2, 0.5, 0.95]), [False, True, True, False])
    np.testing.assert_array_equal(held_by([0.2, 0.5], share=0.5), [False, True])


def test_the_band_holds_the_whole_ecdf_in_its_share_of_the_cases():
    low, high = uniform_band(60, LEVELS)
    ranks = np.random.default_rng(3).uniform(size=(2000, 60))  # others than it was made from
    ecdf = (ranks[..., None] <= LEVELS).mean(axis=1)
    inside = ((low <= ecdf) & (ecdf <= high)).all(axis=1).mean()
    assert inside == pytest.approx(0.95, abs=0.025)
    assert (low <= LEVELS).all()
    assert (high >= LEVELS).all()


def test_ranks_are_uniform_for_posteriors_of_the_right_width():
    ranks = ranks_among(*posteriors(1.0))
    assert ranks.shape == (1000, 2)
    assert min(uniform_p_value(of, LEVELS) for of in ranks.T) > 0.05
    assert uniform_p_value(ranks_of_distances(*posteriors(1.0)), LEVELS) > 0.05
    assert np.abs(deviation_from_uniform(ranks, LEVELS)).max() < 0.06


@pytest.mark.parametrize(("width", "shift"), [(0.6, 0.0), (1.7, 0.0), (1.0, 0.5)])
def test_ranks_betray_posteriors_of_another_width_or_place(width, shift):
    draws, truths = posteriors(width, shift)
    assert uniform_p_value(ranks_among(draws, truths)[:, 0], LEVELS) < 0.01
    if not shift:  # which random points on all sides average out
        assert uniform_p_value(ranks_of_distances(draws, truths), LEVELS) < 0.01


def test_the_p_value_is_small_exactly_where_the_band_is_left():
    low, high = uniform_band(200, LEVELS)
    rng = np.random.default_rng(1)
    for power in (1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4):
        ranks = rng.uniform(size=200) ** power
        ecdf = deviation_from_uniform(ranks, LEVELS) + LEVELS
        left = bool(((ecdf < low - 1e-12) | (ecdf > high + 1e-12)).any())
        assert (uniform_p_value(ranks, LEVELS) < 0.05) == left
