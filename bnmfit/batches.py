"""Evaluate and differentiate for many states at once, with one compiled program for all calls."""

from bnmfit.devices import batch_shape

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm
from tvboptim.execution import ParallelExecution
from tvboptim.experimental.network_dynamics.core.bunch import Bunch
from tvboptim.types import DataAxis, Space


class StatesFailed(ValueError):
    """Some states of a batch gave no finite value. The others did.

    Parameters
    ----------
    space : Space
        The N states.
    values : array, shape (N, ...)
        The values, of those states too that did not fail.
    reasons : dict
        Why a state failed, by its position in the space.
    """

    def __init__(self, space, values, reasons):
        self.values, self.reasons = values, reasons
        first = sorted(reasons)[:3]
        points = space.to_dataframe().iloc[first].to_dict("records")
        where = "; ".join(
            ", ".join(f"{name} = {_short(value)}" for name, value in point.items())
            + f" ({reasons[k]})"
            for k, point in zip(first, points, strict=True)
        )
        super().__init__(
            f"{len(reasons)} of {space.N} states failed, first at {where}: "
            "keep the parameters where the model can be simulated."
        )


def batched(function, n_pmap=None, n_vmap=None, cluster=None):
    """Make a function of a state one of a `Space`, compiled once and not once per call.

    A new `ParallelExecution` compiles a new program. Here the first one keeps its program for all
    later spaces with the same number of states, as the generations of an evolution strategy are.

    Parameters
    ----------
    function : callable
        Function of a state, such as `loss`, that returns an array of any shape.
    n_pmap : int, optional
        Number of devices that work side by side; as `batch_shape` has it, if not given.
    n_vmap : int, optional
        Number of states that each device advances in step; likewise.
    cluster : str, optional
        Evaluate on a Dask cluster, in batches of n_pmap * n_vmap states: `"local"` for one process
        per core of this machine, started and stopped by the call, or the address of a scheduler.

    Returns
    -------
    callable
        Function of a `Space` of N states that returns an array of N values, in the order of the
        space. If values are not finite it raises a `StatesFailed`, which says for which parameters,
        and holds the others.
    """
    n_pmap, n_vmap = n_pmap or batch_shape()[0], n_vmap or batch_shape()[1]
    if cluster is not None:
        from bnmfit.clusters import evaluate_on

        return lambda space: evaluate_on(cluster, function, space, n_pmap, n_vmap)
    first = None

    def evaluate(space):
        nonlocal first
        execution = ParallelExecution(function, space, n_pmap=n_pmap, n_vmap=n_vmap)
        if first is not None and _same_but_for_values(first.space, space):
            execution.map_model = first.map_model
        else:
            first = execution
        values = np.asarray(execution.run().results)
        values = values.reshape(-1, *values.shape[2:])[: space.N]  # without the padding
        _refuse_non_finite(values, space)
        return values

    return evaluate


def batched_rows(function, n_pmap=None, n_vmap=None):
    """As `batched`, for a function of arrays: rows of values instead of a `Space` of states.

    Parameters
    ----------
    function : callable
        Function of one array, or of several, that returns an array.
    n_pmap, n_vmap : int, optional
        As in `batched`.

    Returns
    -------
    callable
        Function of as many arrays, whose first axes have the same length N, that returns the array
        of the N values of `function`. It raises a ValueError if a value is not finite.
    """
    evaluate = batched(lambda state: function(*state.rows), n_pmap, n_vmap)

    def evaluate_rows(*rows):
        axes = [DataAxis(np.asarray(column)) for column in rows]
        return evaluate(Space(Bunch(rows=axes), mode="zip"))

    return evaluate_rows


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
    evaluate = batched_rows(with_gradient(function), n_pmap=min(8, len(starts)), n_vmap=1)
    update = jax.jit(jax.vmap(optimizer.update))
    memory = jax.vmap(optimizer.init)(jnp.asarray(starts))
    positions, values = [np.asarray(starts)], []
    for _ in tqdm(range(n_steps), description):
        out = evaluate(positions[-1])
        values.append(out[:, 0])
        step, memory = update(out[:, 1:], memory, positions[-1])
        positions.append(positions[-1] + np.asarray(step))
    return np.array(positions[:-1]), np.array(values)


def _same_but_for_values(one, other):
    """Whether two spaces have their axes at the same places of the same state."""
    fixed_one, tree_one = jax.tree.flatten(one.static_state)
    fixed_other, tree_other = jax.tree.flatten(other.static_state)
    return tree_one == tree_other and all(
        a is b for a, b in zip(fixed_one, fixed_other, strict=True)
    )


def _refuse_non_finite(values, space):
    finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if not finite.all():
        raise StatesFailed(
            space, values, dict.fromkeys(np.flatnonzero(~finite).tolist(), "not finite")
        )


def _short(value):
    return f"{value:.4g}" if np.ndim(value) == 0 else np.array2string(value, threshold=8)
