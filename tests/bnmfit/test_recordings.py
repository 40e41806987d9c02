"""Recordings of a Gaussian process have the statistics and the likelihood that follow from it."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.recordings import (
    draw_bold,
    expected_correlation,
    expected_periodogram,
    fc_of,
    fc_of_bold,
    scatter_of_fc,
    whittle_information,
    whittle_log_likelihood,
)

from functools import cache

import jax
import numpy as np
import pytest
from scipy.stats import multivariate_normal

N_REGIONS, N_LAGS, N_SAMPLES, N = 4, 6, 30, 10_000
PAIRS = np.triu_indices(N_REGIONS, 1)


@cache
def covariances(n_regions=N_REGIONS):
    """Of a moving average of noise, whose covariance ends after 5 samples."""
    rng = np.random.default_rng(1)
    fading = 0.5 ** np.arange(N_LAGS)[:, None, None]
    B = fading * (np.eye(n_regions) + 0.3 * rng.normal(size=(N_LAGS, n_regions, n_regions)))
    lagged = [np.einsum("kij,klj->il", B[m:], B[: N_LAGS - m]) for m in range(N_LAGS)]
    return np.array(lagged)


@cache
def drawn(n_samples=N_SAMPLES):
    """Many recordings, as an array."""
    return np.asarray(draw_bold(jax.random.key(0), covariances(), N, n_samples))


def toeplitz(C, n_samples):
    """Covariance of all samples of a recording with each other, region by region."""
    padded = np.concatenate([C, np.zeros((n_samples, *C.shape[1:]))])
    rows = [
        [padded[t - s] if t >= s else padded[s - t].T for s in range(n_samples)]
        for t in range(n_samples)
    ]
    return np.block(rows)


@pytest.mark.parametrize("n_samples", [3, 10, N_SAMPLES])  # 3: shorter than the covariances reach
def test_drawn_recordings_have_the_covariances_that_were_asked_for(n_samples):
    bold = drawn(n_samples).reshape(N, -1)
    expected = toeplitz(covariances(), n_samples)
    sample = bold.T @ bold / N
    variances = np.diag(expected)
    error = np.sqrt((np.outer(variances, variances) + expected**2) / N)
    # Both ends of a recording, too, do not know each other: all entries within five errors.
    assert np.abs((sample - expected) / error).max() < 5
    assert np.sqrt(np.mean(((sample - expected) / error) ** 2)) == pytest.approx(1, abs=0.15)
    assert np.abs(bold.mean(axis=0) / np.sqrt(variances / N)).max() < 5


def test_another_key_draws_other_recordings():
    one, again, other = (
        draw_bold(jax.random.key(seed), covariances(), 3, N_SAMPLES) for seed in (0, 0, 1)
    )
    assert one.shape == (3, N_SAMPLES, N_REGIONS)
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other, atol=0.1)
    assert not np.allclose(one[0], one[1], atol=0.1)


def test_covariances_that_are_cut_off_still_give_numbers():
    slow = 0.98 ** np.arange(N_LAGS)[:, None, None] * (1 + np.eye(3))  # far from zero at the end
    bold = draw_bold(jax.random.key(0), slow, 500, N_SAMPLES)
    assert np.isfinite(bold).all()
    # Frequencies with too little power get none, so that the variance can only grow.
    assert 1 < bold.var() / 2 < 2


def test_fc_is_the_correlation_of_samples_without_its_diagonal():
    bold = drawn()[:5]
    for fc, one in zip(fc_of_bold(bold), bold, strict=True):
        np.testing.assert_allclose(fc, np.corrcoef(one.T) - np.eye(N_REGIONS), atol=1e-12)
    C = np.cov(bold[0].T)
    np.testing.assert_allclose(fc_of(C), fc_of_bold(bold)[0], atol=1e-12)


def test_the_expected_fc_of_short_recordings_is_their_mean():
    fc = np.asarray(fc_of_bold(drawn()))[:, *PAIRS]
    error = fc.std(axis=0) / np.sqrt(N)
    short = expected_correlation(covariances(), N_SAMPLES)
    assert not np.diag(short).any()
    np.testing.assert_allclose(short, short.T, atol=1e-12)
    endless = fc_of(covariances()[0])[PAIRS]
    remains = np.abs(short[PAIRS] - fc.mean(axis=0))
    # Within four errors of the mean; without the correction it is several times that.
    assert (remains < 4 * error).all()
    assert np.abs(endless - fc.mean(axis=0)).max() > 2 * remains.max()
    long = expected_correlation(covariances(), 10**7)
    np.testing.assert_allclose(long[PAIRS], endless, atol=1e-5)  # falls with one over the length


@pytest.mark.parametrize("n_samples", [N_SAMPLES, 100])
def test_the_scatter_of_fc_is_that_of_drawn_recordings(n_samples):
    fc = np.asarray(fc_of_bold(drawn(n_samples)))[:, *PAIRS]
    sample = np.cov(fc.T)
    scatter = scatter_of_fc(covariances(), n_samples)
    assert scatter.shape == (6, 6)
    # The rest falls with one over the length; 10,000 draws know a variance within 1.4 %, each.
    tolerance = (1 / n_samples + 0.03) * np.diag(sample).max()
    np.testing.assert_allclose(scatter, sample, rtol=0, atol=tolerance)
    np.testing.assert_allclose(scatter, scatter.T, atol=1e-12)


def test_the_likelihood_differs_between_models_as_that_of_the_normal_density_does():
    n_samples = 60
    centring = np.eye(n_samples) - 1 / n_samples
    basis = np.kron(np.linalg.svd(centring)[0][:, :-1], np.eye(N_REGIONS))  # all but the means
    bold = np.asarray(draw_bold(jax.random.key(2), covariances(), 40, n_samples))

    def exact(C):
        projected = basis.T @ toeplitz(C, n_samples) @ basis
        return multivariate_normal(cov=projected).logpdf(bold.reshape(40, -1) @ basis)

    whittle = jax.vmap(whittle_log_likelihood, in_axes=(None, 0))
    noisier = covariances() + 0.3 * np.eye(N_REGIONS) * (np.arange(N_LAGS) == 0)[:, None, None]
    true, *others = (
        (exact(C), np.asarray(whittle(C, bold)))
        for C in (covariances(), 1.2 * covariances(), noisier)
    )
    for other in others:
        difference, approximate = (a - b for a, b in zip(true, other, strict=True))
        # What the frequencies know of each other is left out: less than recordings differ by.
        assert abs((approximate - difference).mean()) < difference.std() / 4
        assert (approximate - difference).std() < difference.std() / 2


def test_the_likelihood_ignores_means_and_keeps_its_constant():
    bold = drawn()[0]
    value = whittle_log_likelihood(covariances(), bold)
    assert whittle_log_likelihood(covariances(), bold + 7) == pytest.approx(float(value), rel=1e-9)
    white = np.zeros((1, 1, 1)) + 2.0  # the density of n - 1 numbers of variance 2
    for n_samples in (9, 10):
        one = np.random.default_rng(0).normal(size=(n_samples, 1))
        square = ((one - one.mean()) ** 2).sum()
        expected = -square / 4 - (n_samples - 1) / 2 * np.log(2 * np.pi * 2)
        # A complex coefficient is the pair (a + ib) / sqrt 2 of normal numbers: a factor of 2 each.
        expected += (n_samples - 1) // 2 * np.log(2)
        assert whittle_log_likelihood(white, one) == pytest.approx(expected, rel=1e-12)


def test_the_expected_periodogram_is_the_mean_of_periodograms():
    coefficients = np.fft.fft(drawn(), axis=1)[:, 1 : N_SAMPLES // 2 + 1] / np.sqrt(N_SAMPLES)
    mean = np.einsum("nfi,nfj->fij", coefficients, coefficients.conj()) / N
    expected = np.asarray(expected_periodogram(covariances(), N_SAMPLES))
    # an entry of one periodogram scatters by about the power, and there are 10,000
    assert np.abs(mean - expected).max() < 5 * np.abs(expected).max() / np.sqrt(N)


@pytest.mark.parametrize("n_samples", [30, 31])
def test_the_information_on_a_common_scale_counts_coefficients(n_samples):
    """Each real number says 1/2 of the log of its variance, and n - 1 of n samples vary."""

    def scaled(x):
        return jax.numpy.exp(x[0]) * covariances()

    found = whittle_information(scaled, n_samples, np.zeros(1))
    assert float(found[0, 0]) == pytest.approx(N_REGIONS * (n_samples - 1) / 2)


def test_the_information_is_the_scatter_of_slopes():
    """Exactly so where coefficients are independent, and here nearly so."""
    white = covariances()[:1]

    def varied(x):
        return white * jax.numpy.exp(x[0] + x[1] * np.eye(N_REGIONS)[0])[:, None]

    def symmetric(x):
        C = varied(x)
        return (C + C.mT) / 2

    bold = draw_bold(jax.random.key(1), white, 4000, N_SAMPLES)
    slope = jax.grad(lambda x, one: whittle_log_likelihood(symmetric(x), one))
    slopes = jax.lax.map(lambda one: slope(np.zeros(2), one), bold)
    found = whittle_information(symmetric, N_SAMPLES, np.zeros(2))
    np.testing.assert_allclose(np.cov(np.asarray(slopes).T), found, rtol=0.12)
