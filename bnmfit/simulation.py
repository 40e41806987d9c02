"""From a network's parameters to its BOLD signal, at a price that a fit can pay.

`bold(state)` equals `monitor(model(state))`, less its first samples. It is cheaper because the
noise is read rather than drawn anew, because BOLD is computed as the weighted sum that it is, and
because its derivative knows that regions act on each other through the coupling alone. What these
three rest on is verified when the function is built.
"""

from bnmfit.flow import flow_of, why_no_flow
from bnmfit.locality import refuse_other_regions

import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from tvboptim.experimental.network_dynamics.core.bunch import Bunch
from tvboptim.experimental.network_dynamics.result import NativeSolution
from tvboptim.experimental.network_dynamics.solvers.native import NativeSolver
from tvboptim.observations.tvb_monitors.bold import HRFBold


def bold_simulator(network, solver, monitor, state, n_steps, dt, skip):
    """Build `bold(state)`: an integration of `network` by `solver`, seen through `monitor`.

    Parameters
    ----------
    network : Network
        One state variable S, one instantaneous coupling, noise on S, no external input, and a
        node model that reads of other regions only what the coupling brings.
    solver : NativeSolver
        One that holds the coupling during a step and does not truncate gradients.
    monitor : HRFBold
        Monitor of S, downsampled to `dt`; its kernel is zero at lag zero.
    state : Bunch
        A state of the network, around which to verify that regions do not read each other.
    n_steps : int
        Number of time steps, a multiple of the steps in one BOLD period.
    dt : float
        Time step, ms.
    skip : int
        Number of first BOLD samples to drop, so many that the kernel sees no history.

    Returns
    -------
    callable
        Pure function of the `state` from `prepare(network, solver, t1=n_steps * dt, dt=dt)` to an
        array (n_samples - skip, n_regions) in the monitor's units. Differentiable in forward and
        reverse mode with respect to every parameter in `state`. The noise is
        `state._internal.noise_samples` (n_steps, 1, n_regions), or drawn from `state.noise.key`.

    Raises
    ------
    ValueError
        If the network, the monitor, the lengths or the noise are not as described.
    """
    _refuse_what_it_does_not_cover(network, solver, monitor)
    kernel = _kernel(monitor, n_steps, dt, skip)
    n_lags, n_per_sample = kernel.shape
    n_samples = n_steps // n_per_sample
    parts, coupled, drift = flow_of(network)
    step = _step(network, solver, drift, dt)
    trajectory = _trajectory(step, coupled)
    shape = (n_steps, 1, network.graph.n_nodes)

    # The kernel is a damped oscillation, so its periods differ by a phase and a factor. As a matrix
    # of periods by steps it has a rank of 3: S enters BOLD through that many sums per period.
    phases, scale, waves = np.linalg.svd(kernel, full_matrices=False)
    rank = int(np.sum(scale > 1e-14 * scale[0]))
    phases, waves = jnp.asarray(phases[:, :rank] * scale[:rank]), jnp.asarray(waves[:rank])

    own, links, S_0 = parts(state)
    refuse_other_regions(step, own, S_0, coupled(links, S_0), jnp.ones(shape[1:]))

    def bold(state):
        own, links, S_0 = parts(state)
        noise = state._internal.noise_samples
        noise = jax.random.normal(state.noise.key, shape) if noise is None else noise
        if noise.shape != shape:
            raise ValueError(f"noise_samples has shape {noise.shape}; it has to be {shape}.")

        # Reverse mode keeps S, which only the slow scan can give, and recomputes all the rest.
        keep = jax.checkpoint_policies.save_only_these_names("S")

        @partial(jax.checkpoint, prevent_cse=False, policy=keep)
        def period(S_0, noise):
            S = trajectory(own, links, S_0, noise)
            return S[-1], waves @ S[:, 0]

        sums = jax.lax.scan(period, S_0, noise.reshape(n_samples, n_per_sample, *shape[1:]))[1]
        lagged = jnp.einsum("lr,krn->lkn", phases, sums)
        convolved = sum(lagged[lag, skip - lag : n_samples - lag] for lag in range(n_lags))
        return monitor.k_1 * monitor.V_0 * (convolved - 1.0)

    return bold


def _refuse_what_it_does_not_cover(network, solver, monitor):
    covered = {
        "its node model has more than one state variable": network.dynamics.N_STATES == 1,
        "it has no noise": network.noise is not None,
        "it has more than one coupling": len(network.coupling) == 1,
        "its solver is not one of tvboptim's own": isinstance(solver, NativeSolver),
        "its solver computes the coupling anew within a step": not getattr(
            solver, "recompute_coupling_per_stage", False
        ),
        "its solver truncates gradients": getattr(solver, "grad_horizon", None) is None,
        "its monitor is no HRFBold": isinstance(monitor, HRFBold),
    }
    reasons = [reason for reason, holds in covered.items() if not holds] + why_no_flow(network)
    if reasons:
        raise ValueError(", ".join(reasons))


