"""Steady states of a network without its noise: where it goes, and how far it is from leaving."""

import jax
import jax.numpy as jnp

SETTLED = 3e-7  # per ms: slower than this, Newton's method takes over
CHUNK, MOST_CHUNKS = 250, 80  # steps between two looks at the speed, and how often to look
MOST_STEPS = 100  # of Newton's method, or of one close to it


def relax(drift, x, dt):
    """Follow a flow from x until it is slow, by Heun's method.

    Parameters
    ----------
    drift : callable
        Function of x that returns its derivative, per ms.
    x : array
    dt : float
        Step, ms.

    Returns
    -------
    array
        x after as many steps as it took, at most 20,000, or the x from which it began where the
        flow leads beyond all numbers. Its derivative is zero.
    """
    start = x

    def step(x, _):
        first = drift(x)
        return x + dt / 2 * (first + drift(x + dt * first)), None

    def advance(carry):
        k, x = carry
        return k + 1, jax.lax.scan(step, x, length=CHUNK)[0]

    def is_fast(carry):
        k, x = carry
        return (k < MOST_CHUNKS) & (jnp.abs(drift(x)).max() > SETTLED)

    end = jax.lax.while_loop(is_fast, advance, (0, x))[1]
    return jax.lax.stop_gradient(jnp.where(jnp.isfinite(end).all(), end, start))


def root_near(drift, x, stride=jnp.inf):
    """Find a root of a drift near x.

    Parameters
    ----------
    drift : callable
        Function of x, shape (n,), that returns its derivative in time, per ms.
    x : array, shape (n,)
    stride : float
        About how far to go with the flow in one implicit step, so that the search ends in the
        stable steady state that the flow ends in. Infinite: Newton's method, which can end in any.

    Returns
    -------
    array, shape (n,)
        The root, or where 100 steps have led. Its derivative, in both modes and of any order, is
        that of the implicit function theorem, and does not go through the steps.
    """

    def search(drift, x):
        def step(carry):
            k, x, _ = carry
            speed = drift(x)
            held = jnp.abs(speed).max() / stride * jnp.eye(len(x))  # none at the root
            change = jnp.linalg.solve(held - jax.jacfwd(drift)(x), speed)
            return k + 1, x + change, jnp.abs(change).max()

        def is_far(carry):
            k, _, change = carry
            return (k < MOST_STEPS) & (change > 1e-10)  # then the next would be below rounding

        return jax.lax.while_loop(is_far, step, (0, x, jnp.inf))[1]

    def solve_linear(linear, y):
        return jnp.linalg.solve(jax.jacfwd(linear)(y), y)

    return jax.lax.custom_root(drift, x, search, solve_linear)


def distance_to_fold(drift, x, mode, Q):
    """Distance to the other root of a parabola along the slowest mode, in its standard deviations.

    Along the mode the network moves by l a + k a^2, and noise makes a vary by sqrt(q / -2l).

    Parameters
    ----------
    drift : callable
        Function of x that returns its derivative in time, per ms.
    x : array
        A root of the drift.
    mode : bnmfit.spectra.Mode
        The slowest mode there.
    Q : array, shape (x.size, x.size)
        Covariance of the noise, per ms.

    Returns
    -------
    float
        Infinite where the mode oscillates, below zero where it grows.
    """
    along = mode.right.real.reshape(x.shape)

    def slope(x):
        return jax.jvp(drift, (x,), (along,))[1]

    bend = mode.left.real @ jax.jvp(slope, (x,), (along,))[1].ravel() / 2
    decay = -mode.eigenvalue.real
    sd = jnp.sqrt(mode.left.real @ Q @ mode.left.real / (2 * jnp.abs(decay)))
    return jnp.where(mode.eigenvalue.imag == 0, decay / jnp.abs(bend) / sd, jnp.inf)
