"""The posterior of global parameters given a measured BOLD series, by its likelihood in a band.

A scanner has no unit, and adds noise of its own. So each region has a gain that nobody knows, over
which the likelihood is integrated, and a share `noise` of its expected power in the band is white.
Below the band is what scanners and bodies drift, above it hardly anything of a slow haemodynamic
response; neither counts.
"""

from bnmfit import recipe
from bnmfit.diagnostics import psislw

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import multivariate_t

BAND = (0.01, 0.1)  # Hz, as is common for BOLD at rest
NOISE = (0.0, 0.8)  # bounds of the share of white noise
WORST = -1e12  # a log density that is none
STEP = 1e-3  # in logits, for differences of slopes
N_NEWTON = 8  # steps to the gains
FREEDOM = 5  # of the Student distribution that posteriors are sampled from


class SeriesModel:
    """The model of measured series: global parameters of a study, and a share of white noise.

    Parameters
    ----------
    response : LinearResponse
        Of a study with the repetition time of the series.
    names : sequence of str
        Global parameters with bounds, in which the prior is uniform, as it is in the noise.
    n_samples : int
        Length of the series.
    band : tuple of float
        Lowest and highest frequency that count, Hz.

    Attributes
    ----------
    names : tuple of str
        With `noise`, the last one.
    """

    def __init__(self, response, names, n_samples, band=BAND):
        self.response, self.n_samples = response, n_samples
        self.names = (*names, "noise")
        self.low, self.high = np.column_stack([response.study.box(*names), NOISE])
        tr = response.study.tr / 1000  # s
        hertz = np.arange(1, n_samples // 2 + 1) / (n_samples * tr)
        self.some = np.flatnonzero((hertz >= band[0]) & (hertz <= band[1]))
        if len(self.some) < 2:
            raise ValueError(
                f"A series of {n_samples} samples has {len(self.some)} frequencies between "
                f"{band[0]:g} and {band[1]:g} Hz: take a longer one, or a wider band."
            )
        lags = np.arange(min(response.n_lags, n_samples))
        angles = 2 * np.pi * np.outer(self.some + 1, lags) / n_samples
        shares = 1 - lags / n_samples  # of the pairs of samples that are so far apart
        self._even = np.cos(angles) * np.where(lags == 0, 0.5, shares)
        self._odd = np.sin(angles) * shares

    def coefficients(self, bold):
        """Fourier coefficients of a series in the band, each region's with a mean square of one.

        Parameters
        ----------
        bold : array, shape (n_samples, n_regions)

        Returns
        -------
        complex array, shape (n_frequencies, n_regions)
        """
        inside = np.fft.fft(np.asarray(bold) - np.mean(bold, axis=0), axis=0)[self.some + 1]
        return inside / np.sqrt((np.abs(inside) ** 2).mean(axis=0))

    def values_at(self, z):
        """Parameters at logits z between their bounds, both of shape (n_parameters,)."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(z)

    def spectrum_at(self, x):
        """Expected spectrum of a scaled series at parameters x.

        Returns
        -------
        complex array, shape (n_frequencies, n_regions, n_regions)
            Its diagonal has a mean of one over frequencies.
        """
        state = recipe.state_at(self.response.study, x[:-1], self.names[:-1])
        C = self.response.covariances(state, self._even.shape[1])
        # The expected periodogram, as `bnmfit.recordings` has it for all frequencies.
        power = (2 * self._even.mean(axis=0)) @ jnp.diagonal(C, axis1=1, axis2=2)
        C = C / jnp.sqrt(power)[:, None] / jnp.sqrt(power)
        real = jnp.tensordot(self._even, C + C.mT, 1)
        imaginary = jnp.tensordot(self._odd, C.mT - C, 1)
        return (1 - x[-1]) * (real + 1j * imaginary) + x[-1] * jnp.eye(C.shape[1])

    def log_density(self, z, coefficients):
        """Log density of logits z given a series, up to a constant of the series.

        The likelihood times the density of logits whose parameters are uniform.

        Parameters
        ----------
        z : array, shape (n_parameters,)
        coefficients : array
            From `coefficients`.
        """
        log_prior = -(jnp.logaddexp(0, z) + jnp.logaddexp(0, -z)).sum()
        value = log_prior + self.log_likelihood(z, coefficients)
        return jnp.where(jnp.isfinite(value), value, WORST)

    @partial(jax.jit, static_argnums=0)
    def log_likelihood(self, z, coefficients):
        """Log likelihood of a series, see `without_gains`; arguments as for `log_density`."""
        value = without_gains(self.spectrum_at(self.values_at(z)), coefficients)
        return jnp.where(jnp.isfinite(value), value, WORST)

    @partial(jax.jit, static_argnums=(0, 3))
    def draw_coefficients(self, z, key, n):
        """Coefficients of series that are drawn at logits z and scaled, without simulating.

        Returns
        -------
        complex array, shape (n, n_frequencies, n_regions)
        """
        root = jnp.linalg.cholesky(self.spectrum_at(self.values_at(z)))
        white = jax.random.normal(key, (n, *root.shape[:2]), dtype=complex)
        drawn = jnp.einsum("fij,nfj->nfi", root, white)
        return drawn / jnp.sqrt((jnp.abs(drawn) ** 2).mean(axis=1, keepdims=True))

    def top(self, coefficients, starts, precision=None):
        """Climb to the top of the posterior of a series from some starts (L-BFGS).

        Parameters
        ----------
        coefficients : array
            From `coefficients`; several series that share their parameters, along a last axis.
        starts : array, shape (n_starts, n_parameters)
            Logits; a start where the network is not stable leads nowhere.
        precision : array, shape (n_parameters, n_parameters), optional
            About the one at the top: it shortens the way.

        Returns
        -------
        xarray.Dataset
            By `start`: logits `z`, `height` and the number of `gradients`. And of the highest one
            `top`, and the `precision` of the normal distribution that is as curved as it is there.
        """
        coefficients, ends = jnp.asarray(coefficients), []

        unit = np.eye(len(self.names)) if precision is None else np.linalg.inv(precision)
        root = np.linalg.cholesky(unit)

        def below(y, start):
            height, slope = self._with_slope(start + root @ y, coefficients)
            slope = np.array(slope)
            if height <= WORST or not np.isfinite(slope).all():
                return -WORST, np.zeros_like(y)
            return -float(height), -slope @ root

        for start in np.asarray(starts, dtype=float):
            zero = np.zeros_like(start)
            end = minimize(below, zero, args=(start,), jac=True, method="L-BFGS-B")
            ends.append((start + root @ end.x, -end.fun, end.nfev))
        z, height, n = map(np.array, zip(*ends, strict=True))
        top = z[height.argmax()]
        steps = STEP * np.eye(len(top))
        slopes = [
            [np.array(self._with_slope(top + way * step, coefficients)[1]) for way in (-1, 1)]
            for step in steps
        ]
        curvature = np.array([(one - other) / (2 * STEP) for one, other in slopes])
        return xr.Dataset(
            {
                "z": (("start", "parameter"), z),
                "height": ("start", height),
                "gradients": ("start", n),
                "top": ("parameter", top),
                "precision": (("parameter", "other"), (curvature + curvature.T) / 2),
            },
            {"parameter": list(self.names)},
        )

    def sample(self, coefficients, found, n_draws, seed=0):
        """Draw from the posterior of a series by importance sampling in three rounds.

        The first round draws a quarter from a Student distribution around the top, the second as
        many, and the third one the rest, from others with the mean and covariance that the rounds
        before have found. All are weighted by the mixture of the three (Veach and Guibas, 1995;
        Cornuet et al., 2012).

        Parameters
        ----------
        coefficients : array
            From `coefficients`.
        found : xarray.Dataset
            From `top`.
        n_draws : int
        seed : int

        Returns
        -------
        xarray.Dataset
            By `draw`: `values` of the parameters, and the smoothed `weight`, which sums to 1. And
            `k_hat`, which is below 0.7 where the weights can be trusted.
        """
        coefficients, rng = jnp.asarray(coefficients), np.random.default_rng(seed)
        middle, shape = found["top"].values, np.linalg.inv(found["precision"].values)
        numbers = n_draws // 4, n_draws // 4, n_draws - 2 * (n_draws // 4)
        z, log_density, rounds = np.empty((0, len(middle))), np.empty(0), []
        for number in numbers:
            rounds.append((number, multivariate_t(middle, shape, FREEDOM, seed=rng)))
            new = rounds[-1][1].rvs(number)
            z = np.concatenate([z, new])
            heights = [self.log_density(one, coefficients) for one in new]
            log_density = np.concatenate([log_density, heights])
            parts = [np.log(n / len(z)) + around.logpdf(z) for n, around in rounds]
            log_weight, k_hat = psislw(log_density - logsumexp(parts, axis=0))
            weight = np.exp(log_weight) / np.exp(log_weight).sum()
            middle, shape = weight @ z, np.cov(z.T, aweights=weight)
        return xr.Dataset(
            {
                "values": (("draw", "parameter"), np.asarray(self.values_at(z))),
                "weight": ("draw", weight),
                "k_hat": float(k_hat),
            },
            {"parameter": list(self.names)},
        )

    @partial(jax.jit, static_argnums=0)
    def _with_slope(self, z, coefficients):
        return jax.value_and_grad(self.log_density)(z, coefficients)


def without_gains(spectrum, coefficients):
    """Log likelihood of Fourier coefficients whose regions have gains that nobody knows.

    Whittle's likelihood, in which frequencies are independent, integrated over the logarithms of
    the gains, which are uniform, by Laplace's method. Minus its exponent is convex in the inverse
    gains u: u'M u - 2 n sum(log u), with n frequencies and M the sum over them of the inverse
    spectrum times the products of coefficients, entry by entry.

    Parameters
    ----------
    spectrum : complex array, shape (n_frequencies, n_regions, n_regions)
    coefficients : complex array, shape (n_frequencies, n_regions) or (..., n_series)
        Of one series, or of several that have this spectrum, each with gains of its own.

    Returns
    -------
    float
        Up to a constant of the coefficients.
    """
    n = len(spectrum)
    inverse = jnp.linalg.inv(spectrum)
    log_determinants = jnp.linalg.slogdet(spectrum)[1].sum()
    several = jnp.moveaxis(coefficients.reshape(*spectrum.shape[:2], -1), -1, 0)

    def of_one(y):
        M = jnp.einsum("fi,fij,fj->ij", y.conj(), inverse, y).real

        def step(_, log_gain):
            u = jnp.exp(-log_gain)
            pull = u * (M @ u)
            curvature = u[:, None] * M * u + jnp.diag(pull)
            return log_gain - jnp.clip(jnp.linalg.solve(curvature, n - pull), -1, 1)

        held = jax.lax.stop_gradient
        about = jnp.log((jnp.abs(y) ** 2).mean(axis=0)) / 2
        found = jax.lax.fori_loop(0, N_NEWTON, lambda k, at: held(step(k, at)), held(about))
        log_gain = step(0, held(found))  # once more, for its slope
        u = jnp.exp(-log_gain)
        curvature = jnp.linalg.slogdet(u[:, None] * M * u + n * jnp.eye(len(M)))[1]
        return -log_determinants - u @ M @ u - 2 * n * log_gain.sum() - curvature / 2

    return sum(of_one(y) for y in several)
