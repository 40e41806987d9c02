"""Check what a study is given once, at the door: put it right with a word, or refuse it.

What is put right is said in `notes`. What is refused raises a ValueError of one sentence that names
the culprit and the remedy. No array that is passed in is changed, and none that is returned can be.
"""

from bnmfit.matrices import (
    ROUNDING,
    clear_diagonal,
    made_symmetric,
    own_labels,
    read_square,
    refuse_beyond_one,
    refuse_isolated,
    refuse_negative,
    refuse_not_finite,
    refuse_triangle,
    settle_asymmetry,
)
from bnmfit.reading import (
    frozen,
    in_order,
    is_numbered,
    read_labels,
    read_numbers,
    refuse_path,
    side_labels,
    some,
)
from bnmfit.timing import MIN_SAMPLES, Timing, check_timing, is_time

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = [
    "Connectome",
    "Maps",
    "Series",
    "Target",
    "Timing",
    "check_bounds",
    "check_connectome",
    "check_maps",
    "check_series",
    "check_target",
    "check_timing",
]


@dataclass(frozen=True, eq=False)
class Connectome:
    """Weights (n, n), the largest 1, zero diagonal; lengths (n, n) in mm, or None; n labels."""

    weights: np.ndarray
    lengths: np.ndarray | None
    labels: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Target:
    """Functional connectivity (n, n), symmetric with zero diagonal, in the connectome's order."""

    fc: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Series:
    """BOLD series (time, n) in the connectome's order, and its correlations, with zero diagonal."""

    series: np.ndarray
    fc: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps by name, each with one value per region (n,), in the connectome's order."""

    maps: dict[str, np.ndarray]
    notes: tuple[str, ...]


def check_connectome(weights, lengths=None, labels=None):
    """Check the structure of a network.

    Parameters
    ----------
    weights : array or table, shape (n, n)
        Connection weights or streamline counts, zero or more; a row receives from the columns. A
        table brings its labels.
    lengths : array or table, shape (n, n), optional
        Tract lengths, mm.
    labels : sequence of str, length n, optional
        Names of the regions. None: those of the table, else "region 1" to "region n".

    Returns
    -------
    Connectome
        Weights divided by the largest unless it is 1, but for rounding; without self-connections.

    Raises
    ------
    ValueError
        If an array is not numeric, finite, square and of the other's size, if labels repeat or
        contradict each other, if a weight or a length is negative, if only a triangle of the
        weights is filled, or if a region has no connection.
    """
    table, names = read_square(weights, "weights")
    values, notes = table.values, table.notes
    labels = own_labels(names, labels, len(values))
    notes += clear_diagonal(values, "weights", "no region couples to itself")
    refuse_not_finite(values, "weights", labels)
    refuse_negative(values, "weights", labels)
    notes += refuse_isolated(values, labels)
    refuse_triangle(values, "weights")
    notes += settle_asymmetry(values, table.tolerance, "weights")
    largest = values.max()
    if abs(largest - 1) > table.tolerance:
        values /= largest
        notes.append(f"The weights were divided by the largest of them, {largest:.8g}.")
    if lengths is not None:
        lengths, more = _checked_lengths(lengths, values > 0, labels)
        notes += more
    return Connectome(frozen(values), lengths, labels, tuple(notes))


def check_target(target, labels):
    """Check a functional connectivity (FC) that a study fits.

    Parameters
    ----------
    target : array or table, shape (n, n)
        Correlations between regions. A table is put into the order of `labels`.
    labels : sequence of str, length n
        Names of the regions of the connectome.

    Returns
    -------
    Target

    Raises
    ------
    ValueError
        If it is not numeric, finite, square and of n regions, if its labels are others, if it is
        asymmetric by more than 1e-6, has entries beyond [-1, 1], or is the same for all pairs.
    """
    labels = read_labels(labels)
    table, names = read_square(target, "FC")
    notes = table.notes
    fc = in_order(table.values, names, labels, "FC", (0, 1), notes)
    variances = np.diag(fc).copy()
    why = "a region's correlation with itself never counts"
    if not np.isin(variances.round(6), (0, 1, np.nan)).all():
        why += ", but if this is a covariance or Fisher's z, pass correlations instead"
    notes += clear_diagonal(fc, "FC", why)
    refuse_not_finite(fc, "FC", labels)
    refuse_triangle(fc, "FC")
    fc, more = made_symmetric(fc, labels)
    notes += more
    refuse_beyond_one(fc, variances, labels)
    pairs = fc[np.triu_indices_from(fc, 1)]
    if np.ptp(pairs) <= ROUNDING:
        raise ValueError(
            f"The FC is {pairs[0]:.4g} for all pairs of regions, which leaves nothing to fit: pass "
            "correlations that differ."
        )
    return Target(frozen(fc), tuple(notes))


