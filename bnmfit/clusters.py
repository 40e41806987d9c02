"""Evaluate a batch on a Dask cluster: worker processes on this machine, or on many."""

from bnmfit.guard import refuse_unguarded
from bnmfit.local import Evaluation, StatesFailed
from bnmfit.workers import Task

import contextlib
import warnings

import cloudpickle
import dask
import jax
import numpy as np
from dask.system import cpu_count
from distributed import Client, LocalCluster, as_completed
from tqdm import tqdm
from tvboptim.types import DataAxis


def evaluate_on(cluster, function, space, n_pmap, n_vmap):
    """Evaluate a function for all states of a `Space` on a Dask cluster.

    Parameters
    ----------
    cluster : str
        `"local"`, or the address of a scheduler (see `batched`).
    function : callable
        Function of a state that can be pickled: without open files or progress bars.
    space : Space
        N states.
    n_pmap, n_vmap : int
        As in `batched`, for each worker; one task has n_pmap * n_vmap states.

    Returns
    -------
    array, shape (N, ...)
        Values in the order of the space. A task whose worker died has been run again by another.

    Raises
    ------
    RuntimeError
        If a script without a main guard asks for a local cluster.
    StatesFailed
        After all others were evaluated, if a state failed, or took its worker down repeatedly.
    """
    size = min(n_pmap * n_vmap, space.N)
    starts = [*range(0, space.N - size, size), space.N - size]  # the last two may overlap
    states = space[0 : space.N]  # a row each
    content = cloudpickle.dumps(Evaluation(function, states.static_state, n_pmap, n_vmap))
    values, reasons, done = [None] * space.N, {}, np.zeros(space.N, dtype=bool)
    with _connected(cluster) as client, tqdm(total=space.N, desc="states") as bar:
        with warnings.catch_warnings():  # the content is sent once, but it holds the noise
            warnings.filterwarnings("ignore", message="Sending large graph")
            task = client.submit(Task, jax.device_count(), content, pure=False)

        def submit(start):
            return client.submit(Task.run, task, _rows(states, start, size), pure=False)

        def keep(start, found, failed):
            values[start : start + size] = found
            reasons.update({start + k: why for k, why in failed.items()})
            bar.update(size - done[start : start + size].sum())
            done[start : start + size] = True

        batches = {submit(start): start for start in starts}
        lost = []  # with a worker that died repeatedly, perhaps by the hand of another batch
        for batch in as_completed(batches):
            if batch.status == "finished":
                keep(batches[batch], *batch.result())
            else:
                lost.append(batches[batch])
        for start in lost:  # now one at a time
            try:
                keep(start, *submit(start).result())
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                keep(start, [None] * size, dict.fromkeys(range(size), why))
    if reasons:
        shape = next((np.shape(value) for value in values if value is not None), ())
        values = [np.full(shape, np.nan) if value is None else value for value in values]
        raise StatesFailed(space, np.array(values), reasons)
    return np.array(values)


@contextlib.contextmanager
def _connected(cluster):
    """Client of a cluster that runs already, or of one that lasts as long as this context."""
    with contextlib.ExitStack() as stack:
        if cluster == "local":
            refuse_unguarded()
            # What a user has set for other clusters must not change this one, nor its processes.
            stack.enter_context(dask.config.set(dask.config.merge(*dask.config.defaults)))
            workers = {"n_workers": cpu_count(), "threads_per_worker": 1}
            cluster = stack.enter_context(LocalCluster(**workers, dashboard_address=":0"))
        yield stack.enter_context(Client(cluster))


def _rows(states, start, size):
    """Axes of some states of a space, as bytes: unpacking them in a worker would import JAX."""

    def part(axis):
        return DataAxis(np.asarray(axis.values)[start : start + size], group=axis.group)

    axes = jax.tree.map(part, states.axis_state, is_leaf=lambda x: isinstance(x, DataAxis))
    return cloudpickle.dumps(axes)
