"""Take the noise out: the covariance of BOLD, and the expected FC, without simulating.

Near a stable steady state a network answers its noise linearly. With A the Jacobian there and Q the
covariance of the noise per ms, the covariance P of its state solves A P + P A' + Q = 0. That of
BOLD follows from P and the monitor's kernel.
"""

from bnmfit.flow import flow_of, linearised, why_no_flow
from bnmfit.haemodynamics import kernel_transform
from bnmfit.locality import refuse_other_regions
from bnmfit.noise import noise_covariance
from bnmfit.recordings import (
    draw_bold,
    expected_correlation,
    fc_of,
    fc_of_bold,
    scatter_of_fc,
    whittle_log_likelihood,
)
from bnmfit.spectra import covariance_function
from bnmfit.steady_states import distance_to_fold, relax, root_near

import math
from functools import cached_property, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tvboptim.experimental.network_dynamics.core.bunch import Bunch

AT_REST = 1e-9  # per ms: a state that moves more slowly is a steady one
STRIDE = {True: 0.0005, False: 0.05}  # of an implicit step with the flow: from afar, from near
SAME = 1e-4  # two states that differ by less are one
WIDEST = {True: 250.0, False: 32.0}  # panels of the kernel's transform, ms: finer where modes turn


class SteadyState(NamedTuple):
    """Where a network rests without its noise.

    Parameters
    ----------
    x : array, shape (n_states, n_regions)
    leading : float
        Largest real part of an eigenvalue of the Jacobian there, per ms: stable if below zero.
    speed : float
        How fast x still moves, per ms: above 1e-9 the search for a steady state has failed.
    to_fold : float
        How far away the unstable state is beyond which the network would leave for another one: in
        standard deviations of the slowest mode's fluctuations, by a parabola along that mode.
        Infinite where the slowest modes are a pair that oscillates; below zero where x is unstable.
    """

    x: jax.Array
    leading: jax.Array
    speed: jax.Array
    to_fold: jax.Array


class _Solved(NamedTuple):
    steady: SteadyState
    covariances: jax.Array
    asymmetry: jax.Array  # of what should be symmetric


