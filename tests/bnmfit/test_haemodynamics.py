"""What a kernel makes of a decay equals the double sum over the monitor's taps."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.haemodynamics import kernel_transform

import math
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate
from tvboptim.observations.tvb_monitors.bold import (
    DoubleExponentialHRFKernel,
    FirstOrderVolterraHRFKernel,
    GammaHRFKernel,
    HRFBold,
    MixtureOfGammasHRFKernel,
)

DT = 4.0
KERNELS = {
    kernel.__name__: kernel()
    for kernel in (
        FirstOrderVolterraHRFKernel,
        GammaHRFKernel,
        DoubleExponentialHRFKernel,
        MixtureOfGammasHRFKernel,
    )
}


@cache
def autocorrelation(name):
    """Sums over pairs of taps of the monitor that lie equally far apart, and how far, ms."""
    kernel = KERNELS[name]
    n_taps = math.ceil(kernel.duration / DT)
    taps = 5.6 * 0.02 * np.asarray(kernel(jnp.linspace(0.0, kernel.duration, n_taps), DT))
    return correlate(taps, taps, method="direct"), DT * np.arange(1 - n_taps, n_taps)


def summed(name, tr, z, lag):
    """The double sum over taps of a decay between what they see."""
    r, t = autocorrelation(name)
    return np.sum(r * np.exp(z * np.abs(lag * tr + t)))


def transformed(name, tr, z, n_lags, **more):
    """The same from nodes and weights, for each lag."""
    monitor = HRFBold(period=tr, downsample_period=DT, kernel=KERNELS[name])
    nodes, after, before = kernel_transform(monitor, DT, n_lags, **more)
    return (after + before) @ np.exp(z * nodes)


def tolerance(z):
    """Error of the double sum, coarse beside a fast decay, as a share of the variance."""
    return 1.1 * abs(DT * z) ** 2 / 12 + 1e-5  # of the trapezoidal rule at a cusp, and the rest


@pytest.mark.parametrize("tr", [720.0, 1000.0])
@pytest.mark.parametrize("name", KERNELS)
def test_decays_of_any_speed_equal_the_double_sum(name, tr):
    for decay in (20.0, 50.0, 150.0, 1e3, 1e4, 1e5):
        values = transformed(name, tr, -1 / decay, 5)
        for lag in (0, 1, 4):
            difference = values[lag] - summed(name, tr, -1 / decay, lag)
            assert abs(difference) < tolerance(1 / decay) * values[0]


@pytest.mark.parametrize("z", [-0.005 + 0.06j, -0.02 + 0.05j, -0.001 + 0.01j])
@pytest.mark.parametrize("name", KERNELS)
def test_oscillations_do_with_finer_panels(name, z):
    values = transformed(name, 1000.0, z, 5, widest=32.0)
    for lag in (0, 1, 4):
        difference = values[lag] - summed(name, 1000.0, z, lag)
        assert abs(difference) < tolerance(z) * abs(values[0])


def test_before_and_after_are_the_two_sides_of_a_lag():
    monitor = HRFBold(period=1000.0, downsample_period=DT, kernel=GammaHRFKernel())
    nodes, after, before = kernel_transform(monitor, DT, 3)
    assert after.shape == before.shape == (3, len(nodes))
    assert (np.diff(nodes) > 0).all()
    np.testing.assert_array_equal(after[0], before[0])  # at a lag of zero both are the same
    decay = np.exp(-nodes / 500)
    r, t = autocorrelation("GammaHRFKernel")
    for lag in (1, 2):
        t_lag = 1000.0 * lag + t
        for weights, side in ((after, t_lag > 0), (before, t_lag < 0)):
            expected = np.sum(r * np.exp(-np.abs(t_lag) / 500) * side)
            # The tap at which the sign changes counts on neither side: half a step.
            assert weights[lag] @ decay == pytest.approx(
                expected, rel=0, abs=0.006 * (after[0] @ decay)
            )


def test_only_the_scale_of_the_monitor_counts_beside_its_kernel():
    plain = HRFBold(period=1000.0, downsample_period=DT, kernel=GammaHRFKernel())
    louder = HRFBold(k_1=11.2, period=1000.0, downsample_period=DT, kernel=GammaHRFKernel())
    (nodes, after, _), (others, louder_after, _) = (
        kernel_transform(monitor, DT, 2) for monitor in (plain, louder)
    )
    np.testing.assert_array_equal(nodes, others)
    np.testing.assert_allclose(louder_after, 4 * after, rtol=1e-12)  # rounding
