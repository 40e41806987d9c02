"""Run a computation, refuse what is not fit to be stored, and note what it took."""

from bnmbook.files import COSTS, ResultError

import contextlib
import ctypes
import datetime
import gc
import importlib.metadata
import json
import os
import platform
import time
from pathlib import Path

import jax
import numpy as np
import xarray as xr

M_MMAP_THRESHOLD = -3  # of malloc.h
PACKAGES = ("tvboptim", "jax", "jaxlib", "equinox", "numpy", "scipy", "numpyro")


def measured(name, function, args, kwargs):
    """Run the function, check what it returns, and add what it took and where it ran.

    Parameters
    ----------
    name : str
        Name of the result, for messages.
    function : callable
    args, kwargs : tuple, dict
        Its arguments.

    Returns
    -------
    xarray.Dataset or xarray.DataTree

    Raises
    ------
    ResultError
        If it returns no dataset, does not say what it cost, or found a loss that is not finite.
    """
    release_memory()
    _forget_peak_memory()
    start, start_of_cores = time.perf_counter(), time.process_time()
    dataset = function(*args, **kwargs)
    is_tree = isinstance(dataset, xr.DataTree)
    if is_tree or isinstance(dataset, xr.Dataset):  # JAX may still be computing what it holds
        dataset = dataset.map_over_datasets(_on_host) if is_tree else _on_host(dataset)
    seconds = time.perf_counter() - start
    busy = time.process_time() - start_of_cores
    if not isinstance(dataset, xr.Dataset | xr.DataTree) or not set(COSTS) <= set(dataset.attrs):
        raise ResultError(
            f"'{name}' must be an xarray.Dataset or DataTree whose attrs say {', '.join(COSTS)}."
        )
    for part in dataset.subtree if is_tree else [dataset]:
        _refuse_non_finite(name, part)
    dataset.attrs |= {
        "name": name,
        "seconds": seconds,
        "cores": busy / seconds,  # that were at work, on average
        "peak_memory": _peak_memory(),
        "devices": f"{jax.device_count()} {jax.default_backend()}",
        "processor": processor(),
        "python": platform.python_version(),
        "versions": json.dumps({key: importlib.metadata.version(key) for key in PACKAGES}),
        "date": datetime.date.today().isoformat(),
    }
    return dataset


def release_memory():
    """Give memory back that nobody needs any more, so that it does not grow from result to result.

    Compiled programs go, since they hold what they were compiled with: the noise of a simulation,
    for one. Programs that are used again are compiled again.
    """
    gc.collect()
    jax.clear_caches()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # other C libraries than GNU's have neither
        # From now on an array of 1 MB or more goes back as soon as nobody holds it.
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**20)
        ctypes.CDLL(None).malloc_trim(0)


def processor():
    """Model and number of cores of this machine's processor, as text."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{(models or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} cores"


def _on_host(dataset):
    return dataset.map(lambda variable: variable.copy(data=np.asarray(variable)), keep_attrs=True)


def _refuse_non_finite(name, dataset):
    for key in (key for key in dataset.data_vars if "loss" in key):
        bad = np.argwhere(~np.isfinite(dataset[key].values))
        points = [dataset[key][tuple(index)].coords for index in bad[:3]]
        if points:
            where = "; ".join(
                ", ".join(f"{axis}={float(value):.4g}" for axis, value in point.items())
                for point in points
            )
            raise ResultError(
                f"{len(bad)} of {dataset[key].size} values of '{key}' in '{name}' are not finite, "
                f"first at {where}: nothing was stored."
            )


def _forget_peak_memory():
    with contextlib.suppress(OSError):  # where this cannot be done, the peak is that of the process
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory():
    """Most memory that this process held since then, in bytes; NaN where there is no /proc."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return peaks[0] if peaks else float("nan")
