"""Differentiate a function of a vector, and follow its gradient from several starts at once."""

from bnmfit.batches import batched_rows

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm


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
    n_devices = min(jax.device_count(), len(starts))
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
