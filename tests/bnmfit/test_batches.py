"""Batches equal single calls, are compiled once, and say what is wrong with their input."""

from _common import (
    batched,
    batched_rows,
    bounds,
    box,
    descend,
    loss,
    mean_observation,
    n_regions,
    n_steps,
    observation,
    space_of,
    state,
    vary,
    with_gradient,
)
from bnmfit.devices import batch_shape
from bnmfit.local import StatesFailed

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tvboptim.types import DataAxis, Space, UniformAxis

POINTS = np.random.default_rng(5).uniform(0.001, 0.7, (11, 2))  # 8 devices do not divide 11


def cheap(state):
    """Depend on three parameters without a simulation."""
    return state.coupling.instant.G + 10 * state.dynamics.w + 1e4 * state.noise.sigma


@pytest.fixture
def compilations():
    """Count what JAX compiles while a test runs."""
    names, counting = [], [True]
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, _, **more: counting and "backend_compile" in name and names.append(name)
    )
    yield names
    counting.clear()


def test_a_batch_equals_single_losses_in_order():
    batch = batched(loss)(space_of(POINTS))
    assert batch.shape == (11,)
    for k in (0, 4, 10):
        single = loss(vary(state, G=POINTS[k, 0], w=POINTS[k, 1]))
        assert batch[k] == pytest.approx(float(single), abs=1e-10)


def test_arrays_keep_their_shape():
    pairs = batched(lambda state: jnp.stack([state.dynamics.w, state.coupling.instant.G]))
    assert np.array_equal(pairs(space_of(POINTS)), POINTS[:, ::-1])


def test_later_generations_compile_nothing(compilations):
    evaluate = batched(cheap)
    generations = np.random.default_rng(6).uniform(0.1, 0.6, (4, 16, 2))
    counts = []
    for points in generations:
        values = evaluate(space_of(points))
        assert np.allclose(values, points @ [1, 10] + 1e4 * state.noise.sigma, rtol=1e-14)
        counts.append(len(compilations))
    assert counts[0] > 0
    assert counts[1:] == counts[:1] * 3
    batched(cheap)(space_of(points))  # as a new one would
    assert len(compilations) > counts[-1]


def test_a_program_is_not_reused_for_another_state():
    evaluate = batched(cheap)
    G = np.linspace(0.1, 0.4, 8)
    for sigma in (0.002, 0.004):
        space = Space(vary(state, G=DataAxis(G), sigma=sigma), mode="zip")
        assert np.allclose(evaluate(space), G + 5 + 1e4 * sigma)
    assert np.allclose(evaluate(space_of(G[:, None], ["w"])), 0.5 + 10 * G + 28.3)
    assert np.allclose(evaluate(space_of(G[:3, None], ["w"])), 0.5 + 10 * G[:3] + 28.3)


def test_uniform_axes_give_each_state_its_own_values():
    axes = {name: UniformAxis(*bounds[name], 50) for name in ("G", "w")}
    space = Space(vary(state, **axes), mode="zip", key=jax.random.key(42))
    where = space.collect()
    assert not np.allclose(where.coupling.instant.G, where.dynamics.w)
    values = batched(cheap)(space)
    assert np.allclose(values - 28.3, where.coupling.instant.G + 10 * where.dynamics.w)


def test_states_that_fail_are_reported_and_the_others_kept():
    points = POINTS[:9].copy()
    points[[3, 7], 0] = 0.25
    broken = batched(lambda state: jnp.where(state.coupling.instant.G == 0.25, jnp.nan, 1.0))
    message = (
        rf"2 of 9 states failed, first at coupling.instant.G = 0.25, .*{points[3, 1]:.4g} "
        r"\(not finite\); "
    )
    with pytest.raises(StatesFailed, match=message) as failure:
        broken(space_of(points))
    assert failure.value.reasons == {3: "not finite", 7: "not finite"}
    assert np.array_equal(np.isnan(failure.value.values), points[:, 0] == 0.25)


