"""The running example is the specified one, and its fast form equals the plain formulation."""

import _common
from _common import (
    bold_monitor,
    bounds,
    expected_observation,
    fc_target,
    find_valley,
    load_result,
    loss,
    model,
    n_regions,
    network,
    observation,
    response,
    state,
    transient,
    vary,
    weights,
)
from bnmfit.calibration import effective_number

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain_formulation import plain_loss, plain_observation, plain_state
from tvboptim.execution import ParallelExecution
from tvboptim.types import DataAxis, Parameter, Space

CENTRE = (0.3505, 0.3505)
CORNERS = [(G, w) for G in (0.001, 0.7) for w in (0.001, 0.7)]
RANDOM = [
    tuple(map(float, point)) for point in np.random.default_rng(3).uniform(0.001, 0.7, (5, 2))
]
REGIONAL = {"G": jnp.array(0.3), "w": jnp.full(84, 0.3), "I_o": jnp.full(84, 0.32)}

plain_fc = jax.jit(lambda G, w: plain_observation(vary(plain_state, G=G, w=w)))
fast_fc = jax.jit(lambda G, w: observation(vary(state, G=G, w=w)))


def loss_at(values):
    return loss(vary(state, **values))


def test_specification():
    assert jax.device_count() == 8
    assert jnp.ones(1).dtype == jnp.float64
    assert weights.shape == fc_target.shape == (84, 84)
    assert weights.max() == pytest.approx(1, abs=1e-15)
    assert (jnp.diag(fc_target) == 0).all()
    assert (state.dynamics.w, state.dynamics.I_o) == (0.5, 0.32)
    assert network.dynamics.INITIAL_STATE == (0.3,)
    assert network.coupling["instant"].params.G == 0.5
    assert state.noise.sigma == 0.00283
    assert (state._internal.time.dt, state._internal.time.t1) == (4.0, 120_000.0)
    assert model(state).ys.shape == (30_000, 1, 84)
    assert (bold_monitor.period, bold_monitor.downsample_period) == (1000.0, 4.0)
    assert bold_monitor(model(state)).ys.shape == (120, 1, 84)
    assert bounds == {"G": (0.001, 0.7), "w": (0.001, 0.7), "sigma": (0.001, 0.01)}


def test_simulation_starts_where_the_transient_ended():
    np.testing.assert_array_equal(state.initial_state.dynamics, transient.ys[-1])
    assert not np.allclose(state.initial_state.dynamics, 0.3)


def test_noise_is_the_noise_of_the_key():
    expected = jax.random.normal(state.noise.key, (30_000, 1, 84))
    np.testing.assert_array_equal(state._internal.noise_samples, expected)


@pytest.mark.parametrize("point", [CENTRE, *CORNERS, *RANDOM])
def test_fc_and_loss_equal_the_plain_formulation(point):
    plain, fast = plain_fc(*point), fast_fc(*point)
    np.testing.assert_allclose(fast, plain, rtol=0, atol=1e-10)
    expected = np.sqrt(np.mean((np.asarray(plain) - np.asarray(fc_target)) ** 2))
    np.testing.assert_allclose(
        loss_at(dict(zip("Gw", point, strict=True))), expected, rtol=0, atol=1e-10
    )


def test_other_noise_equals_the_plain_formulation_with_its_key():
    key = jax.random.key(7)
    plain = plain_state.copy()
    plain.noise.key = key
    noise = jax.random.normal(key, (30_000, 1, 84))
    np.testing.assert_allclose(
        loss(vary(state, noise=noise)), plain_loss(plain), rtol=0, atol=1e-10
    )


def central_difference(function, values, direction, step):
    moved = [
        jax.tree.map(lambda x, d, s=sign: x + s * step * d, values, direction) for sign in (1, -1)
    ]
    return (function(moved[0]) - function(moved[1])) / (2 * step)


@pytest.mark.parametrize("point", [CENTRE, RANDOM[0], RANDOM[1]])
def test_gradient_of_two_parameters(point):
    values = {name: jnp.array(value) for name, value in zip("Gw", point, strict=True)}
    forward, reverse = jax.jit(jax.jacfwd(loss_at))(values), jax.jit(jax.grad(loss_at))(values)
    for name in values:
        direction = {other: jnp.array(float(other == name)) for other in values}
        numeric = central_difference(jax.jit(loss_at), values, direction, 1e-5)
        np.testing.assert_allclose(forward[name], numeric, rtol=1e-4, atol=1e-7)
        # The trajectory is sensitive: JAX's own two modes agree no better than to 1e-8.
        np.testing.assert_allclose(reverse[name], forward[name], rtol=1e-6, atol=1e-10)


def test_gradient_of_169_parameters():
    gradient = jax.jit(jax.grad(loss_at))(REGIONAL)
    rng = np.random.default_rng(5)
    for _ in range(3):  # random directions of unit length
        direction = {name: rng.standard_normal(np.shape(value)) for name, value in REGIONAL.items()}
        length = np.sqrt(sum(np.sum(part**2) for part in direction.values()))
        direction = {name: part / length for name, part in direction.items()}
        numeric = central_difference(jax.jit(loss_at), REGIONAL, direction, 1e-5)
        exact = sum(np.sum(gradient[name] * direction[name]) for name in REGIONAL)
        np.testing.assert_allclose(exact, numeric, rtol=1e-4, atol=1e-7)