def check_series(series, labels, tr=None):
    """Check a measured BOLD series, and correlate it.

    Parameters
    ----------
    series : array or table, shape (time, n)
        BOLD signal in any unit. A table is put into the order of `labels`; regions by time is
        transposed.
    labels : sequence of str, length n
        Names of the regions of the connectome.
    tr : float, optional
        Time between samples, ms; compared with the times of the rows, where a table has them.

    Returns
    -------
    Series

    Raises
    ------
    ValueError
        If it is not numeric and finite, has no axis of n regions, other labels, fewer than 10
        samples, regions without variation, or times that contradict `tr`.
    """
    labels = read_labels(labels)
    table = read_numbers(series, "series")
    values, times, names, notes = _upright(table, labels)
    values = in_order(values, names, labels, "series", (1,), notes)
    if len(values) < MIN_SAMPLES:
        raise ValueError(
            f"The series has {len(values)} samples, too few for a correlation: pass at least "
            f"{MIN_SAMPLES}."
        )
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"NaN or infinite entries of the series: {bad.sum()}, in {some(labels, bad.any(0))}; "
            "interpolate them, or leave these samples or regions out."
        )
    flat = np.ptp(values, axis=0) <= ROUNDING * np.abs(values).max(axis=0)
    if flat.any():
        raise ValueError(
            f"The series of {some(labels, flat)} does not vary, so it correlates with none: leave "
            "flat regions out, of all that you pass."
        )
    _refuse_other_times(times, tr)
    fc = np.corrcoef(values.T)
    np.fill_diagonal(fc, 0.0)
    return Series(frozen(values), frozen((fc + fc.T) / 2), tuple(notes))


def check_maps(maps, labels):
    """Check maps of the brain, each with one value per region.

    Parameters
    ----------
    maps : dict of str to array (n,), or table, or None
        Values by name. A table has a row for each region and a column for each map, or the other
        way round; it and labelled values are put into the order of `labels`.
    labels : sequence of str, length n
        Names of the regions of the connectome.

    Returns
    -------
    Maps

    Raises
    ------
    ValueError
        If a map has no name, is not numeric and finite, or not of these n regions.
    """
    refuse_path(maps, "maps")
    labels, notes = read_labels(labels), []
    if hasattr(maps, "to_frame") and maps.name is not None:
        maps = maps.to_frame()
    if isinstance(maps, pd.DataFrame):
        if set(side_labels(maps.columns) or ()) == set(labels):
            maps = maps.T
            notes.append("The table of maps had a column for each region, and was transposed.")
        maps = dict(maps.items())
    if not isinstance(maps, Mapping | None):
        raise ValueError(
            f"The maps came as {type(maps).__name__}, without names: pass a dictionary of names "
            "and values, e.g. {'T1w/T2w': values}."
        )
    checked = {str(name): _checked_map(maps[name], name, labels, notes) for name in maps or ()}
    return Maps(checked, tuple(notes))


def check_bounds(bounds):
    """Check the box that methods search.

    Parameters
    ----------
    bounds : dict of str to (float, float)
        Lower and upper bound of each parameter.

    Returns
    -------
    dict of str to (float, float)

    Raises
    ------
    ValueError
        If a parameter has no two numbers, or if they are not finite or do not rise.
    """
    if not isinstance(bounds, Mapping):
        raise ValueError("The bounds have to be a dictionary, e.g. {'w': (0.001, 0.7)}.")
    checked = {}
    for name, pair in bounds.items():
        try:
            low, high = pair
            checked[name] = float(low), float(high)
        except (TypeError, ValueError):
            raise ValueError(
                f"The bounds of {name}, {pair!r}, must be two numbers: a lower and an upper one."
            ) from None
        if not np.isfinite(checked[name]).all():
            raise ValueError(
                f"The bounds of {name}, ({low}, {high}), must be finite: methods search a box."
            )
        if not checked[name][0] < checked[name][1]:
            raise ValueError(f"The bounds of {name}, ({low}, {high}), must rise.")
    return checked