class LinearResponse:
    """What a study's simulations are on average, as far as they answer their noise linearly.

    All of it is computed at the steady state to which the network goes from a state's own initial
    state, without its noise. Every function of a state, but for the search for all steady states,
    is pure and differentiable in both modes, and `jit`, `vmap` and `grad` see through it. Inside of
    them a point without a stable steady state gets a finite answer, because no eigenvalue counts as
    more than a slow decay. Outside of them such a point is an error.

    Parameters
    ----------
    study : Study
        With additive noise, couplings without delays, and a node model that acts within a region.
        Whether it is such a study is looked at when it is first needed.
    slowest : float
        Eigenvalues above minus this, per ms, are bounded: see `bnmfit.spectra`.
    symmetric : bool, optional
        Whether the derivative of the coupling is a symmetric matrix in every state that will be
        asked for, which is faster. By default, whether it is one in the study's own state.

    Raises
    ------
    ValueError
        At the first use, for a study that is not covered. Outside of `jit`, `vmap` and `grad`, for
        a state with a parameter that is not finite, without a steady state, with an unstable one,
        or with BOLD that does not vary.
    """

    def __init__(self, study, slowest=1e-5, symmetric=None):
        self.study = study
        self.slowest = slowest
        self.symmetric = symmetric
        self._solve = jax.jit(self._solve_for, static_argnames="n_lags")
        self._search = jax.jit(self._search_from)

    def steady_state(self, state, near=None):
        """Find the steady state to which the network goes without its noise.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used.
        near : array, shape (n_states, n_regions), optional
            A state close to it, from which Newton's method finds it. By default the network is
            followed from the state's own initial state first. That takes longer, and ends where a
            simulation does.

        Returns
        -------
        SteadyState
        """
        return self._solved(state, near, 1).steady

    def steady_states(self, state, levels=tuple(k / 10 for k in range(11))):
        """Search for all steady states, stable and unstable ones.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used.
        levels : sequence of float
            Values of the state variables, the same in all regions. From each of them, and from the
            state's own initial state, the network is followed, and Newton's method tried.

        Returns
        -------
        list of SteadyState
            Different ones, the quietest first; a search can miss some. Those with a leading
            eigenvalue below zero are stable.

        Raises
        ------
        ValueError
            If none is found, or a parameter is not finite.
        """
        _, _, x_0 = self._flow.parts(state)
        starts = jnp.stack([x_0, *(jnp.full_like(x_0, level) for level in levels)])
        different = []
        for found in map(SteadyState, *self._search(state, starts)):
            is_new = all(np.abs(found.x - other.x).max() > SAME for other in different)
            if found.speed < AT_REST and is_new:
                different.append(found)
        if not different:
            self._refuse_state(state, "no steady state is found")
        return sorted(different, key=lambda one: float(one.x.mean()))

    def covariances(self, state, n_lags=1, near=None):
        """Covariance of BOLD samples.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used.
        n_lags : int
            Number of lags, from 0 on.
        near : array, optional
            See `steady_state`.

        Returns
        -------
        array, shape (n_lags, n_regions, n_regions)
            Entry (m, i, j) is the covariance of region i with region j m samples before, in the
            square of the monitor's units.
        """
        return self._solved(state, near, n_lags).covariances

    def expected_observation(self, state, n_samples=None, near=None):
        """Functional connectivity that simulations have on average.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used.
        n_samples : int, optional
            Length of a recording, in BOLD samples. By default it is so long that its length does
            not matter.
        near : array, optional
            See `steady_state`.

        Returns
        -------
        array, shape (n_regions, n_regions)
            Symmetric, with zero diagonal.
        """
        if n_samples is None:
            return fc_of(self.covariances(state, 1, near)[0])
        return expected_correlation(self.covariances(state, self.n_lags, near), n_samples)

    def expected_at_steady_state(self, state, near=None):
        """The expected FC and the steady state that it belongs to, at the price of one of them.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used.
        near : array, optional
            See `steady_state`.

        Returns
        -------
        fc : array, shape (n_regions, n_regions)
        steady : SteadyState
        """
        solved = self._solved(state, near, 1)
        return fc_of(solved.covariances[0]), solved.steady

    def draw_observation(self, state, key, n, near=None):
        """FC and BOLD of independent recordings as long as the study's, drawn without simulating.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used.
        key : jax.random.key
        n : int
            Number of recordings.
        near : array, optional
            See `steady_state`.

        Returns
        -------
        fc : array, shape (n, n_regions, n_regions)
            With zero diagonals.
        bold : array, shape (n, n_samples, n_regions)
            Around a mean of zero, in the monitor's units.
        """
        covariances = self.covariances(state, self.n_lags, near)
        bold = draw_bold(key, covariances, n, self.n_samples)
        return fc_of_bold(bold), bold

    def log_likelihood(self, state, bold, near=None):
        """Log likelihood of a BOLD series, by Whittle's approximation.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used, the sigma of it is.
        bold : array, shape (n_samples, n_regions)
            In the monitor's units; the mean of a region does not count.
        near : array, optional
            See `steady_state`.

        Returns
        -------
        float
            See `bnmfit.recordings.whittle_log_likelihood`.
        """
        covariances = self.covariances(state, self.n_lags, near)
        return whittle_log_likelihood(covariances, jnp.asarray(bold))

    def observation_covariance(self, state, near=None):
        """Covariance of the entries of a sample FC, between recordings as long as the study's.

        Parameters
        ----------
        state : Bunch
            State of the network; its noise is not used.
        near : array, optional
            See `steady_state`.

        Returns
        -------
        array, shape (n_pairs, n_pairs)
            Pairs in the order of `numpy.triu_indices(n_regions, 1)`.
        """
        return scatter_of_fc(self.covariances(state, self.n_lags, near), self.n_samples)

    @cached_property
    def n_samples(self):
        """BOLD samples of a recording that count."""
        study = self.study
        return study.n_steps // round(study.tr / study.dt) - study.skip

    @cached_property
    def n_lags(self):
        """Lags that count: twice the kernel's reach, beyond which only slow modes reach further."""
        return 2 * math.ceil(self.study.monitor.kernel.duration / self.study.tr) + 1

    @cached_property
    def _flow(self):
        """The study's flow, after a look at whether linear response covers it."""
        network, signal = self.study.network, self.study.signal
        reasons = why_no_flow(network)
        if network.noise is None:
            reasons.append("it has no noise")
        if signal not in range(network.dynamics.N_STATES):
            reasons.append("its BOLD follows no state variable")
        if reasons:
            self._refuse(", ".join(reasons))
        flow = flow_of(network)
        with jax.ensure_compile_time_eval():  # also while a function that asks for it is traced
            own, links, x = flow.parts(self.study.state)
            ramp = jnp.arange(x.shape[1])  # other orders of the regions, too
            spread = [
                np.asarray(network.noise.diffusion(jnp.nan, at, own.noise))
                for at in (x, x + 1, x + ramp, x - ramp)
            ]
            if not all(np.array_equal(spread[0], other) for other in spread):
                self._refuse("its noise depends on the state or on time instead of being additive")
            c = flow.coupled(links, x)
            try:
                refuse_other_regions(
                    lambda dynamics, x, c, _: flow.drift(Bunch(dynamics=dynamics), x, c),
                    own.dynamics,
                    x,
                    c,
                    jnp.zeros_like(x),
                )
            except ValueError as error:
                self._refuse(str(error))
        return flow

    @cached_property
    def _is_symmetric(self):
        """Whether a symmetric matrix has the Jacobian's eigenvalues, in the study's own state."""
        with jax.ensure_compile_time_eval():
            own, links, x = self._flow.parts(self.study.state)
            if self.symmetric is not None or len(x) > 1:
                return bool(self.symmetric) and len(x) == 1
            # As one program, which is ready sooner than each operation by itself.
            linear = jax.jit(partial(linearised, self._flow))(own, links, x)
            return bool(linear.asymmetry < 1e-12)

    def _covariances_of(self, n_lags):
        study, n = self.study, self.study.n_regions
        transform = kernel_transform(study.monitor, study.dt, n_lags, WIDEST[self._is_symmetric])
        rows = slice(n * study.signal, n * (study.signal + 1))
        return covariance_function(transform, rows, self._is_symmetric, self.slowest)

    def _solve_for(self, state, near, n_lags):
        """Everything about a state, without a look at whether it means something."""
        own, links, x = self._flow.parts(state)
        stride = STRIDE[near is None]
        if near is None:
            still = partial(self._flow, *jax.lax.stop_gradient((own, links)))
            near = relax(still, x, self.study.dt)
        return self._at_root(own, links, self._root(own, links, near, stride), n_lags)

    def _at_root(self, own, links, x, n_lags):
        flow = self._flow
        linear = linearised(flow, own, links, x)
        Q = noise_covariance(self.study.network.noise, x, own.noise)
        covariances, mode = self._covariances_of(n_lags)(linear.A, Q, linear.gain)

        drift = partial(flow, own, links)
        speed = jnp.abs(drift(x)).max()
        steady = SteadyState(x, mode.eigenvalue.real, speed, distance_to_fold(drift, x, mode, Q))
        return _Solved(steady, covariances, linear.asymmetry)

    def _root(self, own, links, near, stride):
        def drift(x):
            return self._flow(own, links, x.reshape(near.shape)).ravel()

        return root_near(drift, near.ravel(), stride).reshape(near.shape)

    def _search_from(self, state, starts):
        """What starts lead to, followed and not."""
        own, links, _ = self._flow.parts(state)

        def roots(at, stride):
            return jax.lax.map(lambda x: self._root(own, links, x, stride), at)

        drift = partial(self._flow, own, links)
        followed = jax.lax.map(lambda x: relax(drift, x, self.study.dt), starts)
        found = jnp.concatenate([roots(followed, STRIDE[True]), roots(starts, jnp.inf)])
        return jax.lax.map(lambda x: self._at_root(own, links, x, 1).steady, found)

    def _solved(self, state, near, n_lags):
        """Everything about a state that means something."""
        is_symmetric = self._is_symmetric  # looks at the study before anything is compiled
        solved = self._solve(state, near, n_lags=n_lags)
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(solved)):
            return solved
        if not solved.steady.speed < AT_REST:
            self._refuse_state(state, "no steady state is found")
        if is_symmetric and not solved.asymmetry < 1e-9:
            raise ValueError(
                "The coupling of this state is not symmetric, as that of the study is: build "
                "`LinearResponse(study, symmetric=False)` for it."
            )
        if not solved.steady.leading < 0:
            self._refuse_state(
                state,
                f"the steady state is unstable (leading eigenvalue {solved.steady.leading:.1e} "
                "per ms)",
            )
        if not (jnp.diagonal(solved.covariances[0]) > 0).all():  # NaN, too
            self._refuse_state(state, "a region's BOLD has no positive variance")
        return solved

    def _refuse_state(self, state, reason):
        wrong = [
            name
            for name, where in self.study.parameters.items()
            if name != "noise" and not np.isfinite(np.asarray(where(state), float)).all()
        ]
        if wrong:
            raise ValueError(f"Not finite: {', '.join(wrong)}. Give numbers.")
        self._refuse(reason, "this state of")

    def _refuse(self, reason, what="the study"):
        raise ValueError(
            f"Linear response does not cover {what} {self.study.name}, because {reason}: "
            "simulate it with `observation` instead."
        )
