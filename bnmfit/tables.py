"""Read a file of numbers or of labels, in the formats that tools for brain networks write.

Labels stay with their numbers. What cannot be read raises a ValueError of one sentence that names
the row and the remedy; what is decided on the way is noted. Files can be members of an archive.
"""

from bnmfit.reading import some

import bz2
import csv
import io
import math
from pathlib import PurePath

import numpy as np
import pandas as pd
import scipy.io

SUFFIXES = (".csv", ".tsv", ".txt", ".npy", ".npz", ".mat")
SEPARATORS = {".csv": (",", "commas"), ".tsv": ("\t", "tabs"), ".txt": (" ", "spaces")}
KINDS = {"numbers": "biufc", "labels": "OUSiu"}  # of numpy
MISSING = ("", "na", "n/a", "nan", "null", "none")
# What stands above labels, in any case, or above a column that only counts the rows.
LABEL_HEADS = ("label", "labels", "name", "names", "region", "regions", "roi")
ROW_HEADS = ("", "id", "index", "parcel", "node", "time", "sample", "volume", "frame", *LABEL_HEADS)


def read_table(path, notes):
    """Read a table of numbers.

    Parameters
    ----------
    path : pathlib.Path or zipfile.Path
        File of one of the `SUFFIXES`, or such a text file with .bz2 behind.
    notes : list of str
        Where it is noted which labels were found, and which of several arrays was read.

    Returns
    -------
    pandas.DataFrame
        With the labels of the file, and numbers from 0 on a side that has none. A text file is
        read in double precision, an array in its own. An array of one axis is one column.

    Raises
    ------
    ValueError
        For a cell that is no number, rows of different lengths, other than one array, more than
        two axes, or a file that is damaged.
    """
    if _suffix(path) in SEPARATORS:
        return _labelled(_rows(path, notes), SEPARATORS[_suffix(path)][1], notes)
    array = _array(path, "numbers", notes)
    array = array.toarray() if hasattr(array, "toarray") else array
    if array.ndim not in (1, 2):
        raise ValueError(
            f"The shape of the array is {array.shape}, but a table has rows and columns: save one "
            "file for each session, and one folder for each person."
        )
    return pd.DataFrame(array.astype(array.dtype.newbyteorder("=")))


def read_names(path, notes):
    """Read a file of labels: one in each row or in one row, or a column headed label or name.

    Parameters
    ----------
    path : pathlib.Path
        File of one of the `SUFFIXES`. A row of a .txt file is a label with its spaces, unless the
        first one has heads x, y and z.
    notes : list of str
        Where it is noted if a row was taken as the head of the column.

    Returns
    -------
    sequence
        As `bnmfit.reading.read_labels` takes it.

    Raises
    ------
    ValueError
        If there are several columns, and none is headed so, or if the file is damaged.
    """
    suffix = _suffix(path)
    if suffix not in SEPARATORS:
        return _array(path, "labels", notes)
    rows = list(_rows(path, notes).values())
    if suffix == ".txt" and not set("xyz") <= {cell.lower() for cell in rows[0]}:
        rows = [[" ".join(cells)] for cells in rows]
    if len(rows) == 1:
        return rows[0]
    heads = [k for k, cell in enumerate(rows[0]) if cell.lower() in LABEL_HEADS]
    if len(heads) == 1:
        notes.append(f"The first row, with {rows[0][heads[0]]}, was taken as a head.")
        return [cells[heads[0]] if heads[0] < len(cells) else "" for cells in rows[1:]]
    if len(rows[0]) > 1:
        raise ValueError(
            f"There are {len(rows[0])} columns: head that of the labels with label, or leave it "
            "alone in the file."
        )
    return [cells[0] for cells in rows]


def read_centres(path, notes, headed=False):
    """Read the coordinates of regions: columns headed x, y and z, else the last three of a text.

    Parameters
    ----------
    path : pathlib.Path or zipfile.Path
        File of one of the `SUFFIXES`, or such a text file with .bz2 behind.
    notes : list of str
        Where it is noted which columns have a head.
    headed : bool
        Whether the file is one of labels, which has coordinates only below such a head.

    Returns
    -------
    pandas.DataFrame or None
        Columns x, y and z, and the labels of the file, or numbers from 0 where it has none.

    Raises
    ------
    ValueError
        For fewer than three columns, a cell that is no number, or a file that is damaged.
    """
    if _suffix(path) not in SEPARATORS:
        return None if headed else read_table(path, notes)
    rows = _rows(path, notes)
    first, second = (list(rows.values()) * 2)[:2]
    heads = [cell.lower() for cell in first]
    if len(second) == len(first) + 1 and heads == ["x", "y", "z"]:  # as R writes a head
        heads = ["", *heads]
    named = [k for k, head in enumerate(heads) if head in LABEL_HEADS] or [0] * (heads[0] == "")
    if set("xyz") <= set(heads):
        del rows[min(rows)]
        notes.append("Its columns x, y and z were taken as coordinates of the regions.")
    elif headed:
        return None
    else:
        heads = None
    labels, numbers = [], []
    for line, cells in rows.items():
        if heads is None:
            label, found = cells[:-3], cells[-3:]
        else:
            found = [cells[k] for k in map(heads.index, "xyz") if len(cells) == len(heads)]
            label = [cells[k] for k in named if found]
        numbers.append([_number(cell) for cell in found])
        if len(found) < 3 or None in numbers[-1]:
            raise ValueError(
                f"Row {line} has no three numbers for x, y and z: give each region as many, with "
                "a decimal point, and a label before them or none."
            )
        labels.append(" ".join(label))
    return pd.DataFrame(numbers, labels if any(labels) else None, list("xyz"))