def _step(network, solver, drift, dt):
    """Build `step(own, S [1, n], c, noise [1, n])` to the next S; c is the coupling input, held."""

    def step(own, S, c, noise):
        # tvboptim holds the coupling c over the stages of a step.
        def dynamics(t, S, parameters):
            return drift(Bunch(dynamics=parameters), S, c)

        increment = network.noise.diffusion(jnp.nan, S, own.noise) * jnp.sqrt(dt) * noise
        return solver.step(dynamics, jnp.nan, S, dt, own.dynamics, increment)[0]

    return step


def _trajectory(step, coupled):
    """Build `trajectory(own, links, S_0 [1, n], noise [t, 1, n]) -> S [t, 1, n]`, without S_0."""

    @eqx.filter_custom_jvp
    def trajectory(own, links, S_0, noise):
        def advance(S, noise):
            S = step(own, S, coupled(links, S), noise)
            return S, S

        return jax.lax.scan(advance, S_0, noise)[1]

    @trajectory.def_jvp
    def tangent(primals, tangents):
        # dS[t] = A[t] dS[t-1] + B[t] dc[t] + b[t], with A and B diagonal, because a region's step
        # reads only its own S and c. A, B and b follow from the known S for all times at once, and
        # only this linear recursion is left to a scan.
        own, links, S_0, noise = primals
        d_own, d_links, d_S_0, d_noise = tangents  # None: not differentiated
        S = checkpoint_name(trajectory(*primals), "S")
        before = jnp.concatenate([S_0[None], S[:-1]])
        moves = jax.tree.map(lambda d: d is not None, d_own, is_leaf=lambda d: d is None)
        moving, fixed = eqx.partition(own, moves)
        moving = jax.tree.map(lambda x: jnp.broadcast_to(x, S.shape[2:]), moving)

        def coefficients(S, noise, d_noise):
            c, d_c = eqx.filter_jvp(coupled, (links, S), (d_links, None))

            def local(own, *rest):
                return step(eqx.combine(own, fixed), *rest)

            pull = jax.vjp(local, moving, S, c, noise)[1]
            by_own, A, B, by_noise = pull(jnp.ones_like(S))  # every region's derivatives at once
            terms = [(B, d_c), (by_noise, d_noise)]
            terms += zip(jax.tree.leaves(by_own), jax.tree.leaves(d_own), strict=True)
            return A, B, sum((by * d for by, d in terms if d is not None), jnp.zeros_like(S))

        def advance(d_S, inputs):
            S, A, B, b = inputs
            d_c = jax.jvp(partial(coupled, links), (S,), (d_S,))[1]
            d_S = A * d_S + B * d_c + b
            return d_S, d_S

        d_S_0 = jnp.zeros_like(S_0) if d_S_0 is None else d_S_0
        A_B_b = jax.vmap(coefficients)(before, noise, d_noise)
        return S, jax.lax.scan(advance, d_S_0, (before, *A_B_b))[1]

    return trajectory


def _kernel(monitor, n_steps, dt, skip):
    """Weights (n_lags, steps per period) of S in a BOLD sample, `lag` periods before it."""
    n_per_sample = round(monitor.period / dt)
    if not np.isclose(n_per_sample * dt, monitor.period, rtol=1e-12) or n_steps % n_per_sample:
        raise ValueError(
            f"The BOLD period ({monitor.period} ms) must be a whole number of steps of {dt} ms, "
            f"and {n_steps} steps a whole number of periods."
        )
    n_lags = math.ceil(monitor.kernel.duration / monitor.period)
    if not n_lags <= skip + 1 <= n_steps // n_per_sample:
        raise ValueError(
            f"skip is {skip}, but it must be at least {n_lags - 1}, the length of the kernel, and "
            f"leave at least one of {n_steps // n_per_sample} samples."
        )
    n_taps = math.ceil(monitor.kernel.duration / dt)
    taps = monitor.kernel(jnp.linspace(0.0, monitor.kernel.duration, n_taps), dt)
    # Tap j weighs the step j before the sample; tap 0 is zero.
    taps = jnp.pad(taps[1:], (0, n_lags * n_per_sample - n_taps + 1))
    kernel = taps.reshape(n_lags, n_per_sample)[:, ::-1]

    # All that this assumes of the monitor shows in one comparison, on noise.
    S = jax.random.uniform(jax.random.key(0), (n_steps, 1, 1))
    without = eqx.tree_at(lambda m: m.history, monitor, None, is_leaf=lambda x: x is None)

    @jax.jit
    def seen(S):
        return without(NativeSolution(ts=dt * jnp.arange(1, n_steps + 1), ys=S, dt=dt)).ys[-1]

    expected = seen(S).squeeze()
    last = jnp.vdot(kernel[::-1].ravel(), S[-taps.size :].ravel())
    if not jnp.allclose(monitor.k_1 * monitor.V_0 * (last - 1.0), expected, rtol=1e-10):
        raise ValueError(
            "its monitor does not downsample to dt, or its kernel is not zero at lag 0"
        )
    return kernel
