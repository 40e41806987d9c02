"""Effective numbers of entries, and the grids that they are calibrated on."""

from bnmfit.calibration import (
    candidate_numbers,
    effective_number,
    knots_across,
    knots_along,
    largest_that_covers,
    traces_of,
)
from bnmfit.valley import Valley

import numpy as np
import pytest

VALLEY = Valley(0.382, -0.373, 0.011, -0.012, (0.001, 0.001), (0.7, 0.7))


def test_the_corrected_number_does_not_depend_on_how_often_one_drew():
    rng = np.random.default_rng(0)
    scale = np.sqrt(np.r_[np.full(20, 5.0), np.full(180, 0.5)])
    expected = np.sum(scale**2) ** 2 / np.sum(scale**4)
    for m in (50, 400):
        traces = np.mean([traces_of(scale * rng.standard_normal((m, 200))) for _ in range(20)], 0)
        assert effective_number(*traces, m) == pytest.approx(expected, rel=0.06)
    assert effective_number(*traces, m, correct=False) < 0.95 * expected


def test_traces_are_those_of_the_covariance():
    samples = np.random.default_rng(1).standard_normal((30, 7))
    C = np.cov(samples.T)
    np.testing.assert_allclose(traces_of(samples), (np.trace(C), np.trace(C @ C)))


@pytest.mark.parametrize("n_pairs", [3, 190, 3486, 79_800])
def test_candidates_end_with_all_pairs(n_pairs):
    numbers = candidate_numbers(n_pairs)
    assert numbers[-1] == n_pairs
    assert list(numbers) == sorted(set(numbers))


def test_the_largest_number_that_covers_is_chosen():
    assert largest_that_covers({10: 0.9, 70: 0.81, 500: 0.5}, 0.8) == 70
    with pytest.raises(ValueError, match="No effective number of entries covers 80 %"):
        largest_that_covers({10: 0.7, 20: 0.6}, 0.8)


@pytest.mark.parametrize("valley", [VALLEY, Valley(1.2, -0.8, 0.04, 0, (0, 0), (2.0, 1.0))])
def test_knots_reach_from_end_to_end_of_the_box(valley):
    x, w = knots_across(valley), knots_along(valley)
    assert (np.diff(x) > 0).all()
    assert (np.diff(w) > 0).all()
    assert (x[0], x[-1]) == valley.span
    assert (w[0], w[-1]) == (valley.low[1], valley.high[1])
    core = x[np.abs(x) < 3 * valley.unit]
    assert np.diff(core).max() <= valley.unit / 7
