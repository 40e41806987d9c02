"""Compare searches of a unit cube at equal budgets: CMA-ES, random samples, and descents."""

from bnmfit.batches import batched_rows
from bnmfit.descent import with_gradient

from operator import itemgetter

import cma
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm


def walled(function, wall):
    """Give a function a finite value where it has none, and there no slope.

    Parameters
    ----------
    function : callable
        Function of an array of shape (d,) that returns a number, and can be differentiated.
    wall : float
        Its value where the function or its gradient is not finite.

    Returns
    -------
    callable
        Function of the same, to be differentiated in reverse mode.
    """

    def kept(x):
        value, gradient = jax.value_and_grad(function)(x)
        is_finite = jnp.isfinite(value) & jnp.isfinite(gradient).all()
        return jnp.where(is_finite, value, wall), jnp.where(is_finite, gradient, 0.0)

    @jax.custom_vjp
    def with_wall(x):
        value = function(x)
        return jnp.where(jnp.isfinite(value), value, wall)

    with_wall.defvjp(kept, lambda gradient, slope: (slope * gradient,))
    return with_wall


def in_the_middle(rng, n, d):
    """Random points in the middle of the unit cube, half its width: shape (n, d)."""
    return rng.uniform(0.25, 0.75, (n, d))


def evolve(evaluate, starts, n_evaluations, seed=0, step=0.2, description="CMA-ES", **options):
    """Run CMA-ES several times in the unit cube, side by side: each generation is one batch.

    A run that stops by itself, because it has converged, begins anew at a random point in the
    middle of the cube.

    Parameters
    ----------
    evaluate : callable
        Function of an array of shape (n_points, d) that returns finite losses, shape (n_points,).
    starts : array, shape (n, d)
    n_evaluations : int
        Evaluations of each run; the last generation counts as far as they reach.
    seed : int
        Of the runs, and of where they begin anew.
    step : float
        Standard deviation of the first generation.
    description : str
        Label of the progress bar.
    **options
        Options of `cma`: without any, its defaults; `CMA_diagonal=True` for a separable CMA-ES,
        which learns the scale of each parameter but not how they go together.

    Returns
    -------
    points : array, shape (n, n_evaluations, d)
    losses : array, shape (n, n_evaluations)
    """
    d = np.shape(starts)[1]
    rng = np.random.default_rng([seed, d])

    def strategy_at(start):
        own = {"bounds": [0, 1], "seed": int(rng.integers(1, 2**31)), "verbose": -9}
        return cma.CMAEvolutionStrategy(start, step, own | options)

    strategies = [strategy_at(start) for start in starts]
    points, losses = [], []
    for _ in tqdm(range(-(-n_evaluations // strategies[0].popsize)), description):
        asked = np.array([strategy.ask() for strategy in strategies])
        told = np.reshape(evaluate(asked.reshape(-1, d)), asked.shape[:2])
        for k, strategy in enumerate(strategies):
            strategy.tell(list(asked[k]), told[k])
            if strategy.stop():
                strategies[k] = strategy_at(in_the_middle(rng, 1, d)[0])
        points.append(asked)
        losses.append(told)
    points, losses = np.concatenate(points, axis=1), np.concatenate(losses, axis=1)
    return points[:, :n_evaluations], losses[:, :n_evaluations]


def descend_each(function, starts, lengths, optimizer, rate, description="descents"):
    """Descend from the same starts with several numbers of steps, each with a schedule of its own.

    Parameters
    ----------
    function : callable
        Function of an array of shape (d,) that returns a number, and can be differentiated.
    starts : array, shape (n, d)
    lengths : sequence of int
        Numbers of steps.
    optimizer : optax.GradientTransformation
        What makes a direction of a gradient, such as `optax.scale_by_adam()`.
    rate : callable
        `rate(step, length)`, by which the direction is multiplied.
    description : str
        Label of the progress bar.

    Returns
    -------
    best : array, shape (n_lengths, n, d)
        Where the lowest value was.
    values : list of arrays, shapes (length, n)
        The function's values on the way.
    """
    starts, lengths = np.asarray(starts, dtype=float), np.asarray(lengths)
    evaluate = batched_rows(with_gradient(function), n_vmap=1)
    update = jax.jit(jax.vmap(optimizer.update))
    x = np.tile(starts, (len(lengths), 1))
    memory, best = jax.vmap(optimizer.init)(x), x.copy()
    values = np.full((lengths.max(), len(x)), np.inf)
    rows = np.arange(len(x))  # those that still descend
    last = np.repeat(lengths, len(starts))
    for step in tqdm(range(lengths.max()), description):
        goes_on = np.flatnonzero(last[rows] > step)
        rows, memory = rows[goes_on], jax.tree.map(itemgetter(goes_on), memory)
        out = evaluate(x[rows])
        is_lowest = out[:, 0] < values[:, rows].min(axis=0)
        best[rows[is_lowest]] = x[rows[is_lowest]]
        values[step, rows] = out[:, 0]
        direction, memory = update(out[:, 1:], memory)
        rates = np.array([rate(step, length) for length in lengths])
        x[rows] -= rates[rows // len(starts), None] * np.asarray(direction)
    values = values.reshape(len(values), len(lengths), -1)
    ways = [values[:length, k] for k, length in enumerate(lengths)]
    return best.reshape(len(lengths), *starts.shape), ways


def in_other_orders(losses, n_orders, n_evaluations, seed=0):
    """Runs of random search, cut from one pool of samples: each is another order of it.

    Parameters
    ----------
    losses : array, shape (n_samples,)
        Losses at independent random points.
    n_orders, n_evaluations : int
        How many runs, and how long they are.
    seed : int

    Returns
    -------
    array, shape (n_orders, n_evaluations)
    """
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(losses)[:n_evaluations] for _ in range(n_orders)])


def lowest_within(losses, budgets):
    """The lowest loss within each budget.

    Parameters
    ----------
    losses : array, shape (..., n_evaluations)
        In the order of evaluation.
    budgets : sequence of int
        Numbers of evaluations, none above n_evaluations.

    Returns
    -------
    array, shape (..., n_budgets)
    """
    so_far = np.minimum.accumulate(losses, axis=-1)
    return so_far[..., np.asarray(budgets) - 1]
