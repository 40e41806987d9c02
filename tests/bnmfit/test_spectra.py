"""The covariance of BOLD is what the state's covariance and the kernel make it, differentiably."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.haemodynamics import kernel_transform
from bnmfit.spectra import covariance_function

import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import block_diag, expm, solve_continuous_lyapunov
from scipy.signal import correlate
from tvboptim.observations.tvb_monitors.bold import FirstOrderVolterraHRFKernel, HRFBold

DT, TR, N_LAGS = 4.0, 1000.0, 3
KERNEL = FirstOrderVolterraHRFKernel()
N_TAPS = math.ceil(KERNEL.duration / DT)
TRANSFORM = kernel_transform(HRFBold(period=TR, kernel=KERNEL), DT, N_LAGS, widest=32.0)
SLOWEST = 1e-5
ALL = slice(None)
rng = np.random.default_rng(0)


def symmetrisable(n=6):
    """Jacobian of a symmetric network whose regions answer unlike each other, and their gains."""
    K = rng.uniform(0, 1, (n, n))
    gain = rng.uniform(0.5, 2, n)
    return -np.diag(rng.uniform(0.004, 0.01, n)) + 0.001 * gain[:, None] * (K + K.T) / 2, gain


def turning(n=6):
    """Jacobian of which some modes turn as they decay."""
    A = rng.normal(size=(n, n)) * 0.002
    A[:2, :2] += [[0, 0.01], [-0.01, 0]]
    return A - 0.01 * np.eye(n), np.ones(n)


def noise(n):
    """Covariance of noise that regions share in part."""
    L = rng.normal(size=(n, n))
    return 1e-5 * (np.eye(n) + 0.2 * L @ L.T)


SYSTEMS = {"symmetrisable": (*symmetrisable(), True), "turning": (*turning(), False)}


def covariances_of(A, Q, gain, symmetric, rows=ALL, slowest=SLOWEST):
    """Covariances at all lags, and the slowest mode."""
    return covariance_function(TRANSFORM, rows, symmetric, slowest)(A, Q, gain)


def by_quadrature(A, Q):
    """The same by Lyapunov's equation, the exponential of a matrix, and a sum over taps."""
    P = solve_continuous_lyapunov(A, -Q)
    taps = 5.6 * 0.02 * np.asarray(KERNEL(jnp.linspace(0.0, KERNEL.duration, N_TAPS), DT))
    r = correlate(taps, taps, method="direct")
    step, n_per_sample = expm(A * DT), round(TR / DT)
    after = [P]  # covariance of the state with itself k steps before
    for _ in range(N_TAPS + (N_LAGS - 1) * n_per_sample):
        after.append(step @ after[-1])
    after = np.array(after)
    k = np.arange(1 - N_TAPS, N_TAPS)
    lagged = [k + m * n_per_sample for m in range(N_LAGS)]
    both = [np.where((k >= 0)[:, None, None], after[abs(k)], after[abs(k)].mT) for k in lagged]
    return np.einsum("k,mkij->mij", r, both)


@pytest.mark.parametrize("name", SYSTEMS)
def test_covariances_equal_a_direct_solution(name):
    A, gain, symmetric = SYSTEMS[name]
    Q = noise(len(A))
    assert np.iscomplex(np.linalg.eigvals(A)).any() != symmetric
    C, mode = covariances_of(A, Q, gain, symmetric)
    expected = by_quadrature(A, Q)
    # The sum over taps is coarse by (4 ms / the shortest decay, 60 ms)^2 / 12.
    np.testing.assert_allclose(C, expected, rtol=0, atol=4e-4 * np.abs(expected).max())
    assert mode.eigenvalue.real == pytest.approx(np.linalg.eigvals(A).real.max(), rel=1e-9)
    np.testing.assert_allclose(A @ mode.right, mode.eigenvalue * mode.right, atol=1e-12)
    np.testing.assert_allclose(mode.left @ A, mode.eigenvalue * mode.left, atol=1e-12)
    assert mode.left @ mode.right == pytest.approx(1, abs=1e-12)


def test_both_routes_and_any_rows_agree():
    A, gain, _ = SYSTEMS["symmetrisable"]
    Q = noise(len(A))
    C, mode = covariances_of(A, Q, gain, True)
    others, other = covariances_of(A, Q, gain, False, rows=slice(1, 3))
    # Rounding, times the condition of the eigenvectors.
    np.testing.assert_allclose(others, C[:, 1:3, 1:3], rtol=1e-9)
    assert other.eigenvalue.real == pytest.approx(float(mode.eigenvalue), rel=1e-9)


def repeated(symmetric):
    """Jacobians with eigenvalues that are exactly equal, or pairs of them."""
    block = np.array([[-0.01, 0.02], [-0.02, -0.01]])
    block = np.abs(block) * [[-1, 0.2], [0.2, -0.8]] if symmetric else block
    return {"equal": -0.01 * np.eye(6), "equal blocks": block_diag(block, block, block)}


CASES = {
    f"{name}, {'symmetric' if symmetric else 'general'}": (A, np.ones(6), symmetric)
    for symmetric in (True, False)
    for name, A in repeated(symmetric).items()
}