def _suffix(path):
    return PurePath(path.name.removesuffix(".bz2")).suffix.lower()


def _rows(path, notes):
    """Cells of each row of a text file that is not blank, by its number from 1 on."""
    suffix, data = _suffix(path), path.read_bytes()
    try:
        text = (bz2.decompress(data) if path.name.endswith(".bz2") else data).decode("utf-8-sig")
    except (ValueError, OSError):  # another encoding, or a damaged archive
        text = "\0"
    if "\0" in text:
        raise ValueError("It is no text in UTF-8: save it as such.")
    rows = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") and not rows:
            notes.append(f"Row {number}, {line[:40]!r}, was taken as a comment.")
        elif line.strip(" "):
            line = " ".join(line.split()) if suffix == ".txt" else line
            (cells,) = csv.reader([line], delimiter=SEPARATORS[suffix][0], skipinitialspace=True)
            rows[number] = [cell.strip() for cell in cells]
    if not rows:
        raise ValueError("It is empty: fill it, or remove it.")
    return rows


def _labelled(rows, separators, notes):
    """Table of the numbers in cells, with the labels that stand above and before them."""
    lines, cells = list(rows), list(rows.values())
    if len(cells) > 1 and len(cells[0]) == len(cells[1]) - 1:  # as R writes a head
        cells[0] = ["", *cells[0]]
    for line, row in zip(lines, cells, strict=True):
        if len(row) != len(cells[0]):
            raise ValueError(
                f"Row {line} has {len(row)} cells, but row {lines[0]} has {len(cells[0])}: give "
                f"all rows as many, separated by {separators}."
            )
    numbers = [[_number(cell) for cell in row] for row in cells]
    corner, top, left = numbers[0][0], numbers[0][1:], [row[0] for row in numbers[1:]]
    named = cells[0][0].lower() in ROW_HEADS
    square = len(cells) == len(cells[0])
    text_on_left = None in left and _are_labels(left)
    if len(cells[0]) == 1:
        head, index = corner is None, False
    elif _are_labels(top, named, square) or (named and text_on_left):
        head, index = True, named or text_on_left or (corner is None and None not in top)
    else:
        head, index = False, _are_labels([corner, *left], named, square)

    columns = cells[0][index:] if head else None
    body = [row[index:] for row in numbers[head:]]
    for line, row in zip(lines[head:], body, strict=True):
        if None in row:
            k = row.index(None)
            raise ValueError(
                f"Row {line} has {rows[line][k + index]!r} in column {k + index + 1}, which is no "
                f"number: write numbers with a decimal point, and {separators} between them."
            )
    if not body:
        raise ValueError("There are labels, but no numbers: add rows of numbers.")
    if head or index:
        sides = some(["the first row"] * head + ["the first column"] * index)
        notes.append(f"Labels were read from {sides}.")
    names = [row[0] for row in cells[head:]] if index else None
    return pd.DataFrame(np.array(body, dtype=float), names, columns)


def _number(cell):
    """Number in a cell, NaN where it is missing, or None for text."""
    if cell.lower() in MISSING:
        return math.nan
    try:
        return None if "_" in cell else float(cell)  # Python would read 1_2 as 12
    except ValueError:
        return None


def _are_labels(numbers, named=False, square=False):
    """Whether cells are labels: text, with whole numbers at most, or whole numbers alone.

    The numbers have to differ under a corner that is `named` as one of labels. Otherwise they have
    to rise, and a `square` table is one of numbers alone.
    """
    found = [x for x in numbers if x is not None]
    whole = all(math.isnan(x) or x.is_integer() for x in found)
    if len(found) < len(numbers):
        return whole
    differ = len(set(found)) == len(found) > 2 and not any(map(math.isnan, found))
    return whole and differ and (named or (not square and found == sorted(found)))


def _array(path, what, notes):
    """The array of numbers or of labels in a file, or of several the one called like the file."""
    suffix, stem = path.suffix.lower(), path.stem
    data = io.BytesIO(path.read_bytes())
    try:
        if suffix == ".mat":
            arrays = scipy.io.loadmat(data)
        else:
            loaded = np.load(data, allow_pickle=False)
            arrays = {stem: loaded} if suffix == ".npy" else dict(loaded)
    except NotImplementedError:
        raise ValueError("It is of MATLAB's version 7.3: save it with save(..., '-v7').") from None
    except Exception:  # of which each reader has its own
        raise ValueError(
            f"It cannot be read as {suffix}: save numbers alone, or labels as text."
        ) from None
    names = [name for name in arrays if not name.startswith("__")]
    fit = [
        name for name in names if arrays[name].dtype.kind in KINDS[what] and arrays[name].size > 1
    ]
    chosen = fit if len(fit) == 1 else [name for name in fit if name.lower() == stem.lower()]
    if len(chosen) != 1:
        raise ValueError(
            f"It holds {some(names) or 'nothing'}: leave one array of {what} in it, or call one "
            f"{stem}."
        )
    if len(names) > 1:
        rest = [name for name in names if name != chosen[0]]
        notes.append(f"Of its arrays, {chosen[0]} was read, and not {some(rest)}.")
    return arrays[chosen[0]]
