"""Evaluate a batch of states in this process, with one compiled program for all calls."""

import equinox as eqx
import jax
import numpy as np
from tvboptim.execution import ParallelExecution
from tvboptim.types import Space


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


def evaluate_here(function, n_pmap, n_vmap):
    """Make a function of a state one of a `Space` (see `batched`), evaluated by this process.

    A new `ParallelExecution` compiles a new program. Here the first one keeps its program for all
    later spaces with the same number of states, as the generations of an evolution strategy are.

    Parameters
    ----------
    function : callable
        Function of a state that returns an array of any shape.
    n_pmap, n_vmap : int
        Devices that work side by side, and states that each advances in step.

    Returns
    -------
    callable
        Function of a `Space` of N states that returns an array of N values, or raises a
        `StatesFailed`.
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


class Evaluation:
    """A function of a state, and the part of the states that does not vary.

    Parameters
    ----------
    function : callable
        Function of a state that returns an array of any shape.
    fixed : Bunch
        The states, without what varies.
    n_pmap, n_vmap : int
        As in `evaluate_here`.
    """

    def __init__(self, function, fixed, n_pmap, n_vmap):
        self.fixed, self.evaluate = fixed, evaluate_here(function, n_pmap, n_vmap)
        self.made_of = function, fixed, n_pmap, n_vmap

    def __reduce__(self):
        return Evaluation, self.made_of

    def run(self, axes):
        """Values of the states with some axes, and by position why others have none."""
        space = Space(eqx.combine(axes, self.fixed), mode="zip")
        try:
            return self.evaluate(space), {}
        except StatesFailed as failed:
            return failed.values, failed.reasons
        except Exception:  # of which state? One by one will tell
            values, reasons = [None] * space.N, {}
            for k in range(space.N):
                try:
                    values[k] = self.evaluate(space[k : k + 1])[0]
                except Exception as error:
                    reasons[k] = f"{type(error).__name__}: {error}"
            return values, reasons


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