@cache
def compiled(symmetric):
    """A number that depends on all covariances, the leading eigenvalue, and one of its projector.

    As functions of A, Q, gain and weights: values, derivatives along d_A and d_Q, and gradients.
    """
    covariances = covariance_function(TRANSFORM, ALL, symmetric, SLOWEST)

    def numbers(A, Q, gain, weights):
        C, mode = covariances(A, Q, gain)
        projector = jnp.outer(mode.right, mode.left)  # free of the scale of an eigenvector
        seen = 1e3 * jnp.sum(weights[1:] * C), mode.eigenvalue, jnp.sum(weights[0] * projector)
        return jnp.stack([number.real for number in seen])

    def along(A, Q, gain, weights, d_A, d_Q):
        return jax.jvp(lambda A, Q: numbers(A, Q, gain, weights), (A, Q), (d_A, d_Q))[1]

    return jax.jit(numbers), jax.jit(along), jax.jit(jax.jacrev(numbers, (0, 1)))


@pytest.mark.parametrize("name", [*SYSTEMS, *CASES])
def test_derivatives_are_right_in_both_modes_also_of_equal_eigenvalues(name):
    A, gain, symmetric = (SYSTEMS | CASES)[name]
    given = gain, rng.normal(size=(1 + N_LAGS, *A.shape))
    Q, d_Q, d_A = noise(6), noise(6), rng.normal(size=(6, 6)) * 1e-3
    d_A = gain[:, None] * (d_A + d_A.T) / 2 if symmetric else d_A  # stays symmetrisable
    numbers, along, gradients = compiled(symmetric)
    step = 1e-3
    up, down = (numbers(A + s * d_A, Q + s * d_Q, *given) for s in (step, -step))
    difference = (up - down) / (2 * step)
    forward = along(A, Q, *given, d_A, d_Q)
    by_A, by_Q = gradients(A, Q, *given)
    reverse = jnp.einsum("kij,ij->k", by_A, d_A) + jnp.einsum("kij,ij->k", by_Q, d_Q)
    # Where eigenvalues are equal, which of them leads changes along the way.
    counts = slice(None) if name in SYSTEMS else slice(1)
    # Errors of a central difference with this step, and rounding.
    np.testing.assert_allclose(forward[counts], difference[counts], rtol=1e-5)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9)


@pytest.mark.parametrize("symmetric", [True, False])
def test_beyond_the_bound_values_and_gradients_are_finite(symmetric):
    A, gain, _ = SYSTEMS["symmetrisable"]
    Q = noise(len(A))
    covariances = covariance_function(TRANSFORM, ALL, symmetric, SLOWEST)

    @jax.jit
    @jax.value_and_grad
    def fc_of(raised):
        C = covariances(A + raised * jnp.eye(len(A)), Q, gain)[0][0]
        return C[0, 1] / jnp.sqrt(C[0, 0] * C[1, 1])

    leading = np.linalg.eigvals(A).real.max()
    for beyond in (-2 * SLOWEST, 0.0, SLOWEST, 1e-3, 0.02):  # the last raises several above zero
        value, slope = fc_of(beyond - leading)
        assert 0 < value < 1
        assert np.isfinite(slope)
        assert slope != 0


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_bound_is_the_one_that_is_said_and_leaves_the_rest_alone(symmetric):
    A, gain = -0.01 * np.eye(2) + 0.003 * np.eye(2)[::-1], np.ones(2)
    Q = noise(2)
    bounded, free = (covariances_of(A, Q, gain, symmetric, slowest=s) for s in (6e-3, 1e-9))
    np.testing.assert_allclose(bounded[0], free[0], rtol=1e-12)  # -0.007 and -0.013 are below
    for slowest, rate in ((0.01, 0.01**2 / (0.02 - 0.007)), (0.008, 0.008**2 / (0.016 - 0.007))):
        C, mode = covariances_of(A, Q, gain, symmetric, slowest=slowest)
        slower = A + (0.007 - rate) / 2 * np.ones((2, 2))  # -0.007 is that of the mode (1, 1)
        expected = covariances_of(slower, Q, gain, symmetric)[0]
        np.testing.assert_allclose(C, expected, rtol=1e-12)  # rounding
        assert mode.eigenvalue.real == pytest.approx(-0.007, abs=1e-12)  # without the bound


def test_two_regions_are_those_of_the_closed_form():
    decay, link = 0.006, 0.004
    A = np.array([[-decay, link], [link, -decay]])
    C, mode = covariances_of(A, 1e-5 * np.eye(2), np.ones(2), True)

    # With a = 1 / 2 tau_s the kernel is exp(-a t) sin(w t) / w, and its autocorrelation
    # exp(-a t) (p cos w t + q sin w t), up to a factor: twice the product of two sines is the
    # cosine of their difference less that of their sum.
    a = 1 / (2 * KERNEL.tau_s)
    w = math.sqrt(1 / KERNEL.tau_f - a**2)
    p, q = 1 / a, 1 / w
    stretch = N_TAPS / (N_TAPS - 1)  # the monitor's taps lie so much further apart than its steps

    def seen(rate):
        """Variance of BOLD that follows a mode with a rate of decay per ms, up to a factor."""
        s = 1000 * rate / stretch + a  # per s
        return (p * s + q * w) / (s**2 + w**2) / rate

    slow, fast = seen(decay - link), seen(decay + link)
    fc = C[0, 0, 1] / C[0, 0, 0]
    assert fc == pytest.approx((slow - fast) / (slow + fast), abs=1e-6)  # quadrature
    assert C[0, 1, 1] == pytest.approx(float(C[0, 0, 0]), rel=1e-12)
    assert mode.eigenvalue == pytest.approx(link - decay, rel=1e-12)
    assert mode.right[0] == pytest.approx(float(mode.right[1]), rel=1e-9)
