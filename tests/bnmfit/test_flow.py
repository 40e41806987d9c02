"""A flow is tvboptim's derivative of a network's state, taken apart, and its Jacobian is right."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.flow import Flow, flow_of, linearised, why_no_flow

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_studies import MODELS, brain
from tvboptim.experimental.network_dynamics import Network, prepare
from tvboptim.experimental.network_dynamics.coupling import DelayedLinearCoupling, LinearCoupling
from tvboptim.experimental.network_dynamics.dynamics.tvb import Generic2dOscillator, ReducedWongWang
from tvboptim.experimental.network_dynamics.external_input import SineInput
from tvboptim.experimental.network_dynamics.graph import DenseDelayGraph, DenseGraph
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise
from tvboptim.experimental.network_dynamics.solvers import Heun

N = 6
WEIGHTS, _, LENGTHS = brain(N)
WONG_WANG = {
    "dynamics": ReducedWongWang(w=0.5),
    "coupling": {"instant": LinearCoupling(incoming_states="S", G=0.1)},
    "noise": AdditiveNoise(sigma=0.003, apply_to="S"),
}
CASES = {
    "Reduced Wong-Wang": WONG_WANG,
    **{name: MODELS[name][0] for name in ("excitation and inhibition", "oscillator", "Hopf")},
}


def prepared(name):
    """A network, its flow's parts, and a state somewhere."""
    parts = {key: CASES[name][key] for key in ("dynamics", "coupling", "noise")}
    network = Network(**parts, graph=DenseGraph(WEIGHTS))
    _, state = prepare(network, Heun(), t1=10.0, dt=1.0)
    flow = flow_of(network)
    own, links, x = flow.parts(state)
    return network, flow, own, links, x + np.random.default_rng(0).uniform(0.1, 0.3, x.shape)


@pytest.mark.parametrize("name", CASES)
def test_the_flow_is_the_derivative_that_tvboptim_integrates(name):
    network, flow, own, links, x = prepared(name)
    data, memory = network.prepare(1.0, 0.0, 10.0)
    given = network.compute_coupling_inputs(0.0, x, data, memory)
    silent = network.compute_external_inputs(0.0, x, *network.prepare_external(1.0))
    out = network.dynamics.dynamics(0.0, x, own.dynamics, given, silent)
    expected = out[0] if isinstance(out, tuple) else out
    np.testing.assert_allclose(flow(own, links, x), expected, atol=1e-12)  # rounding
    np.testing.assert_array_equal(flow(own, links, x), flow.drift(own, x, flow.coupled(links, x)))


@pytest.mark.parametrize("name", CASES)
def test_its_jacobian_is_that_of_all_regions_together(name):
    _, flow, own, links, x = prepared(name)
    linear = jax.jit(partial(linearised, flow, own, links))(x)
    whole = jax.jit(jax.jacfwd(partial(flow, own, links)))(x).reshape(x.size, x.size)
    np.testing.assert_allclose(linear.A, whole, atol=1e-12)  # rounding
    assert linear.asymmetry < 1e-12


def test_gain_and_asymmetry_are_those_of_the_coupling():
    _, flow, own, links, x = prepared("Reduced Wong-Wang")

    @jax.jit
    def linear_with(weights):
        changed = eqx.tree_at(lambda links: links.instant.graph.weights, links, weights)
        return linearised(flow, own, changed, x)

    linear = linear_with(WEIGHTS)
    between = linear.A - jnp.diag(jnp.diagonal(linear.A))
    np.testing.assert_allclose(between, linear.gain[:, None] * 0.1 * WEIGHTS, atol=1e-12)
    for weights in (WEIGHTS, np.zeros((N, N))):
        assert linear_with(weights).asymmetry < 1e-12
    assert linear_with(np.triu(WEIGHTS)).asymmetry > 1e-4


def test_a_second_coupling_counts_for_the_symmetry_of_the_first():
    @jax.jit
    def asymmetry(gain, second):
        def drift(own, x, c):
            return -2 * x + gain * (c[0] + second * c[1])

        flow = Flow(None, lambda links, x: jnp.stack([WEIGHTS @ x[0], x[0] @ WEIGHTS]), drift)
        return linearised(flow, None, None, jnp.ones((1, N))).asymmetry

    gain = np.linspace(1, 2, N)
    for second in (1.0, -2.0):  # in proportion to the first in all regions
        assert asymmetry(gain, np.full(N, second)) < 1e-12
    assert asymmetry(gain, np.linspace(1, 2, N)) > 1e-3
    assert np.isnan(asymmetry(gain - 1.5, np.ones(N)))  # no root of a gain below zero


def test_what_has_no_flow_says_why():
    assert why_no_flow(Network(**WONG_WANG, graph=DenseGraph(WEIGHTS))) == []
    delayed = {"delayed": DelayedLinearCoupling(incoming_states="S", G=0.1)}
    graph = DenseDelayGraph(WEIGHTS, LENGTHS / 3.0)
    network = Network(**WONG_WANG | {"coupling": delayed}, graph=graph)
    assert why_no_flow(network) == ["its coupling has delays"]
    driven = Network(
        dynamics=Generic2dOscillator(),
        coupling={"instant": LinearCoupling(incoming_states="V", G=0.1)},
        graph=DenseGraph(WEIGHTS),
        external_input={"stimulus": SineInput()},
    )
    assert why_no_flow(driven) == ["it has an external input"]
