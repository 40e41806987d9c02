"""Known likelihoods agree with what they are built from, and lines find a known posterior."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.likelihoods import (
    LEVELS,
    coefficients_of,
    divergence_of,
    draw_from_lines,
    draw_sigma,
    information_without_gains,
    line_of,
    log_sigma_integral,
    number_of,
    refined_nodes,
    scatter_of_covariances,
    shares_of,
    smooth_between,
    squares_of,
    whitening,
)
from bnmfit.recordings import (
    draw_bold,
    expected_periodogram,
    whittle_information,
    whittle_log_likelihood,
)

from functools import cache

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

N_REGIONS, N_LAGS = 4, 6


@cache
def covariances():
    """Of a moving average of noise, whose covariance ends after 5 samples."""
    rng = np.random.default_rng(1)
    fading = 0.5 ** np.arange(N_LAGS)[:, None, None]
    B = fading * (np.eye(N_REGIONS) + 0.3 * rng.normal(size=(N_LAGS, N_REGIONS, N_REGIONS)))
    lagged = [np.einsum("kij,klj->il", B[m:], B[: N_LAGS - m]) for m in range(N_LAGS)]
    return np.array(lagged)


@pytest.mark.parametrize("n_samples", [29, 30])  # with and without a real coefficient at the end
def test_sigma_separates_from_whittles_likelihood(n_samples):
    C = covariances()
    bold = np.random.default_rng(0).normal(size=(3, n_samples, N_REGIONS))  # whatever it is
    inverse, logs = whitening(expected_periodogram(C, n_samples))
    F = coefficients_of(bold)
    shares = shares_of(n_samples)
    constants = []
    Q = squares_of(inverse, shares, np.concatenate([F.real, F.imag], axis=1).astype("float32"))
    for sigma in (0.3, 1.0, 2.0):
        N = number_of(n_samples, N_REGIONS)
        ours = -N * np.log(sigma) - shares @ logs - np.asarray(Q) / sigma**2
        whole = np.array([whittle_log_likelihood(sigma**2 * C, one) for one in bold])
        constants.append(whole - np.asarray(ours))
    # Squares are in single precision, and up to N / 2 / 0.3^2.
    assert np.ptp(constants) < 1e-5 * N / 0.3**2


def test_sigma_is_integrated_and_drawn_as_its_density_says():
    N, Q, low, high = (
        40,
        np.array([6.0, 20.0, 400.0]),
        0.3,
        2.0,
    )  # the last one wants more than high
    for q, value in zip(Q, log_sigma_integral(Q, N, low, high), strict=True):
        top = max(-N * np.log(s) - q / s**2 for s in np.linspace(low, high, 500))
        area, _ = quad(lambda s, q=q, top=top: np.exp(-N * np.log(s) - q / s**2 - top), low, high)
        assert value == pytest.approx(np.log(area / (high - low)) + top, abs=1e-6)
    uniform = (np.arange(2000) + 0.5) / 2000
    for q in Q:
        drawn = draw_sigma(np.full(2000, q), N, low, high, uniform)
        assert low <= drawn.min()
        assert drawn.max() <= high
        s = np.linspace(low, high, 20_001)
        density = np.exp(-N * np.log(s) - q / s**2 - (-N * np.log(s) - q / s**2).max())
        below = np.cumsum(density) / density.sum()
        # Evenly spread uniform numbers: as near to the density as its table of 20,001 rows.
        assert kstest(drawn, lambda x, s=s, below=below: np.interp(x, s, below)).statistic < 0.005


def test_sample_covariances_scatter_as_they_should():
    n = 10_000
    bold = np.asarray(draw_bold(jax.random.key(3), covariances(), n, 30))
    row, column = np.triu_indices(N_REGIONS)
    seen = (bold.swapaxes(1, 2) @ bold / 30)[:, row, column]
    expected = scatter_of_covariances(covariances(), 30)
    apart = np.cov(seen.T) - expected
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs(apart / scale).max() < 6 / np.sqrt(n) * 1.5  # 100 entries, tails above normal


def test_information_does_without_gains():
    C = covariances()
    K, shares = expected_periodogram(C, 30), shares_of(30)
    scaled = information_without_gains(K, 2 * K[None], shares)  # by log sigma
    assert abs(float(scaled[0, 0])) < 1e-8  # a gain of all regions is a gain of each
    lagged = C * np.array([0, 1, 1, 1, 1, 1])[:, None, None]
    full = jax.jit(lambda x: whittle_information(lambda x: C + x * lagged, 30, x))(np.zeros(1))
    scaled = information_without_gains(K, expected_periodogram(lagged, 30)[None], shares)
    assert 0 < scaled[0, 0] < full[0, 0]


def test_divergence_is_that_of_a_small_step_and_blind_to_scale():
    shares = shares_of(30)

    def of(C):
        K = np.asarray(expected_periodogram(C, 30))
        return K, np.linalg.inv(K)

    C = covariances()
    D = C * np.array([0, 1, 1, 1, 1, 1])[:, None, None]
    assert divergence_of(*of(C), *of(4 * C), shares) == pytest.approx(0, abs=1e-9)
    own = jax.jit(lambda x: whittle_information(lambda x: (1 + 2 * x[1]) * C + x[0] * D, 30, x))
    F = own(np.zeros(2))
    left = 1 / np.linalg.inv(np.asarray(F))[0, 0]  # with the scale unknown
    step = 0.002
    found = divergence_of(*of(C), *of(C + step * D), shares)
    assert found == pytest.approx(left * step**2, rel=0.05)  # to first order in the step


def test_nodes_are_close_where_places_differ():
    nodes = refined_nodes(lambda a, b: 100 * (b**3 - a**3) ** 2, 0.0, 1.0, 3, 1.0, 0.001)
    steps = np.diff(nodes)
    assert nodes[0] == 0
    assert nodes[-1] == 1
    assert steps[-1] < steps[0] / 2
    few = refined_nodes(lambda a, b: np.inf, 0.0, 1.0, 2, 1.0, 0.1)
    assert np.diff(few).min() >= 0.1


def test_interpolation_is_exact_for_parabolas_and_local():
    nodes = np.array([0, 1, 1.5, 2, 4, 5, 7, 8.0])
    at = np.linspace(0, 8, 33)
    np.testing.assert_allclose(smooth_between(nodes, nodes**2, at), at**2, atol=1e-12)
    jump = smooth_between(nodes, (nodes > 4.5).astype(float), at)
    assert np.all(jump[at <= 2] == 0)
    assert np.all(jump[at >= 7] == 1)
    steep = smooth_between(np.array([0, 1, 1.01, 30, 60]), np.array([-60, -60, 0, 0, 0.0]), at)
    assert steep.max() < 1  # and not 60 / 0.01 times a share of 29


def test_lines_give_a_posterior_that_is_known():
    # Normal in (line, place, log of a third), slanted, and cut off by the edge at zero.
    centre, slope, sd, narrow = np.array([0.1, 0.5]), -2.0, 0.2, 0.05
    lines = np.linspace(0, 1, 9)
    nodes = np.linspace(-2.5, 1.5, 90)
    found = []
    for line in lines:
        place = slope * (line - centre)
        log = -(((nodes[:, None] - place) / narrow) ** 2) / 2 - ((line - centre) / sd) ** 2 / 2
        found.append((log, np.broadcast_to(line + nodes[:, None], log.shape)))
    highest = np.max([log.max(axis=0) for log, _ in found], axis=0)
    masses, tables = zip(*(line_of(nodes, a, highest, b) for a, b in found), strict=True)
    assert tables[0].shape == (2, len(LEVELS), 2)
    draws = draw_from_lines(lines, np.array(masses), np.array(tables), 4000)
    line, place, third = np.moveaxis(draws, -1, 0)
    rng = np.random.default_rng(0)
    for j in range(2):
        own = rng.normal(centre[j], sd, 200_000)
        own = own[(own > 0) & (own < 1)]
        # 4,000 draws: three standard errors of a mean are 0.05 sd.
        assert line[j].mean() == pytest.approx(own.mean(), abs=0.05 * sd)
        assert line[j].std() == pytest.approx(own.std(), rel=0.04)
        off = place[j] - slope * (line[j] - centre[j])
        assert off.mean() == pytest.approx(0, abs=0.05 * narrow)
        assert off.std() == pytest.approx(narrow, rel=0.04)
        np.testing.assert_allclose(third[j], line[j] + place[j], atol=0.02)  # between levels
    assert line.min() >= 0
    assert line.max() <= 1


def test_places_that_were_not_evaluated_hold_no_mass():
    nodes = np.linspace(0, 1, 50)
    log = np.where(nodes > 0.5, np.nan, -(((nodes - 0.2) / 0.05) ** 2))[:, None]
    _, tables = line_of(nodes, log, np.nanmax(log, axis=0))
    assert np.interp(0.99, LEVELS, tables[0, :, 0]) < 0.4
