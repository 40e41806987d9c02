"""Discrepancies against dense covariances and known answers, and grids that find a peak."""

from bnmfit.discrepancy import Discrepancy, mixture_scores, refined_cells

import numpy as np
import pytest
from scipy.stats import kstest, multivariate_t, norm

N = 7
UPPER = np.triu_indices(N, 1)
N_PAIRS = UPPER[0].size
RATIOS = np.array([0.0, 0.4, 1.5])
KINDS = [(0.0, (0.0,)), (2.0, (0.0,)), (0.0, RATIOS), (2.0, RATIOS)]
rng = np.random.default_rng(0)
R = 0.1 * rng.standard_normal((4, N_PAIRS)) + 0.05


def mask(share=0.3, seed=1):
    hidden = np.zeros((N, N), bool)
    hidden[UPPER] = np.random.default_rng(seed).random(N_PAIRS) < share
    return ~(hidden | hidden.T)


def covariance(offset, ratio):
    """Of all pairs, in units of s^2, entry by entry from its definition."""
    C = np.eye(N_PAIRS) + offset**2
    pairs = list(zip(*UPPER, strict=True))
    for k, p in enumerate(pairs):
        for m, q in enumerate(pairs):
            C[k, m] += ratio**2 * len(set(p) & set(q))
    return C


@pytest.mark.parametrize("known", [np.ones((N, N), bool), mask()], ids=["all", "some"])
@pytest.mark.parametrize(("offset", "ratios"), KINDS)
def test_the_likelihood_is_that_of_the_dense_covariance(known, offset, ratios):
    of = Discrepancy(known, offset, ratios, shape=1.5, scale=0.02)
    found = of.log_likelihood(*of.reduced(R))
    some = known[UPPER]
    for k, ratio in enumerate(ratios):
        C = covariance(offset, ratio)[np.ix_(some, some)]
        # Normal with an inverse gamma variance: a multivariate t.
        t = multivariate_t(np.zeros(len(C)), 0.02 / 1.5 * C, df=3)
        assert np.allclose(found[:, k], t.logpdf(R[:, some]), rtol=1e-9)  # rounding


@pytest.mark.parametrize(("offset", "ratios"), KINDS)
def test_hidden_pairs_are_predicted_as_conditional_normals(offset, ratios):
    known = mask()
    of, some = Discrepancy(known, offset, ratios), known[UPPER]
    for k, ratio in enumerate(ratios):
        C = covariance(offset, ratio)
        mean, sd = of.predict(R, np.full(4, k), np.full(4, 0.3))
        weights = np.linalg.solve(C[np.ix_(some, some)], C[some][:, ~some])
        left = C[np.ix_(~some, ~some)] - C[~some][:, some] @ weights
        assert np.allclose(mean[:, ~some], R[:, some] @ weights, atol=1e-12)
        assert np.allclose(sd[:, ~some], 0.3 * np.sqrt(np.diag(left)), rtol=1e-9)


def test_hidden_residuals_do_not_count():
    known = mask()
    of, other = Discrepancy(known, 2.0, RATIOS), R.copy()
    other[:, ~known[UPPER]] = 99.0
    assert np.array_equal(of.marginal(*of.reduced(R)), of.marginal(*of.reduced(other)))
    for a, b in zip(
        of.predict(R, [1] * 4, [1] * 4), of.predict(other, [1] * 4, [1] * 4), strict=True
    ):
        assert np.array_equal(a, b)


def test_sums_are_linear():
    of = Discrepancy(mask(), 1.0, RATIOS)
    sums = [of.reduced(x)[1] for x in (R[:2], R[2:], R[:2] - R[2:])]
    assert np.allclose(sums[0] - sums[1], sums[2], atol=1e-14)


def test_draws_have_the_covariance_that_the_likelihood_assumes():
    of = Discrepancy(np.ones((N, N), bool), 1.0, (0.7,))
    draws = of.draw(np.random.default_rng(1), np.full(40_000, 0.7), np.full(40_000, 2.0))
    C = 4 * covariance(1.0, 0.7)
    # An entry's standard error is at most sqrt(2) * 11.9 / sqrt(40,000) = 0.084.
    assert np.abs(np.cov(draws.T) - C).max() < 5 * 0.084
    assert np.abs(draws.mean(axis=0)).max() < 5 * np.sqrt(C.max() / 40_000)