def test_gradient_of_169_parameters_equals_the_plain_formulation():
    plain = jax.jit(jax.grad(lambda values: plain_loss(vary(plain_state, **values))))(REGIONAL)
    fast = jax.jit(jax.grad(loss_at))(REGIONAL)
    for name in REGIONAL:
        np.testing.assert_allclose(fast[name], plain[name], rtol=1e-6, atol=1e-10)


def test_batch_equals_one_by_one():
    G = jnp.array([0.1, 0.3, 0.6])
    one_by_one = [loss(vary(state, G=value)) for value in G]
    space = Space(vary(state, G=DataAxis(G)), mode="zip")
    batch = list(ParallelExecution(loss, space, n_pmap=8, n_vmap=2).run())
    np.testing.assert_allclose(batch, one_by_one, rtol=0, atol=1e-10)
    mapped = jax.vmap(lambda value: loss(vary(state, G=value)))(G)
    np.testing.assert_allclose(mapped, one_by_one, rtol=0, atol=1e-10)


def test_vary_changes_a_copy():
    varied = vary(state, G=0.2, w=jnp.full(84, 0.1), sigma=0.005)
    assert varied.coupling.instant.G == 0.2
    assert varied.dynamics.w.shape == (84,)
    assert varied.noise.sigma == 0.005
    assert (state.coupling.instant.G, state.dynamics.w, state.noise.sigma) == (0.5, 0.5, 0.00283)


def test_vary_takes_tvboptim_parameters():
    varied = vary(state, G=Parameter(0.2))
    assert loss(varied) == pytest.approx(float(loss(vary(state, G=0.2))), abs=1e-12)


def test_vary_refuses_unknown_names():
    with pytest.raises(
        ValueError, match="Unknown parameter J_N: vary takes G, w, I_o, sigma, noise"
    ):
        vary(state, J_N=0.3)


def python(code, folder):
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_import_from_any_folder(tmp_path):
    run = python("import _common, jax; print(jax.device_count(), _common.weights.dtype)", tmp_path)
    assert run.stdout.split() == ["8", "float64"], run.stderr


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("import jax", "with 32-bit floats"),
        (
            "import jax; jax.config.update('jax_enable_x64', True); jax.devices()",
            "with 1 device(s)",
        ),
    ],
)
def test_import_after_jax_says_what_to_do(tmp_path, before, message):
    run = python(f"{before}; import _common", tmp_path)
    error = run.stderr.strip().splitlines()[-1]
    assert error.startswith("RuntimeError: JAX was")
    assert message in error
    assert "import _common first" in error


def test_names_of_the_page():
    for name in (
        "state",
        "observation",
        "loss",
        "vary",
        "stored_result",
        "load_result",
        "cost_box",
    ):
        assert callable(getattr(_common, name)) or name == "state"


def test_the_expected_fc_is_the_average_of_simulations_at_twelve_places():
    simulated = load_result("response_agreement")
    upper = np.triu_indices(n_regions, 1)
    at = jax.jit(lambda G, w: expected_observation(vary(state, G=G, w=w), response.n_samples))
    error = np.sqrt(simulated["variance"].values / simulated.attrs["draws"])
    places = zip(simulated["G"].values, simulated["w"].values, strict=True)
    expected = np.array([np.asarray(at(*place))[upper] for place in places])
    z = (simulated["mean"].values - expected) / error
    assert len(z) == 12
    # By chance 0.27 % are beyond three errors; entries of one place are not independent.
    assert (np.abs(z) > 3).mean(axis=1).max() < 0.01
    # The RMSE is that of the averages alone; it is uncertain by a tenth for 500 free entries.
    ratio = np.sqrt((z**2).mean(axis=1))
    np.testing.assert_allclose(ratio, 1, atol=0.15)


def test_fc_varies_between_recordings_as_it_does_between_simulations():
    spread, valley = load_result("fc_variability"), find_valley()
    for k, w in enumerate(spread["w"].values):
        scatter = response.observation_covariance(vary(state, G=float(valley.G_at(w)), w=w))
        scatter = np.asarray(scatter)
        simulated_sd = np.sqrt((spread["entry_sd"].values[k] ** 2).mean())
        last = spread["trace"].isel(w=k, n=-1).values
        counted = effective_number(*last, int(spread["n"][-1]))
        computed = effective_number(np.trace(scatter), (scatter**2).sum(), 0, correct=False)
        # 400 draws of about 500 free entries know an sd to 0.2 %; first order leaves a percent.
        np.testing.assert_allclose(np.sqrt(np.diag(scatter).mean()), simulated_sd, rtol=0.02)
        np.testing.assert_allclose(computed, counted, rtol=0.1)
