"""Shared noise: its covariance, its derivative, and the same numbers by both simulators."""

from bnmfit.linear_response import LinearResponse
from bnmfit.noise import SharedNoise, noise_covariance
from bnmfit.study import Free

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_studies import MODELS, example, wong_wang
from tvboptim.experimental.network_dynamics.coupling import DelayedLinearCoupling
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise

FREE = {"rho": Free(lambda state: state.noise.rho, 0.0, 1.0)}


@cache
def with_shared_input():
    """The example with noise of which a share is common."""
    noise = SharedNoise(sigma=0.00283, rho=0.0, apply_to="S")
    return example().variant("shared", noise=noise, free=dict(example().free) | FREE)


def test_without_a_share_it_is_the_noise_of_before():
    study, before = with_shared_input(), example()
    assert study.simulator == before.simulator == "fast"
    assert float(study.loss(study.state)) == pytest.approx(float(before.loss(before.state)))


def test_both_simulators_see_the_same_noise():
    study = with_shared_input()
    state = study.vary(study.state, rho=0.4)
    plain = study.monitor(study.model(state)).ys[study.skip :, 0]
    np.testing.assert_allclose(study.simulate_bold(state), plain, atol=1e-12)


def test_noise_that_is_drawn_in_the_call_is_shared_too():
    study = with_shared_input()
    state = study.vary(study.state, rho=0.4)
    drawn = study.vary(state, noise=None)  # the same key, so the same numbers
    np.testing.assert_allclose(study.simulate_bold(drawn), study.simulate_bold(state), atol=1e-12)


def test_all_noise_in_common_moves_identical_regions_together():
    weights = 1 - np.eye(20)
    noise = SharedNoise(sigma=0.00283, rho=1.0, apply_to="S")
    study = wong_wang(weights=weights, noise=noise, free=dict(example().free) | FREE)
    fc = study.observation(study.state)
    off = ~np.eye(20, dtype=bool)
    np.testing.assert_allclose(np.asarray(fc)[off], 1, atol=1e-6)


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_linear_response_has_the_mean_of_simulations(rho):
    study = with_shared_input()
    response = LinearResponse(study)
    state = study.vary(study.state, rho=rho)
    fcs = jax.lax.map(
        lambda draw: study.observation(
            study.vary(state, noise=study.draw_noise(jax.random.key(draw)))
        ),
        jnp.arange(64),
    )
    error = np.sqrt(fcs.var(axis=0).mean() / 64)
    apart = fcs.mean(axis=0) - response.expected_observation(state, response.n_samples)
    assert np.sqrt((apart**2).mean()) < 1.4 * error
    assert np.mean(fcs.mean(axis=0)) > 0.5 * rho  # and there is something to see


@pytest.mark.parametrize("of", ["loss", "expected"])
def test_the_derivative_is_that_of_differences(of):
    study = with_shared_input()
    response = LinearResponse(study)

    @jax.jit
    def value(rho):
        state = study.vary(study.state, rho=rho)
        if of == "loss":
            return study.loss(state)
        return study.metric(response.expected_observation(state), study.target)

    h = 1e-5
    by_difference = (value(0.3 + h) - value(0.3 - h)) / (2 * h)
    np.testing.assert_allclose(jax.grad(value)(0.3), by_difference, rtol=1e-5)
    assert jnp.isfinite(jax.grad(value)(0.0))


def test_delays_go_with_it():
    study = with_shared_input().variant(
        "delayed",
        coupling={"delayed": DelayedLinearCoupling(incoming_states="S", G=0.1)},
        speed=3.0,
        free=FREE,
    )
    assert study.simulator == "tvboptim"
    quiet, loud = (study.observation(study.vary(study.state, rho=rho)) for rho in (0.0, 0.8))
    assert loud.mean() > quiet.mean() + 0.3


def test_covariances_of_independent_noise_are_a_diagonal_of_squares():
    study = example()
    noise = study.network.noise
    x = jnp.zeros((1, 20))
    np.testing.assert_allclose(
        noise_covariance(noise, x, study.state.noise), 0.00283**2 * np.eye(20), rtol=1e-12
    )


def test_each_noisy_variable_shares_with_its_own_kind():
    noise = SharedNoise(sigma=0.01, rho=0.5, apply_to=["x", "y"])
    study = wong_wang(**(MODELS["Hopf"][0] | {"noise": noise}))
    Q = noise_covariance(study.network.noise, jnp.zeros((2, 20)), study.state.noise)
    block = 1e-4 * (0.5 * np.eye(20) + 0.5)
    zero = np.zeros_like(block)
    np.testing.assert_allclose(Q, np.block([[block, zero], [zero, block]]), atol=1e-15)


@pytest.mark.parametrize("rho", [-0.1, 1.2, np.nan])
def test_a_share_is_from_nothing_to_all(rho):
    with pytest.raises(ValueError, match="it has to be from 0 to 1"):
        SharedNoise(sigma=0.01, rho=rho)


def test_a_variant_differs_in_what_is_named_and_in_nothing_else():
    before = example()
    after = before.variant("shorter", duration=31_000.0)
    assert (after.name, after.duration) == ("shorter", 31_000.0)
    differ = {key for key, text in before.identity.items() if after.identity[key] != text}
    assert differ == {"times"}
    assert isinstance(after.network.noise, AdditiveNoise)
    with pytest.raises(TypeError, match="no_such"):
        before.variant("x", no_such=1)
