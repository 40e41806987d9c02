"""Differentiate a function of a vector, and follow its gradient, freely or within margins."""

from bnmfit.batches import batched_rows

import os

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

SLACK = 1e-3  # so much below a margin still counts as kept


def with_gradient(function):
    """Make a function of a vector one that returns its value and, after it, its gradient.

    Parameters
    ----------
    function : callable
        Function of an array of shape (d,), and of others if need be, that returns a number.

    Returns
    -------
    callable
        Function of the same that returns an array of shape (1 + d,): the value, and its
        derivatives in reverse mode.
    """

    def value_and_gradient(*arguments):
        value, gradient = jax.value_and_grad(function)(*arguments)
        return jnp.append(value, gradient)

    return value_and_gradient


def descend(function, starts, optimizer, n_steps, description="descent"):
    """Descend from several starts, in step: each step is one batch of gradients.

    Parameters
    ----------
    function : callable
        Function of an array of shape (d,) that returns a number, and can be differentiated.
    starts : array, shape (n, d)
    optimizer : optax.GradientTransformation
        Every descent has a state of its own.
    n_steps : int
    description : str
        Label of the progress bar.

    Returns
    -------
    positions : array, shape (n_steps, n, d)
        Where each gradient was taken.
    values : array, shape (n_steps, n)
        The function's values there.
    """
    # Each keeps a whole simulation for its gradient: no more at once than have a core.
    n_devices = min(jax.device_count(), os.cpu_count() or 1, len(starts))
    evaluate = batched_rows(with_gradient(function), n_pmap=n_devices, n_vmap=1)
    update = jax.jit(jax.vmap(optimizer.update))
    memory = jax.vmap(optimizer.init)(jnp.asarray(starts))
    positions, values = [np.asarray(starts)], []
    for _ in tqdm(range(n_steps), description):
        out = evaluate(positions[-1])
        values.append(out[:, 0])
        step, memory = update(out[:, 1:], memory, positions[-1])
        positions.append(positions[-1] + np.asarray(step))
    return np.array(positions[:-1]), np.array(values)


def descend_within(function, starts, margins, reach=1.0, n_steps=150):
    """Minimise a function while others stay above margins, which are lowered level by level.

    Sequential quadratic programming (SLSQP of SciPy), in boxes around where the last one ended, so
    that no line search leaves the region in which the functions are smooth.

    Parameters
    ----------
    function : callable
        Function of an array of shape (d,) that returns an array of shape (1 + k,): the value to
        minimise, and k values that have to stay above margins. It can be differentiated. A
        step to where it is not finite is not taken, and can end the level.
    starts : array, shape (n, d)
    margins : array, shape (n_levels, k)
        Margins of each level.
    reach : float
        Half the width of the box of a level.
    n_steps : int
        Steps in each level, at most.

    Returns
    -------
    positions : array, shape (n, n_levels, d)
        The lowest that keeps the margins of each level; where none does, the last.
    values : array, shape (n, n_levels, 1 + k)
        The function there.
    slopes : array, shape (n, n_levels)
        Largest component of the value's gradient there that no active margin balances.
    n_evaluations : array of int, shape (n,)
        Values with gradients that each start took.
    """
    evaluate = _Remembered(function)
    found = [_lower(evaluate, start, margins, reach, n_steps) for start in tqdm(starts)]
    return tuple(map(np.array, zip(*found, strict=True)))


def _lower(evaluate, start, margins, reach, n_steps):
    """Positions, values and slopes of all levels from one start, and what they took."""
    x, before, levels = np.array(start, dtype=float), evaluate.n, []
    for margin in np.asarray(margins, dtype=float):
        x = _within(evaluate, x, margin, reach, n_steps)
        values, jacobian = evaluate(x)
        active = jacobian[1:][values[1:] < margin + SLACK]
        balanced = active.T @ np.linalg.lstsq(active.T, jacobian[0])[0]
        levels.append((x, values, np.abs(jacobian[0] - balanced).max()))
    return *map(np.array, zip(*levels, strict=True)), evaluate.n - before


def _within(evaluate, x, margin, reach, n_steps):
    """The lowest point on the way of SLSQP in a box around x that keeps the margin."""
    best = {"value": np.inf, "x": None}

    def keep(x):
        values = evaluate(x)[0]
        if (values[1:] > margin - SLACK).all() and values[0] < best["value"]:
            best.update(value=values[0], x=x.copy())

    keep(x)
    end = minimize(
        lambda x: evaluate(x)[0][0],
        x,
        jac=lambda x: evaluate(x)[1][0],
        constraints={
            "type": "ineq",
            "fun": lambda x: evaluate(x)[0][1:] - margin,
            "jac": lambda x: evaluate(x)[1][1:],
        },
        bounds=np.stack([x - reach, x + reach], axis=1),
        method="SLSQP",
        callback=keep,
        options={"maxiter": n_steps, "ftol": 1e-7},
    )
    return end.x if best["x"] is None else best["x"]


class _Remembered:
    """A function and its Jacobian, the last of which is kept, with a wall where there are none."""

    def __init__(self, function):
        def both(x):
            values, pull = jax.vjp(function, x)
            return values, jax.vmap(lambda row: pull(row)[0])(jnp.eye(len(values)))

        self.both, self.x, self.n = jax.jit(both), None, 0

    def __call__(self, x):
        if self.x is None or not np.array_equal(x, self.x):
            values, jacobian = map(np.array, self.both(x))
            if not (np.isfinite(values).all() and np.isfinite(jacobian).all()):
                values, jacobian = np.full_like(values, -1e3), np.zeros_like(jacobian)
                values[0] = 1e3
            self.x, self.out, self.n = x.copy(), (values, jacobian), self.n + 1
        return self.out
