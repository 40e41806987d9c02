"""What a haemodynamic kernel makes of an exponential decay, as a short sum."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import correlate

N_NODES = 6  # of the Gauss-Legendre rule in each panel


def kernel_transform(monitor, dt, n_lags, widest=250.0):
    """Nodes and weights that turn a decay of S into a covariance of BOLD samples.

    If the covariance of S decays as exp(z t), that of BOLD at a lag of m samples is a double
    integral over the kernel h, with z t replaced by z |m TR + v - u|. With r, the autocorrelation
    of h, it is one integral, which is split where m TR + t changes sign:

        after[m](z)  = integral over t > 0 of r(t - m TR) exp(z t) dt
        before[m](z) = integral over t > 0 of r(t + m TR) exp(z t) dt

    Both are sums over the same nodes t: `after @ exp(z t)` and `before @ exp(z t)`.

    Parameters
    ----------
    monitor : HRFBold
        Its period is TR, ms.
    dt : float
        Step, ms, from one tap of the monitor's kernel to the next.
    n_lags : int
        Number of lags m, from 0 on.
    widest : float
        Width of the widest panel of nodes, ms: exp(z t) must not turn much within it.

    Returns
    -------
    nodes : array, shape (n_nodes,)
        Times t, ms.
    after, before : array, shape (n_lags, n_nodes)
        Weights, in the square of the monitor's units.
    """
    n_taps = math.ceil(monitor.kernel.duration / dt)
    with jax.ensure_compile_time_eval():  # also while a function that asks for it is traced
        taps = monitor.kernel(jnp.linspace(0.0, monitor.kernel.duration, n_taps), dt)
    taps = monitor.k_1 * monitor.V_0 * np.asarray(taps)
    r = correlate(taps, taps, method="fft")[n_taps - 1 :] / dt
    reach = dt * (n_taps - 1)
    r_of = CubicSpline(dt * np.arange(n_taps), r)

    # Fine near zero, where fast decays happen, and with an edge at each TR, where r has a cusp.
    shares = np.arange(1, math.ceil(monitor.period / widest) + 1)
    width = monitor.period / len(shares)
    first = np.append(0.0, np.geomspace(min(dt, width), width, math.ceil(np.log2(width / dt)) + 1))
    n_panels = math.ceil((reach + (n_lags - 1) * monitor.period) / width)
    edges = np.append(first, width * np.arange(2, n_panels + 1))
    x, weight = np.polynomial.legendre.leggauss(N_NODES)
    half = np.diff(edges)[:, None] / 2
    nodes = (edges[:-1, None] + half * (1 + x)).ravel()
    weights = (half * weight).ravel()

    def weighted(t):
        inside = np.abs(t) <= reach
        return np.where(inside, weights * r_of(np.abs(np.where(inside, t, 0.0))), 0.0)

    lags = monitor.period * np.arange(n_lags)[:, None]
    return nodes, weighted(nodes - lags), weighted(nodes + lags)
