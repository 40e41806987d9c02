"""What a worker process of a cluster does, and the devices that it sets first."""

from bnmfit.devices import use_devices

import functools

import cloudpickle


@functools.lru_cache(maxsize=2)
def _unpacked(n_devices, content):
    """The evaluation in some bytes, and with it its program, which outlives a call."""
    use_devices(n_devices)  # before unpacking imports JAX
    return cloudpickle.loads(content)


class Task:
    """What evaluates states (an `Evaluation`), as bytes.

    A worker unpacks it once, so that all batches there share one program.

    Parameters
    ----------
    n_devices : int
        Number of host devices that a worker has.
    content : bytes
        The pickled evaluation.
    """

    def __init__(self, n_devices, content):
        self.n_devices, self.content = n_devices, content
        self.evaluation = _unpacked(n_devices, content)

    def __reduce__(self):
        return Task, (self.n_devices, self.content)

    def run(self, axes):
        """Values of the states with some axes, given as bytes, and why others have none."""
        return self.evaluation.run(cloudpickle.loads(axes))
