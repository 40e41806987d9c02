"""From a network's parameters to its BOLD signal, at a price that a fit can pay.

`bold(state)` equals `monitor(model(state))`, less its first samples. It is cheaper because the noise is
read rather than drawn anew, because BOLD is computed as the weighted sum that it is, and because its
derivative knows that regions act on each other through the coupling alone.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from tvboptim.experimental.network_dynamics.core.bunch import Bunch
from tvboptim.experimental.network_dynamics.coupling.base import InstantaneousCoupling
from tvboptim.experimental.network_dynamics.result import NativeSolution
from tvboptim.experimental.network_dynamics.solvers import Heun


def bold_simulator(network, monitor, n_steps, dt, skip):
    """Build `bold(state)`: a Heun integration of `network`, seen through `monitor`.

    Args:
        network: one state variable S, one instantaneous coupling, noise on S, no external input.
        monitor: `HRFBold` of S that is downsampled to `dt`; its kernel is zero at lag zero.
        n_steps: number of time steps, a multiple of the steps in one BOLD period.
        dt: time step, ms.
        skip: number of first BOLD samples to drop, so many that the kernel sees no history.

    Returns:
        bold: pure function of the `state` from `prepare(network, Heun(), t1=n_steps * dt, dt=dt)`, to an
            array [n_samples - skip, n_regions] in the monitor's units. Differentiable in forward and
            reverse mode with respect to every parameter in `state`. The noise is
            `state._internal.noise_samples` [n_steps, 1, n_regions], or drawn from `state.noise.key`.

    Raises:
        ValueError: the network, the monitor, the lengths or the noise are not as described.
    """
    kernel = _kernel(monitor, n_steps, dt, skip)
    n_lags, n_per_sample = kernel.shape
    n_samples = n_steps // n_per_sample
    trajectory = _trajectory(network, dt)
    ((name, coupling),) = network.coupling.items()

    # The kernel is a damped oscillation, so its periods differ by a phase and a factor: as a matrix of
    # periods by steps it has a rank of 3, and S enters BOLD through that many weighted sums per period.
    phases, scale, waves = np.linalg.svd(kernel, full_matrices=False)
    rank = int(np.sum(scale > 1e-14 * scale[0]))
    phases, waves = jnp.asarray(phases[:, :rank] * scale[:rank]), jnp.asarray(waves[:rank])

    def bold(state):
        data = coupling.precompute(state._internal.coupling[name], state.coupling[name], state.graph)
        links = Bunch(coupling=state.coupling[name], data=data, graph=state.graph)
        sigma = Bunch({parameter: x for parameter, x in state.noise.items() if parameter != "key"})
        own = Bunch(dynamics=state.dynamics, noise=sigma)
        noise, shape = state._internal.noise_samples, (n_steps, 1, network.graph.n_nodes)
        noise = jax.random.normal(state.noise.key, shape) if noise is None else noise
        if noise.shape != shape:
            raise ValueError(f"noise_samples has shape {noise.shape}; this simulator needs {shape}.")

        # Reverse mode keeps S, the only part that needs the slow scan, and recomputes what follows from it.
        @partial(jax.checkpoint, prevent_cse=False, policy=jax.checkpoint_policies.save_only_these_names("S"))
        def period(S_0, noise):
            S = trajectory(own, links, S_0, noise)
            return S[-1], waves @ S[:, 0]

        S_0 = jnp.asarray(state.initial_state.dynamics, noise.dtype)
        sums = jax.lax.scan(period, S_0, noise.reshape(n_samples, n_per_sample, *shape[1:]))[1]
        lagged = jnp.einsum("lr,krn->lkn", phases, sums)
        convolved = sum(lagged[lag, skip - lag : n_samples - lag] for lag in range(n_lags))
        return monitor.k_1 * monitor.V_0 * (convolved - 1.0)

    return bold


def _trajectory(network, dt):
    """Build `trajectory(own, links, S_0 [1, n], noise [t, 1, n]) -> S [t, 1, n]`, S_0 not included.

    `own` holds the parameters that act within a region, `links` those of the coupling.
    """
    if network.dynamics.N_STATES != 1 or network.noise is None or network.externals:
        raise ValueError("The network needs one state variable with noise on it and no external input.")
    if len(network.coupling) != 1 or not isinstance(*network.coupling.values(), InstantaneousCoupling):
        raise ValueError("The network needs exactly one coupling, without delays.")
    ((name, coupling),) = network.coupling.items()
    absent = {c: jnp.zeros((size, network.graph.n_nodes)) for c, size in network.dynamics.COUPLING_INPUTS.items()}

    def coupled(links, S):
        return coupling.compute(jnp.nan, S, links.data, Bunch(), links.coupling, links.graph)

    def step(own, S, c, noise):
        # tvboptim holds the coupling c over both stages of a step. Time is NaN: a model that used it would show.
        def dynamics(t, S, parameters):
            return network.dynamics.dynamics(t, S, parameters, Bunch(absent | {name: c}), Bunch())

        increment = network.noise.diffusion(jnp.nan, S, own.noise) * jnp.sqrt(dt) * noise
        return Heun().step(dynamics, jnp.nan, S, dt, own.dynamics, increment)[0]

    def run(own, links, S_0, noise):
        def advance(S, noise):
            S = step(own, S, coupled(links, S), noise)
            return S, S

        return jax.lax.scan(advance, S_0, noise)[1]

    trajectory = eqx.filter_custom_jvp(run)

    @trajectory.def_jvp
    def tangent(primals, tangents):
        # dS[t] = A[t] dS[t-1] + B[t] dc[t] + b[t] with A and B diagonal, since a region's step reads only its
        # own S and c. A, B and b follow from the known S for all times at once; a linear scan remains.
        own, links, S_0, noise = primals
        d_own, d_links, d_S_0, d_noise = tangents  # None: not differentiated
        S = checkpoint_name(trajectory(*primals), "S")
        before = jnp.concatenate([S_0[None], S[:-1]])
        moving, fixed = eqx.partition(own, jax.tree.map(lambda d: d is not None, d_own, is_leaf=lambda d: d is None))
        moving = jax.tree.map(lambda x: jnp.broadcast_to(x, S.shape[2:]), moving)

        def coefficients(S, noise, d_noise):
            c, d_c = eqx.filter_jvp(coupled, (links, S), (d_links, None))
            pull = jax.vjp(lambda own, *rest: step(eqx.combine(own, fixed), *rest), moving, S, c, noise)[1]
            by_own, A, B, by_noise = pull(jnp.ones_like(S))  # one pull gives every region's derivatives
            pairs = [*zip(jax.tree.leaves(by_own), jax.tree.leaves(d_own), strict=True), (B, d_c), (by_noise, d_noise)]
            return A, B, sum((by * d for by, d in pairs if d is not None), jnp.zeros_like(S))

        def advance(d_S, inputs):
            S, A, B, b = inputs
            d_S = A * d_S + B * jax.jvp(partial(coupled, links), (S,), (d_S,))[1] + b
            return d_S, d_S

        d_S_0 = jnp.zeros_like(S_0) if d_S_0 is None else d_S_0
        return S, jax.lax.scan(advance, d_S_0, (before, *jax.vmap(coefficients)(before, noise, d_noise)))[1]

    return trajectory


def _kernel(monitor, n_steps, dt, skip):
    """Weights [n_lags, steps per period] of S in a BOLD sample, `lag` periods before the sample's own."""
    n_per_sample = round(monitor.period / dt)
    if n_per_sample * dt != monitor.period or n_steps % n_per_sample:
        raise ValueError(f"dt = {dt} ms must divide the BOLD period ({monitor.period} ms), and that {n_steps} steps.")
    n_lags = -round(-monitor.kernel.duration // monitor.period)
    if not n_lags <= skip + 1 <= n_steps // n_per_sample:
        raise ValueError(f"skip = {skip} must be at least {n_lags - 1}, the kernel's length, and leave a sample.")
    n_taps = round(monitor.kernel.duration / dt)
    taps = monitor.kernel(jnp.linspace(0.0, monitor.kernel.duration, n_taps), dt)
    # Tap j weighs the step j before the sample's time; tap 0 is zero.
    taps = jnp.pad(taps[1:], (0, n_lags * n_per_sample - n_taps + 1))
    kernel = taps.reshape(n_lags, n_per_sample)[:, ::-1]

    # All that this assumes of the monitor shows in one comparison, on noise.
    S = jax.random.uniform(jax.random.key(0), (n_steps, 1, 1))
    sample = NativeSolution(ts=dt * jnp.arange(1, n_steps + 1), ys=S, dt=dt)
    monitor = eqx.tree_at(lambda m: m.history, monitor, None, is_leaf=lambda x: x is None)
    last = monitor.k_1 * monitor.V_0 * (jnp.vdot(kernel[::-1].ravel(), S[-taps.size :].ravel()) - 1.0)
    if not jnp.allclose(monitor(sample).ys[-1].squeeze(), last, rtol=1e-10):
        raise ValueError("The monitor must be an HRFBold, downsampled to dt, with a kernel that is zero at lag zero.")
    return kernel
