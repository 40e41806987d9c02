"""What a study is, as text that two builds of it agree in."""

import dataclasses
import hashlib

import numpy as np

DIGITS = 9  # beyond them, processors and libraries may differ


def digest(array):
    """SHA-256 of an array's shape and rounded values, in hexadecimal digits; of None, empty."""
    if array is None:
        return ""
    rounded = np.round(np.asarray(array, dtype=float), DIGITS) + 0.0  # no negative zero
    content = str(rounded.shape).encode() + rounded.tobytes()
    return hashlib.sha256(content).hexdigest()


def identity_of(study):
    """Describe what a study was built from.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict
        Text by name: digests of the arrays, and the parts of the model with their parameters.
    """
    network, monitor = study.network, study.monitor
    parts = {
        "dynamics": network.dynamics,
        **{f"coupling {name}": part for name, part in sorted(network.coupling.items())},
        "noise": network.noise,
    }
    described = {name: _described(part) for name, part in parts.items() if part is not None}
    described["start"] = repr(tuple(map(float, np.ravel(network.dynamics.INITIAL_STATE))))
    return described | {
        "weights": digest(study.weights),
        "delays": digest(getattr(network.graph, "delays", None)),
        "target": digest(study.target),
        "solver": type(study.solver).__name__,
        "times": f"dt {study.dt}, {study.n_steps} steps, TR {study.tr}, skip {study.skip}",
        "monitor": f"{_kernel(monitor.kernel)}, {monitor.k_1}, {monitor.V_0}, {monitor.voi}",
        "bounds": repr(dict(study.bounds)),
        "free": ", ".join(study.parameters),
        "metric": getattr(study.metric, "__qualname__", repr(study.metric)),
    }


def _kernel(kernel):
    fields = {field.name: getattr(kernel, field.name) for field in dataclasses.fields(kernel)}
    return f"{type(kernel).__name__}({', '.join(f'{k}={v}' for k, v in fields.items())})"


def _described(part):
    values = ", ".join(f"{name}={_value(x)}" for name, x in sorted(part.params.items()))
    return f"{type(part).__name__}({values})"


def _value(x):
    return repr(float(x)) if np.ndim(x) == 0 else digest(x)
