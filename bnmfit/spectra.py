"""From the Jacobian of a noisy linear system to the covariance of what a monitor sees of it.

Everything is said in the eigenvectors of the Jacobian A = V diag(z) V^-1. There the state's
covariance P, the solution of A P + P A' + Q = 0, is one division, and what the monitor's kernel
does is one number for each eigenvalue.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Mode(NamedTuple):
    """The slowest mode of a linear system: its eigenvalue and its two eigenvectors, shape (n,).

    `left @ right` is 1.
    """

    eigenvalue: jax.Array
    right: jax.Array
    left: jax.Array


def covariance_function(transform, rows, symmetric, slowest):
    """Build `covariances(A, Q, gain)`: the covariance of BOLD at each lag, and the slowest mode.

    Parameters
    ----------
    transform : tuple of 3 arrays
        What `bnmfit.haemodynamics.kernel_transform` returns.
    rows : slice
        Which of the state variables BOLD follows.
    symmetric : bool
        Whether A is D + diag(gain) K, with D diagonal, K symmetric and gain positive, so that a
        symmetric matrix has its eigenvalues.
    slowest : float
        Eigenvalues with a real part above minus this, per ms, are bounded: a real part l becomes
        -slowest^2 / (l + 2 slowest). That is below zero, has no kink, and rises for ever.

    Returns
    -------
    callable
        Function of A, shape (n, n), per ms; Q, shape (n, n), per ms; and gain, shape (n,), that
        returns the covariances, shape (n_lags, m, m) for m rows, and the `Mode` whose eigenvalue
        has the largest real part, as it is without the bound. The derivative of the covariances,
        in both modes, does not divide by the difference of eigenvalues that are equal or almost so;
        see Higham (2008), theorem 3.9.
    """
    nodes, after, before = transform

    def decompose(A, gain):
        """Eigenvalues, eigenvectors, and the inverse of the eigenvectors."""
        if not symmetric:
            eigenvalues, V = jnp.linalg.eig(A)
            return eigenvalues, V, jnp.linalg.inv(V)
        scale = jnp.sqrt(gain)
        eigenvalues, U = jnp.linalg.eigh(A * scale / scale[:, None])
        return eigenvalues, scale[:, None] * U, U.T / scale

    def parts(A, Q, gain):
        eigenvalues, V, inverse = decompose(A, gain)
        z, z_slope = _bounded(eigenvalues, slowest)
        decays = jnp.exp(nodes[:, None] * z)
        P = -(inverse @ Q @ inverse.conj().T) / (z[:, None] + z.conj())
        return eigenvalues, z, z_slope, V, inverse, decays, P, after @ decays, before @ decays

    def slowest_of(eigenvalues, V, inverse):
        k = eigenvalues.real.argmax()
        return Mode(eigenvalues[k], V[:, k], inverse[k])

    def seen(V, C):
        return (V[rows] @ C @ V[rows].conj().T).real

    @jax.custom_jvp
    def covariances(A, Q, gain):
        eigenvalues, _, _, V, inverse, _, P, f, g = parts(A, Q, gain)
        return seen(V, (f[:, :, None] + g[:, None].conj()) * P), slowest_of(eigenvalues, V, inverse)

    @covariances.defjvp
    def tangent(primals, tangents):
        eigenvalues, z, z_slope, V, inverse, decays, P, f, g = parts(*primals)
        d_A, d_Q, _ = tangents  # the gain is in A, too; alone it changes nothing
        turn = inverse @ d_A @ V
        d_z = jnp.diagonal(turn)
        d_bounded = z_slope * d_z.real + (1j * d_z.imag if jnp.iscomplexobj(z) else 0)
        bounded = jnp.where(
            jnp.eye(len(z), dtype=bool), d_bounded, _divided(z, z_slope, eigenvalues) * turn
        )
        d_Q = inverse @ d_Q @ inverse.conj().T
        half = bounded @ P
        d_P = -(half + half.conj().T + d_Q) / (z[:, None] + z.conj())
        timed = nodes[:, None] * decays
        d_f = _divided(f, after @ timed, z) * bounded
        d_g = _divided(g, before @ timed, z) * bounded
        d_C = d_f @ P + P @ d_g.conj().mT + (f[:, :, None] + g[:, None].conj()) * d_P
        C = (f[:, :, None] + g[:, None].conj()) * P
        k = eigenvalues.real.argmax()
        gap = eigenvalues[k] - eigenvalues
        share = jnp.where(jnp.arange(len(gap)) == k, 0.0, 1 / jnp.where(gap == 0, 1.0, gap))
        d_mode = Mode(d_z[k], V @ (turn[:, k] * share), (turn[k] * share) @ inverse)
        return (seen(V, C), slowest_of(eigenvalues, V, inverse)), (seen(V, d_C), d_mode)

    return covariances


def _bounded(eigenvalues, slowest):
    """Eigenvalues with real parts bounded below zero, and the derivative of that for real ones."""
    real = eigenvalues.real
    too_slow = real > -slowest
    room = jnp.where(too_slow, real + 2 * slowest, slowest)
    bounded = jnp.where(too_slow, -(slowest**2) / room, real)
    slope = jnp.where(too_slow, (slowest / room) ** 2, 1.0)
    return (bounded + 1j * eigenvalues.imag if jnp.iscomplexobj(eigenvalues) else bounded), slope


def _divided(f, slope, z):
    """Divided differences of f between all pairs of z, shape (..., n, n), and slopes where z meet.

    Parameters
    ----------
    f, slope : array, shape (..., n)
        Values and derivatives of a function at z.
    z : array, shape (n,)
    """
    gap = z[:, None] - z
    close = jnp.abs(gap) <= 1e-5 * (jnp.abs(z[:, None]) + jnp.abs(z))  # two zeros, too
    mean_slope = (slope[..., :, None] + slope[..., None, :]) / 2
    return jnp.where(
        close, mean_slope, (f[..., :, None] - f[..., None, :]) / jnp.where(close, 1.0, gap)
    )