@pytest.mark.parametrize(
    ("points", "names", "message"),
    [
        (np.empty((0, 2)), ("G", "w"), "There is no point to evaluate"),
        (np.ones((4, 3)), ("G", "w"), r"shape \(4, 3\), but G, w take .* 2 columns"),
        (np.ones(4), ("G", "w"), r"shape \(4,\)"),
        ([[0.1, 0.2], [0.3, np.nan]], ("G", "w"), "Point 1, .*, is not finite"),
        (np.ones((4, 1)), ("tau",), "Unknown parameter tau"),
    ],
)
def test_bad_points_are_explained(points, names, message):
    with pytest.raises(ValueError, match=message):
        space_of(points, names)


def test_the_box_has_a_column_per_parameter():
    assert np.array_equal(box("w", "sigma"), [[0.001, 0.001], [0.7, 0.01]])


def test_a_box_without_bounds_is_explained():
    with pytest.raises(ValueError, match="I_o has no bounds: there are bounds for G, w, sigma"):
        box("G", "I_o")


def test_rows_equal_a_space():
    rows = batched_rows(lambda x: loss(vary(state, G=x[0], w=x[1])))(POINTS)
    assert np.allclose(rows, batched(loss)(space_of(POINTS)), rtol=0, atol=1e-10)


def test_rows_of_several_arrays_go_together():
    numbers = np.arange(len(POINTS))
    values = batched_rows(lambda x, k: x.sum() + 10 * k)(POINTS, numbers)
    assert np.allclose(values, POINTS.sum(axis=1) + 10 * numbers, rtol=1e-14)


def test_rows_that_give_no_number_are_refused():
    points = np.array([[0.1, 0.2], [np.nan, 0.3]])
    with pytest.raises(ValueError, match="1 of 2 states failed"):
        batched_rows(lambda x: x.sum(), 2, 1)(points)


def test_the_gradient_follows_the_value():
    function = with_gradient(lambda x, power: jnp.sum(x**power))
    assert np.allclose(function(jnp.array([1.0, 2.0]), 3), [9, 3, 12])


def test_the_gradient_of_a_batch_is_that_of_single_losses():
    def at(x):
        return loss(vary(state, G=x[0], w=x[1]))

    rows = batched_rows(with_gradient(at), 3, 1)(POINTS[:3])
    value, gradient = jax.jit(jax.value_and_grad(at))(POINTS[1])
    assert np.allclose(rows[1], [value, *gradient], rtol=1e-6)


def test_descents_side_by_side_equal_descents_alone():
    def valley(x):
        return 2 * (x[0] + x[1] - 1) ** 2 + x[1] ** 2

    starts = np.array([[0.0, 0.0], [2.0, -1.0], [-1.0, 3.0]])
    positions, values = descend(valley, starts, optax.adam(0.1), 800)
    assert positions.shape == (800, 3, 2)
    assert np.array_equal(positions[0], starts)
    assert np.allclose(values, np.apply_along_axis(valley, 2, positions))
    assert np.allclose(positions[-1], [1, 0], atol=0.02)
    alone, _ = descend(valley, starts[1:2], optax.adam(0.1), 800)
    assert np.allclose(alone[:, 0], positions[:, 1], atol=1e-9)


def test_the_mean_observation_is_the_mean_over_draws():
    draws = np.array([3, 8])
    noise = [jax.random.normal(jax.random.key(draw), (n_steps, 1, n_regions)) for draw in draws]
    single = [observation(vary(state, noise=one)) for one in noise]
    mean = mean_observation(state, draws)
    assert np.allclose(mean, np.mean(single, axis=0), rtol=0, atol=1e-10)
    assert not np.allclose(mean, single[0], atol=0.01)


def test_a_gpu_gets_larger_batches(monkeypatch):
    assert batch_shape() == (8, 8)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    assert batch_shape() == (2, 512)


SOLVES = """
from bnmfit.devices import use_devices
use_devices(8)
import jax, jax.numpy as jnp

def solve(A):
    step = lambda _, x: jnp.linalg.solve(A + 0 * x, x)
    return jax.lax.fori_loop(0, 1000, step, jnp.ones((8, 84, 1)))

A = jnp.broadcast_to(jnp.eye(84), (8, 8, 84, 84))
assert jnp.all(jax.pmap(solve)(A) == 1)
"""


def test_devices_that_solve_many_systems_do_not_wait_for_each_other():
    subprocess.run([sys.executable, "-c", SOLVES], check=True, timeout=500)  # once: for ever
