"""Evaluate a function for many states at once, with one compiled program for all calls."""

import jax
import numpy as np
from tvboptim.execution import ParallelExecution


def batched(function, n_pmap=8, n_vmap=8):
    """Make a function of a state one of a `Space`, compiled once and not once per call.

    A new `ParallelExecution` compiles a new program. Here the first one keeps its program for all
    later spaces with the same number of states, as the generations of an evolution strategy are.

    Parameters
    ----------
    function : callable
        Function of a state, such as `loss`, that returns an array of any shape.
    n_pmap : int
        Number of devices that work side by side.
    n_vmap : int
        Number of states that each device advances in step.

    Returns
    -------
    callable
        Function of a `Space` of N states that returns an array of N values, in the order of the
        space. It raises a ValueError if a value is not finite, and says for which parameters.
    """
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
        points = space.to_dataframe()[~finite].head(3).to_dict("records")
        where = "; ".join(
            ", ".join(f"{name} = {value:.4g}" for name, value in point.items()) for point in points
        )
        raise ValueError(
            f"{(~finite).sum()} of {len(values)} values are not finite, first at {where}: "
            "keep the parameters where the model can be simulated."
        )
