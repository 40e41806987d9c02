"""Effective numbers of entries, and the grids that they are calibrated on."""

from bnmfit.calibration import (
    PosteriorGrid,
    candidate_numbers,
    effective_number,
    groups_of,
    knots_across,
    knots_along,
    largest_that_covers,
    resampled_numbers,
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


@pytest.fixture(scope="module")
def grid():
    return PosteriorGrid(VALLEY, knots_across(VALLEY), knots_along(VALLEY))


def test_a_posterior_grid_covers_the_box(grid):
    widths = np.subtract(VALLEY.high, VALLEY.low)
    cell = widths[1] / grid.x.shape[1]
    assert grid.area.sum() * cell == pytest.approx(widths.prod(), rel=0.01)
    outside = (VALLEY.low[0] > grid.G) | (VALLEY.high[0] < grid.G)
    assert (grid.area[outside] == 0).all()


def test_its_posteriors_have_known_moments(grid):
    """A power of a Lorentzian in x is Student's t; nothing depends on w."""
    n, scale = 30, 0.01
    coarse = 1 + (knots_across(VALLEY)[:, None] / scale) ** 2 + 0 * knots_along(VALLEY)
    mass = grid.mass(grid.log_of(coarse), n)
    assert mass.sum() == pytest.approx(1)
    sd = scale / np.sqrt(n - 1) * np.sqrt((n - 1) / (n - 3))  # t with n - 1 degrees of freedom
    assert np.sum(mass * grid.x**2) ** 0.5 == pytest.approx(sd, rel=0.05)
    mean, low, high = grid.moments(mass, grid.x)
    assert mean == pytest.approx(0, abs=sd / 20)
    assert (low, high) == pytest.approx((-1.28 * sd, 1.28 * sd), rel=0.12)
    middle = np.mean([VALLEY.low[1], VALLEY.high[1]])
    assert grid.ranks(mass, 0.0, middle) == pytest.approx((0.5, 0.5), abs=0.06)


def test_a_prior_takes_away_what_it_excludes(grid):
    mass = grid.mass(np.zeros_like(grid.x), 10, prior=grid.x > 0)
    assert mass[grid.x <= 0].sum() == 0
    assert mass.sum() == pytest.approx(1)


def test_resampled_numbers_spread_around_the_one_chosen():
    data = np.arange(400)[:, None]
    holds = {n: (data % 20 < k).repeat(2, axis=1) for n, k in {10: 19, 70: 16, 500: 6}.items()}
    numbers = resampled_numbers(holds, 0.8, n_resamples=200)
    assert set(numbers) == {10, 70}
    assert 0.2 < np.mean(numbers == 70) < 0.8
    never = {10: np.zeros((20, 2), bool), 20: np.zeros((20, 2), bool)}
    assert (resampled_numbers(never, 0.8, n_resamples=3) == 10).all()


def test_groups_share_the_data_out():
    groups = groups_of(12)
    assert list(groups) == ["anywhere", "tuning", "validation"]
    assert np.sum(list(groups.values()), axis=0).tolist() == [1] * 12
    assert [int(of.sum()) for of in groups.values()] == [6, 3, 3]
