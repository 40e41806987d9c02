"""Steady states are where a simulation without noise ends, with the derivative that they have."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.linear_response import LinearResponse
from bnmfit.spectra import Mode
from bnmfit.steady_states import distance_to_fold, relax, root_near

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_studies import example


def square_root(a, start=1.0):
    """The root of a - x^2, as a function of a."""
    return root_near(lambda x: a - x**2, jnp.array([start]))[0]


@pytest.mark.parametrize("stride", [0.1, jnp.inf])
def test_a_root_is_found_with_and_without_steps_that_follow_the_flow(stride):
    root = root_near(lambda x: 3.0 - x**2, jnp.array([1.0]), stride)
    assert root[0] == pytest.approx(np.sqrt(3), abs=1e-12)  # rounding


def test_short_steps_end_where_the_flow_does_and_newtons_where_it_is_nearest():
    def drift(x):  # rests at -1 and 1; 0 is unstable
        return x - x**3

    start = jnp.array([0.3])
    assert root_near(drift, start, 0.05)[0] == pytest.approx(1, abs=1e-12)
    assert root_near(drift, start)[0] == pytest.approx(0, abs=1e-12)


def test_a_root_has_the_derivatives_of_the_implicit_function():
    a = 3.0
    expected = 1 / (2 * np.sqrt(a))
    assert square_root(a) == pytest.approx(np.sqrt(a), abs=1e-12)
    for derivative in (jax.jacfwd, jax.grad):
        assert jax.jit(derivative(square_root))(a) == pytest.approx(expected, rel=1e-12)  # rounding
    assert jax.hessian(square_root)(a) == pytest.approx(-expected / (2 * a), rel=1e-9)
    assert jax.grad(square_root, 1)(a, 1.0) == 0  # where the search begins does not count


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_flow_with_two_rests_ends_on_its_own_side(side):
    def drift(x):
        return 0.01 * (x - 0.1) * (1 - x) * (1 + x)  # 0.1 is unstable

    end = relax(drift, jnp.array([0.1 + 0.01 * side]), 4.0)
    assert end[0] == pytest.approx(side, abs=1e-4)  # it stops at a speed of 1e-6
    assert jnp.abs(drift(end)).max() < 1e-6


def test_relaxation_has_no_derivative_and_never_leaves_the_numbers():
    def end_of(rate):
        return relax(lambda x: rate * x, jnp.array([0.5]), 4.0)[0]

    assert end_of(1.0) == 0.5  # beyond all numbers, so that it stays at its start
    for rate in (-0.01, 1.0):
        assert jax.jit(jax.jacfwd(end_of))(rate) == 0
        assert jax.jit(jax.grad(end_of))(rate) == 0


def test_the_distance_to_a_fold_is_that_of_the_parabola_in_deviations():
    decay, bend, q = 0.02, 0.3, 1e-5

    def drift(x, decay=decay):  # rests at zero, and without rest at decay / bend
        return jnp.stack([-decay * x[0] + bend * x[0] ** 2, -x[1]])

    Q = jnp.diag(jnp.array([q, 1.0]))
    mode = Mode(-decay, jnp.array([1.0, 0.0]), jnp.array([1.0, 0.0]))
    expected = decay / bend / np.sqrt(q / (2 * decay))
    assert distance_to_fold(drift, jnp.zeros(2), mode, Q) == pytest.approx(expected, rel=1e-12)
    scaled = Mode(-decay, 5 * mode.right, mode.left / 5)  # an eigenvector has no length
    assert distance_to_fold(drift, jnp.zeros(2), scaled, Q) == pytest.approx(expected, rel=1e-12)
    grows = mode._replace(eigenvalue=decay)
    assert distance_to_fold(lambda x: drift(x, -decay), jnp.zeros(2), grows, Q) < 0
    turns = mode._replace(eigenvalue=-decay + 0.1j)
    assert distance_to_fold(drift, jnp.zeros(2), turns, Q) == np.inf


@cache
def response():
    return LinearResponse(example())


def with_two_rests(start):
    """A state of the small brain that has two stable steady states, and where it begins."""
    study = example()
    state = study.vary(study.state, w=0.9, I_o=0.32, G=0.05)
    return eqx.tree_at(lambda s: s.initial_state.dynamics, state, jnp.full((1, 20), start))


def test_a_search_finds_the_second_stable_state():
    found = response().steady_states(with_two_rests(0.05))
    stable = [one for one in found if one.leading < 0]
    assert len(stable) == 2
    assert stable[0].x.mean() < 0.2 < 0.4 < stable[1].x.mean()
    assert all(one.speed < 1e-9 and one.to_fold > 0 for one in stable)
    assert all(one.to_fold < 0 for one in found if one.leading > 0)
    assert [float(one.x.mean()) for one in found] == sorted(float(one.x.mean()) for one in found)


@pytest.mark.parametrize("start", [0.05, 0.6])
def test_the_steady_state_is_the_one_that_a_simulation_without_noise_ends_in(start):
    study, state = example(), with_two_rests(start)
    silent = study.vary(state, noise=jnp.zeros(study.noise_shape))
    end = jax.jit(study.model)(silent).ys[-1]
    steady = response().steady_state(state)
    np.testing.assert_allclose(steady.x, end, atol=1e-6)  # 30 s, at a decay within 1 s
    assert (steady.x.mean() > 0.4) == (start > 0.4)


def test_a_search_from_elsewhere_can_end_in_the_other_one():
    low, high = (response().steady_state(with_two_rests(start)).x for start in (0.05, 0.6))
    elsewhere = response().steady_state(with_two_rests(0.05), near=high)
    np.testing.assert_allclose(elsewhere.x, high, atol=1e-9)  # Newton's last step
    assert not np.allclose(elsewhere.x, low, atol=0.1)
