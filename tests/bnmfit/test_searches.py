"""Searches at equal budgets: CMA-ES side by side, and descents of several lengths."""

from bnmfit.searches import (
    descend_each,
    evolve,
    in_other_orders,
    in_the_middle,
    lowest_within,
    walled,
)

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

CENTRE = np.array([0.3, 0.6, 0.45])


def bowl(u):
    return np.sum((u - CENTRE) ** 2, axis=-1)


@pytest.fixture
def starts():
    return in_the_middle(np.random.default_rng(0), 4, 3)


def test_starts_lie_in_the_middle_half(starts):
    assert starts.shape == (4, 3)
    assert starts.min() >= 0.25
    assert starts.max() <= 0.75


@pytest.mark.parametrize("options", [{}, {"CMA_diagonal": True}, {"popsize": 5}])
def test_cma_es_finds_the_bottom_of_a_bowl_in_each_run(starts, options):
    points, losses = evolve(bowl, starts, 400, seed=3, **options)
    assert points.shape == (4, 400, 3)
    assert losses.shape == (4, 400)
    assert points.min() >= 0
    assert points.max() <= 1
    np.testing.assert_array_equal(losses, bowl(points))
    assert losses.min(axis=1).max() < 1e-4


def test_a_generation_is_one_batch_and_a_seed_repeats_the_runs(starts):
    sizes = []

    def evaluate(u):
        sizes.append(len(u))
        return bowl(u)

    _, first = evolve(evaluate, starts, 50, seed=3, popsize=6)
    assert sizes == [24] * 9  # 9 generations of 6 hold 50
    _, again = evolve(bowl, starts, 50, seed=3, popsize=6)
    _, other = evolve(bowl, starts, 50, seed=4, popsize=6)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_run_that_has_converged_begins_anew(starts):
    points, losses = evolve(bowl, starts, 3000, seed=1)
    late = losses[:, 1500:].max(axis=1)  # of one that stayed it would be next to nothing
    assert late.min() > 1e-3
    assert points.min() >= 0
    assert points.max() <= 1


def test_descents_of_several_lengths_are_those_of_each_length(starts):
    def rate(step, length):
        return 0.1 * (1 - step / length)

    arguments = optax.scale_by_adam(), rate
    best, values = descend_each(lambda x: jnp.sum((x - CENTRE) ** 2), starts, [5, 20], *arguments)
    assert best.shape == (2, 4, 3)
    assert [v.shape for v in values] == [(5, 4), (20, 4)]
    for k, length in enumerate([5, 20]):
        alone = descend_each(lambda x: jnp.sum((x - CENTRE) ** 2), starts, [length], *arguments)
        np.testing.assert_allclose(alone[1][0], values[k], rtol=1e-12)
        np.testing.assert_allclose(alone[0][0], best[k], rtol=1e-12)
        np.testing.assert_allclose(bowl(best[k]), values[k].min(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(values[0][0], values[1][0])  # the same starts


def test_a_wall_stands_where_a_function_has_no_value():
    function = walled(lambda x: jnp.sqrt(x[0]) + x[1], 5.0)
    x = jnp.array([4.0, 1.0])
    assert function(x) == 3.0
    np.testing.assert_allclose(jax.grad(function)(x), [0.25, 1.0])
    for outside in ([-1.0, 1.0], [jnp.inf, 1.0]):
        assert function(jnp.array(outside)) == 5.0
        np.testing.assert_array_equal(jax.grad(function)(jnp.array(outside)), 0)


def test_orders_of_a_pool_share_its_samples():
    pool = np.arange(20.0)
    runs = in_other_orders(pool, 3, 20, seed=2)
    for run in runs:
        np.testing.assert_array_equal(np.sort(run), pool)
    assert not np.array_equal(runs[0], runs[1])
    assert in_other_orders(pool, 3, 7).shape == (3, 7)


def test_the_lowest_within_a_budget():
    losses = np.array([[3.0, 1.0, 2.0, 0.5], [1.0, 4.0, 4.0, 4.0]])
    np.testing.assert_array_equal(lowest_within(losses, [1, 3, 4]), [[3, 1, 0.5], [1, 1, 1]])
