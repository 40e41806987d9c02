"""Results as files: netCDF that appears whole or not at all."""

import io
import os
import tempfile
import warnings
from pathlib import Path

import xarray as xr

COSTS = ("simulations", "gradients", "seed")
ATTRIBUTES = {"name", "study", "fingerprint", "provenance", "probe_losses", "versions", *COSTS}


class ResultError(RuntimeError):
    """A stored result is missing, stale or unreadable, or a new one is not fit to be stored."""


def read_result(path):
    """Read a stored result as it is, current or not.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    xarray.Dataset or xarray.DataTree

    Raises
    ------
    ResultError
        If there is no such file, or it is no result of this book.
    """
    if not path.exists():
        raise ResultError(f"There is no stored result '{path.stem}'.")
    try:
        # From memory, so that a file replaced meanwhile by another process does not matter.
        tree = xr.load_datatree(io.BytesIO(path.read_bytes()), engine="h5netcdf")
        dataset = tree if tree.children else tree.to_dataset()
        complete = set(dataset.attrs) >= ATTRIBUTES
    except Exception as error:
        raise ResultError(f"{path.name} cannot be read ({type(error).__name__}).") from None
    if not complete:
        raise ResultError(f"{path.name} is not a result of this book.")
    return dataset


def write_result(path, dataset):
    """Write to a temporary file, then rename: a reader sees the old file or the new one.

    In a folder that cannot be written to, say so and go on.

    Parameters
    ----------
    path : pathlib.Path
    dataset : xarray.Dataset or xarray.DataTree

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    ResultError
        If a variable is named like one of its several dimensions: netCDF would lose it.
    """
    tree = dataset if isinstance(dataset, xr.DataTree) else xr.DataTree(dataset)
    for node in tree.subtree:
        for name, variable in node.variables.items():
            if variable.ndim > 1 and name in variable.dims:
                raise ResultError(
                    f"The variable '{name}' of '{path.stem}' is named like one of its dimensions, "
                    f"{', '.join(variable.dims)}: netCDF would lose it. Name it otherwise."
                )
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(".tmp", f".{path.stem}-", path.parent)
        os.close(handle)
        encoding = {
            node.path: {key: {"zlib": True} for key in node.data_vars if node[key].ndim}
            for node in tree.subtree
        }
        tree.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        why = error.strerror or error
        warnings.warn(f"The result '{path.stem}' was not stored: {why}.", stacklevel=3)
        return False
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return True
