"""Evaluate for many states at once, on the devices of this process or on a cluster."""

from bnmfit.clusters import evaluate_on
from bnmfit.devices import batch_shape
from bnmfit.local import StatesFailed, evaluate_here

import numpy as np
from tvboptim.experimental.network_dynamics.core.bunch import Bunch
from tvboptim.types import DataAxis, Space

__all__ = ["StatesFailed", "batched", "batched_rows"]


def batched(function, n_pmap=None, n_vmap=None, cluster=None):
    """Make a function of a state one of a `Space`, compiled once and not once per call.

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
        A script with a `"local"` cluster needs a main guard, since its processes import the script.

    Returns
    -------
    callable
        Function of a `Space` of N states that returns an array of N values, in the order of the
        space. If values are not finite it raises a `StatesFailed`, which says for which parameters,
        and holds the others; without a main guard where one is needed, a RuntimeError.
    """
    n_pmap, n_vmap = n_pmap or batch_shape()[0], n_vmap or batch_shape()[1]
    if cluster is None:
        return evaluate_here(function, n_pmap, n_vmap)
    return lambda space: evaluate_on(cluster, function, space, n_pmap, n_vmap)


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