def _checked_lengths(lengths, linked, labels):
    """Lengths of tracts, in the order of the connectome, and notes."""
    table, names = read_square(lengths, "lengths")
    notes = table.notes
    values = in_order(table.values, names, labels, "lengths", (0, 1), notes)
    notes += clear_diagonal(values, "lengths", "no region couples to itself")
    refuse_not_finite(values, "lengths", labels)
    refuse_negative(values, "lengths", labels)
    refuse_triangle(values, "lengths")
    notes += settle_asymmetry(values, table.tolerance, "lengths")
    without = linked & (values == 0)
    if without.any():
        i, j = np.argwhere(without)[0]
        notes.append(
            f"Connections with a length of 0, so without delay: {without.sum()}, the first from "
            f"{labels[j]} to {labels[i]}."
        )
    return frozen(values), notes


def _upright(table, labels):
    """Series with time down the rows: values, times, labels of the columns, and notes."""
    values, notes = table.values, table.notes
    shape, n_regions = values.shape, len(labels)
    if values.ndim != 2 or 0 in shape:
        raise ValueError(f"The shape of the series is {shape}: pass (time, {n_regions}).")
    times, names = table.rows, side_labels(table.columns)
    on_side = times is not None and set(map(str, times)) == set(labels) != set(names or ())
    if on_side or (names is None and shape[1] != n_regions and shape[0] == n_regions):
        notes.append(f"The series came as regions by time, {shape}, and was transposed.")
        return values.T.copy(), table.columns, side_labels(times), notes
    if names is None and n_regions not in shape:
        raise ValueError(
            f"The shape of the series is {shape}, but the connectome has {n_regions} regions: pass "
            f"(time, {n_regions}), in the same parcellation."
        )
    if shape[0] == shape[1]:
        if np.allclose(values, values.T, rtol=0, atol=1e-6, equal_nan=True):
            raise ValueError("The series is a symmetric matrix: pass an FC as the target instead.")
        if names is None:
            notes.append(f"The series is square, {shape}, and its rows were taken as time.")
    return values, times, names, notes


def _refuse_other_times(times, tr):
    """Compare the times of rows, in s or in ms, with the time between samples."""
    if tr is not None and not is_time(tr):
        raise ValueError(f"The TR is {tr!r}, but has to be a positive time in ms.")
    if times is None or is_numbered(times):
        return
    if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex):
        times = (times - times[0]) / pd.Timedelta(milliseconds=1)
    try:
        steps = np.diff(np.asarray(times, dtype=float))
    except (TypeError, ValueError):  # names of samples
        return
    if (steps == 1).all():  # numbers of samples, some of which came before
        return
    if np.ptp(steps) > 0.01 * abs(steps.mean()) or steps.mean() <= 0:
        raise ValueError(
            "The times of the samples do not rise in equal steps: interpolate what is missing, or "
            "pass an array if these numbers are no times."
        )
    if tr is not None and not np.isclose(steps.mean() * np.array([1, 1000]), tr, rtol=0.01).any():
        raise ValueError(
            f"The times of the samples are {steps.mean():.6g} apart (s or ms), but the TR is "
            f"{tr:.6g} ms: pass the TR that the series was measured with."
        )


def _checked_map(values, name, labels, notes):
    what = f"map {name!r}"
    table = read_numbers(pd.Series(values) if isinstance(values, Mapping) else values, what)
    values = table.values
    if values.ndim == 2 and 1 in values.shape and table.rows is None:
        notes.append(f"The {what} came with the shape {values.shape}, and was made one row.")
        values = values.ravel()
    if values.ndim != 1:
        raise ValueError(
            f"The shape of the {what} is {values.shape}: pass one value for each of "
            f"{len(labels)} regions."
        )
    notes += table.notes
    values = in_order(values, side_labels(table.rows), labels, what, (0,), notes)
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"NaN or infinite values of the {what}: {bad.sum()}, in {some(labels, bad)}; fill them "
            "in, or leave the map out."
        )
    return frozen(values)
