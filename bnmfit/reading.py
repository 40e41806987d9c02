"""Read what someone passes, an array or a table, as double precision numbers with their labels.

What cannot be read raises a ValueError of one sentence; what changes on the way is noted.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

READERS = {
    ".csv": "pandas.read_csv(path, index_col=0)",
    ".mat": "scipy.io.loadmat(path)",
    ".npy": "numpy.load(path)",
    ".npz": "numpy.load(path)",
}


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers of one's own in float64, the labels of both sides where it has them, and notes."""

    values: np.ndarray
    rows: pd.Index | None
    columns: pd.Index | None
    tolerance: float  # relative; smaller differences between entries are rounding
    notes: list[str]


def read_numbers(given, what):
    """Read an array, a table or nested lists as float64.

    Parameters
    ----------
    given : array, table or sequence
        From numpy, JAX, pandas, xarray or scipy.sparse. It is not changed.
    what : str
        What it is called in messages, e.g. "weights".

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        For a path, a dictionary, rows of different lengths, text, complex numbers or objects.
    """
    refuse_path(given, what)
    if isinstance(given, Mapping):
        names = [str(name) for name in given if not str(name).startswith("__")]
        raise ValueError(
            f"A dictionary of {some(names) or 'nothing'} was passed for the {what}: pass one of "
            "its arrays by its name."
        )
    if hasattr(given, "coords") and hasattr(given, "to_pandas") and given.ndim in (1, 2):  # xarray
        given = given.to_pandas()
    elif hasattr(given, "toarray"):  # of scipy.sparse
        given = given.toarray()
    labelled = isinstance(given, pd.DataFrame | pd.Series)
    array, notes = _numeric(given, what), []
    if array.dtype.kind == "b":
        notes.append(f"The entries of the {what} were true or false, and are now 1 or 0.")
    if array.dtype.kind == "f" and array.itemsize < 8:
        digits = np.finfo(array.dtype).precision
        notes.append(
            f"The {what} came as {array.dtype}, about {digits} digits, and went on as float64."
        )
    return Table(
        np.ma.filled(np.ma.array(array, dtype=float, order="C", copy=True), np.nan),
        given.index if labelled else None,
        given.columns if isinstance(given, pd.DataFrame) else None,
        1e-6 if notes else 1e-8,
        notes,
    )


def refuse_path(given, what):
    """Say how to read a file that was named in place of its numbers."""
    if isinstance(given, str | bytes | os.PathLike):
        path = os.fsdecode(given)
        reader = READERS.get(os.path.splitext(path)[1].lower(), READERS[".csv"])
        raise ValueError(
            f"{path!r} was passed for the {what}: read the file first, e.g. with {reader}, and "
            "pass the numbers in it."
        )


def _numeric(given, what):
    """Array of a numeric type, or a sentence that says why there is none."""
    if isinstance(given, pd.DataFrame | pd.Series):
        for name, column in pd.DataFrame(given).items():
            if not pd.api.types.is_numeric_dtype(column.dtype):
                raise ValueError(
                    f"Column {name!r} of the {what} is of the type {column.dtype}, such as "
                    f"{_no_number(column)}: pass numbers alone, from a file by "
                    "pandas.read_csv(path, index_col=0)."
                )
            if isinstance(column.dtype, pd.api.extensions.ExtensionDtype):
                given = given.astype(float)  # missing values of such a type become NaN
    try:
        array = given if np.ma.isMaskedArray(given) else np.asarray(given)
    except ValueError:
        raise ValueError(f"The rows of the {what} differ in length: pass a full array.") from None
    if array.dtype.kind == "c":
        raise ValueError(
            f"The entries of the {what} are complex: pass their real part or their absolute "
            "value, whichever is meant."
        )
    if array.dtype.kind not in "biuf":
        kind = array.dtype.type.__name__.rstrip("_")
        raise ValueError(
            f"The entries of the {what} are of the type {kind}, such as "
            f"{_no_number(array.ravel().tolist())}: pass numbers alone, without a header or "
            "labels, e.g. by array.astype(float)."
        )
    return array


def _no_number(entries):
    """The first of some entries that is no number, else the first, in short."""
    entries = list(entries)
    others = (x for x in entries if not isinstance(x, Real))
    return repr(next(others, entries[0] if entries else None))[:40]


def read_labels(labels, n_regions=None):
    """Read the names of regions.

    Parameters
    ----------
    labels : sequence of str
    n_regions : int, optional
        How many there have to be.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        For empty or repeated names, or another number of them.
    """
    names = []
    for label in np.asarray(labels, dtype=object).ravel():
        while isinstance(label, np.ndarray) and label.size == 1:  # a cell of a .mat file
            label = label.item()
        label = label.decode() if isinstance(label, bytes) else label
        names.append("" if np.ndim(label) == 0 and pd.isna(label) else str(label).strip())
    if n_regions is not None and len(names) != n_regions:
        raise ValueError(
            f"There are {len(names)} labels, but {n_regions} regions: pass a list with one label "
            "for each region, or none."
        )
    if "" in names:
        raise ValueError(f"Label {names.index('') + 1} is empty: give each region a name.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Labels occur twice ({some(twice)}): give each region its own name.")
    return tuple(names)


def side_labels(index):
    """Labels of one side of a table, or None if it is only numbered from 0 or 1."""
    return None if index is None or is_numbered(index) else read_labels(index)


def is_numbered(index):
    """Whether labels are the numbers from 0 or from 1 on, and no more."""
    names = [str(label) for label in index]
    return any(names == [str(k + first) for k in range(len(names))] for first in (0, 1))


def in_order(values, names, labels, what, axes, notes):
    """Put regions into the order of the connectome.

    Parameters
    ----------
    values : array
    names : tuple of str or None
        Regions along the axes of `values`. None: they have to be in the right order.
    labels : tuple of str
        Regions of the connectome.
    what : str
        What the values are called in messages.
    axes : tuple of int
        Axes of `values` that regions lie along.
    notes : list of str
        Where a change of order is noted.

    Returns
    -------
    array

    Raises
    ------
    ValueError
        If the regions are others, or of another number.
    """
    if names is None:
        if {values.shape[axis] for axis in axes} != {len(labels)}:
            raise ValueError(
                f"The shape of the {what} is {values.shape}, but the connectome has {len(labels)} "
                "regions: pass both in the same parcellation."
            )
        return values
    lacks, has = [x for x in labels if x not in names], [x for x in names if x not in labels]
    if lacks or has:
        differences = [f"without {some(lacks)}"] * bool(lacks) + [f"with {some(has)}"] * bool(has)
        raise ValueError(
            f"The labels of the {what} are not those of the connectome ({', '.join(differences)}): "
            "pass the same regions, both with these labels or both without any."
        )
    if names != labels:
        notes.append(f"The regions of the {what} were put into the order of the connectome.")
        order = [names.index(label) for label in labels]
        for axis in axes:
            values = values.take(order, axis)
    return values


def some(names, where=None, most=5):
    """Names, of those `where` is true, in words: the first few, and how many more there are."""
    names = list(names) if where is None else [names[k] for k in np.flatnonzero(where)]
    if len(names) > most + 1:
        names = [*names[:most], f"{len(names) - most} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def frozen(values):
    """The same array, read-only from now on."""
    values.setflags(write=False)
    return values
