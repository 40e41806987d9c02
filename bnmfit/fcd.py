"""Functional connectivity dynamics (FCD): how FC changes from window to window of a recording."""

import jax.numpy as jnp
import numpy as np
from scipy.stats import ks_2samp
from tvboptim.observations.observation import compute_fcd

WINDOW, BETWEEN = 30_000.0, 5_000.0  # ms


def fcd_of(bold, tr, window=WINDOW, between=BETWEEN):
    """Functional connectivity dynamics: correlations between the FC of windows, sorted.

    Parameters
    ----------
    bold : array, shape (n_samples, n_regions)
    tr, window, between : float
        Time between samples, length of a window, and from one to the next, ms.

    Returns
    -------
    array, shape (n_entries,)
        Of all pairs of windows, those that overlap included.
    """
    n_window, n_step = max(round(window / tr), 2), max(round(between / tr), 1)
    fcd, _ = compute_fcd(jnp.asarray(bold), n_window, n_step)
    return np.sort(np.asarray(fcd)[np.triu_indices(len(fcd), 1)])


def fcd_distance(one, other):
    """Kolmogorov-Smirnov distance between the FCD of two recordings, from 0 to 1."""
    return float(ks_2samp(np.ravel(one), np.ravel(other)).statistic)


def phase_randomised(bold, rng):
    """A stationary Gaussian surrogate of a recording (Prichard and Theiler, 1994).

    At each frequency the Fourier coefficients of all regions are turned by one random angle. All
    cross-spectra stay as they are, and with them the FC; what changed in the course of the
    recording, and whatever is not Gaussian, is gone.

    Parameters
    ----------
    bold : array, shape (n_samples, n_regions)
    rng : numpy.random.Generator

    Returns
    -------
    array, shape (n_samples, n_regions)
        Around a mean of zero.
    """
    coefficients = np.fft.rfft(bold - np.mean(bold, axis=0), axis=0)
    turn = np.exp(2j * np.pi * rng.random((len(coefficients), 1)))
    if len(bold) % 2 == 0:
        turn[-1] = 1  # the highest frequency is its own conjugate
    return np.fft.irfft(coefficients * turn, len(bold), axis=0)
