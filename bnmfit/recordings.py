"""Recordings of BOLD as a Gaussian process: draws of it, its likelihood, and the scatter of its FC.

All of it follows from the covariances C of BOLD at lags of 0, 1, ... samples, shape (n_lags, n, n);
entry (m, i, j) is that of region i with region j m samples before. Beyond the last lag it is zero.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.fft import next_fast_len


def fc_of(covariance):
    """Correlation matrix with zero diagonal of a covariance matrix, shape (..., n, n)."""
    scale = jnp.sqrt(jnp.diagonal(covariance, axis1=-2, axis2=-1))
    fc = covariance / scale[..., :, None] / scale[..., None, :]
    return jnp.where(jnp.eye(fc.shape[-1], dtype=bool), 0.0, fc)


@partial(jax.jit, static_argnames=("n", "n_samples"))
def draw_bold(key, covariances, n, n_samples):
    """Draw stationary recordings with zero mean.

    A period of noise, longer than a recording by the longest lag, gets the right spectrum, so that
    the two ends of a recording do not know each other (Dietrich and Newsam, 1997).

    Parameters
    ----------
    key : jax.random.key
    covariances : array, shape (n_lags, n_regions, n_regions)
    n : int
        Number of recordings.
    n_samples : int
        Length of each.

    Returns
    -------
    array, shape (n, n_samples, n_regions)
    """
    n_lags, n_regions, _ = covariances.shape
    period = next_fast_len(max(n_samples, n_lags) + n_lags - 1, real=True)
    around = jnp.zeros((period, n_regions, n_regions)).at[:n_lags].set(covariances)
    around = around.at[period - n_lags + 1 :].set(covariances[:0:-1].mT)
    spectrum = jnp.fft.rfft(around, axis=0)
    root = jnp.linalg.cholesky(spectrum)
    root = jax.lax.cond(jnp.isfinite(root).all(), lambda: root, lambda: _root_of(spectrum))
    white = jax.random.normal(key, (len(spectrum), n_regions, n), dtype=complex)
    has_no_imaginary_part = np.isin(2 * np.arange(len(spectrum)), (0, period))
    scale = jnp.sqrt(period * np.where(has_no_imaginary_part, 2, 1))[:, None, None]
    return jnp.fft.irfft(scale * root @ white, period, axis=0)[:n_samples].transpose(2, 0, 1)


def _root_of(spectrum):
    """A root of matrices of which some have an eigenvalue just below zero, which counts as zero."""
    squares, vectors = jnp.linalg.eigh(spectrum)
    return vectors * jnp.sqrt(jnp.maximum(squares, 0.0))[:, None]


@jax.jit
def fc_of_bold(bold):
    """FC with zero diagonal of each recording, shape (n, n_samples, n_regions)."""
    centred = bold - bold.mean(axis=1, keepdims=True)
    return fc_of(centred.mT @ centred)


@partial(jax.jit, static_argnames="n_samples")
def expected_correlation(covariances, n_samples):
    """FC that recordings of some length have on average.

    A recording's own mean is taken from it, which takes slow fluctuations with it, and the
    correlation of few samples is a little too low. The first is exact here, the second to second
    order in the scatter of the sample covariances.

    Parameters
    ----------
    covariances : array, shape (n_lags, n_regions, n_regions)
    n_samples : int

    Returns
    -------
    array, shape (n_regions, n_regions)
        With zero diagonal.
    """
    shares, lagged = _both_ways(covariances, n_samples)
    of_mean = jnp.einsum("m,mij->ij", shares, lagged)
    seen = lagged[len(lagged) // 2] - of_mean
    unit = jnp.sqrt(jnp.diagonal(lagged[len(lagged) // 2]))
    C = lagged / unit[:, None] / unit
    own = jnp.diagonal(C, axis1=1, axis2=2)
    rho = fc_of(seen)
    both = 2 * jnp.einsum("m,mij->ij", shares, C**2)  # covariance of two sample variances
    one = 2 * jnp.einsum("m,mi,mi->i", shares, own, own)
    mixed = 2 * jnp.einsum("m,mi,mij->ij", shares, own, C)  # of a covariance and the first variance
    curvature = rho * (3 * (one[:, None] + one) / 8 + both / 4) - (mixed + mixed.T) / 2
    return rho + jnp.where(jnp.eye(len(rho), dtype=bool), 0.0, curvature)


@partial(jax.jit, static_argnames="n_samples")
def scatter_of_fc(covariances, n_samples):
    """Covariance of the entries of a sample FC, to first order (Roy, 1989).

    Parameters
    ----------
    covariances : array, shape (n_lags, n_regions, n_regions)
    n_samples : int

    Returns
    -------
    array, shape (n_pairs, n_pairs)
        Pairs in the order of `numpy.triu_indices(n_regions, 1)`.
    """
    shares, lagged = _both_ways(covariances, n_samples)
    unit = jnp.sqrt(jnp.diagonal(covariances[0]))
    C, rho = lagged / unit[:, None] / unit, fc_of(covariances[0])
    n = len(rho)
    row, column = np.triu_indices(n, 1)
    half = rho[row, column, None] / 2

    def with_row(i):
        """Covariance of each sample correlation with the sample covariances of one region."""
        products = jnp.einsum("m,mk,mjl->klj", shares, C[:, i], C)
        both = products + products.swapaxes(0, 1)  # Isserlis
        # A correlation moves with its covariance, and against the two variances beside it.
        own = jnp.diagonal(both).T
        return both[row, column] - half * (own[row] + own[column])

    rows = jax.lax.map(with_row, jnp.arange(n))  # region i, pair, region j
    own = rows[np.arange(n), :, np.arange(n)]
    return rows[row, :, column] - half * (own[row] + own[column])


def expected_periodogram(covariances, n_samples):
    """What the periodogram of a recording is on average, leakage and aliasing included.

    Parameters
    ----------
    covariances : array, shape (n_lags, n_regions, n_regions)
    n_samples : int

    Returns
    -------
    array, shape (n_samples // 2, n_regions, n_regions)
        Complex, Hermitian: at the frequencies above zero, in rising order.
    """
    lags, k = np.arange(min(len(covariances), n_samples)), np.arange(1, n_samples // 2 + 1)
    waves = np.exp(-2j * np.pi * np.outer(k, lags) / n_samples) * (1 - lags / n_samples)
    waves[:, 0] /= 2  # lag zero counts once
    parts = np.concatenate([waves.real, waves.imag])
    real, imaginary = jnp.split(jnp.tensordot(parts, covariances[: len(lags)], 1), 2)
    half = real + 1j * imaginary
    return half + half.conj().mT


def whittle_information(covariances_at, n_samples, x):
    """Fisher information of Whittle's likelihood: what a recording says of parameters on average.

    Parameters
    ----------
    covariances_at : callable
        Function of the parameters, shape (d,), that returns covariances, shape
        (n_lags, n_regions, n_regions). It is differentiated in forward mode.
    n_samples : int
        Length of a recording.
    x : array, shape (d,)
        Where.

    Returns
    -------
    array, shape (d, d)
        Sum over frequencies of tr(S^-1 S_p S^-1 S_q), with S the expected periodogram and S_p its
        derivative; half of it where a coefficient has no imaginary part (Whittle, 1953).
    """

    def twice(x):
        spectrum = expected_periodogram(covariances_at(x), n_samples)
        return spectrum, spectrum

    def of_frequency(at):
        spectrum, slopes = at
        inverse, slopes = jnp.linalg.inv(spectrum), slopes.reshape(len(spectrum), -1)
        # Products of real matrices, which take less time than one of complex ones.
        real = inverse.real @ slopes.real - inverse.imag @ slopes.imag
        imaginary = inverse.real @ slopes.imag + inverse.imag @ slopes.real
        return _traces(real, d) - _traces(imaginary, d)

    slopes, spectrum = jax.jacfwd(twice, has_aux=True)(x)
    is_real = 2 * np.arange(1, n_samples // 2 + 1) == n_samples
    weights, d = np.where(is_real, 0.5, 1.0), len(x)
    return jnp.tensordot(weights, jax.lax.map(of_frequency, (spectrum, slopes)), 1)


def _traces(relative, d):
    """Traces of the products of all pairs of d matrices (n, n), given as (n, n * d)."""
    relative = relative.reshape(len(relative), -1, d)
    return relative.reshape(-1, d).T @ relative.swapaxes(0, 1).reshape(-1, d)


@jax.jit
def whittle_log_likelihood(covariances, bold):
    """Log likelihood of a recording, its Fourier coefficients taken as independent.

    Each coefficient has the covariance that the periodogram of a recording of this length has on
    average, so that neither aliasing nor leakage biases it (Sykulski et al., 2019). The coefficient
    of the mean does not count. Where power falls by orders of magnitude between frequencies, as
    behind a smooth kernel, leakage still makes differences between models scatter more than those
    of the exact likelihood.

    Parameters
    ----------
    covariances : array, shape (n_lags, n_regions, n_regions)
    bold : array, shape (n_samples, n_regions)

    Returns
    -------
    float
        Up to nothing: the density of the Fourier coefficients.
    """
    n_samples, n_regions = bold.shape
    spectrum = expected_periodogram(covariances, n_samples)
    coefficients = jnp.fft.fft(bold, axis=0)[1 : n_samples // 2 + 1] / jnp.sqrt(n_samples)
    root = jnp.linalg.cholesky(spectrum)
    white = jax.scipy.linalg.solve_triangular(root, coefficients[..., None], lower=True)[..., 0]
    log_determinant = 2 * jnp.log(jnp.diagonal(root, axis1=1, axis2=2).real).sum(axis=1)
    each = -log_determinant - (jnp.abs(white) ** 2).sum(axis=1)
    is_real = 2 * np.arange(1, n_samples // 2 + 1) == n_samples  # the highest has no imaginary part
    constant = np.where(is_real, -np.log(2 * np.pi) / 2, -np.log(np.pi)) * n_regions
    return jnp.sum(jnp.where(is_real, each / 2, each) + constant)


def _both_ways(covariances, n_samples):
    """Share of each lag in a mean over pairs of samples, and C at lags of both signs, in order."""
    n_lags = min(len(covariances), n_samples)
    lags = np.arange(1 - n_lags, n_lags)
    covariances = covariances[:n_lags]
    lagged = jnp.concatenate([covariances[:0:-1].mT, covariances])
    return jnp.asarray((1 - np.abs(lags) / n_samples) / n_samples), lagged