def test_draws_with_a_given_offset_have_it():
    of = Discrepancy(np.ones((N, N), bool), 5.0, RATIOS)
    draws = of.draw(np.random.default_rng(1), np.zeros(3), np.full(3, 1e-6), [0.1, 0.2, -0.3])
    assert np.allclose(draws, np.array([[0.1], [0.2], [-0.3]]), atol=1e-5)  # ten sd


def test_ranks_of_truths_from_the_prior_are_uniform():
    """Rows of a table, a ratio and an s, drawn from their prior and found again."""
    of, stream = Discrepancy(np.ones((N, N), bool), 1.0, RATIOS[1:]), np.random.default_rng(2)
    table = np.linspace(-0.3, 0.3, 41)[:, None] * stream.standard_normal(N_PAIRS)
    ranks = []
    for _ in range(300):
        row, k, s = stream.integers(41), stream.integers(2), of.draw_sd(stream, 1)
        data = table[row] + of.draw(stream, of.ratios[[k]], s)[0]
        rows, ratio, sd = of.draw_posterior(stream, data - table, np.zeros(41), 99)
        jitter = stream.random()
        ranks.append(
            [
                ((rows < row).sum() + jitter * (1 + (rows == row).sum())) / 100,
                ((ratio < k).sum() + jitter * (1 + (ratio == k).sum())) / 100,
                ((sd < s).sum() + jitter) / 100,
            ]
        )
    assert all(kstest(of_one, "uniform").pvalue > 0.001 for of_one in np.transpose(ranks))


@pytest.mark.parametrize(
    ("known", "options", "words"),
    [
        (np.ones((3, 4)), {}, "symmetric"),
        (np.triu(np.ones((3, 3))), {}, "symmetric"),
        (np.eye(3), {}, "No pair"),
        (np.ones((3, 3)), {"offset": -1.0}, "below zero"),
        (np.ones((3, 3)), {"ratios": ()}, "at least one"),
    ],
)
def test_what_makes_no_sense_is_refused(known, options, words):
    with pytest.raises(ValueError, match=words):
        Discrepancy(known, **options)


def test_one_grid_finds_two_peaks_and_a_hole():
    """A narrow and a wide normal density, with no rows in one corner of the box."""
    peaks, widths = np.array([[0.21, 0.83], [0.7, 0.3]]), np.array([0.003, 0.08])

    def evaluate(points):
        return np.where((points > 0.9).all(axis=1)[:, None], np.nan, points)

    def log_densities(rows):
        return -((rows[:, None] - peaks) ** 2).sum(axis=-1) / 2 / widths**2

    points, sizes, rows, densities = refined_cells(
        evaluate, log_densities, (0, 0), (1, 1), (16, 16)
    )
    assert sizes.prod(axis=1).sum() == pytest.approx(1)  # the cells fill the box
    hole = (points > 0.9).all(axis=1)
    assert hole.any()
    assert np.isinf(densities[hole]).all()
    assert np.isnan(rows[hole]).all()
    mass = np.exp(densities) * sizes.prod(axis=1)[:, None]
    mass /= mass.sum(axis=0)
    for k in range(2):
        mean = mass[:, k] @ points
        sd = np.sqrt(mass[:, k] @ (points - mean) ** 2)
        assert np.abs(mean - peaks[k]).max() < 0.05 * widths[k]
        assert np.abs(sd / widths[k] - 1).max() < 0.05  # cells are a fraction of a width


def test_a_grid_that_cannot_be_fine_enough_says_so():
    with pytest.raises(RuntimeError, match="not small enough"):
        refined_cells(
            lambda points: points, lambda rows: -(1e9 * rows**2), [-1], [1], [4], max_levels=3
        )


def test_a_box_without_a_row_is_refused():
    with pytest.raises(ValueError, match="another box"):
        refined_cells(lambda points: np.nan * points, lambda rows: rows, [-1], [1], [4])


def test_mixtures_are_scored():
    values = np.array([0.3, -1.0])
    means, sds = np.array([[0.0, 0.0], [1.0, -1.0]]), np.array([[1.0, 2.0], [0.5, 0.1]])
    log_density, mean, rank = mixture_scores(values, means, sds)
    assert np.allclose(np.exp(log_density), norm.pdf(values, means, sds).mean(axis=0))
    assert np.allclose(mean, [0.5, -0.5])
    assert np.allclose(rank, norm.cdf(values, means, sds).mean(axis=0))
