"""Read a folder with one brain's data into what a study takes, and say what was done to them.

The folder holds `weights`, and `fc` or `bold`. It can hold `lengths`, `labels`, `centres` and
`maps`, and an archive of The Virtual Brain (TVB) in place of weights, lengths, labels and centres.
"""

from bnmfit.contents import FolderError, by_session, find_files, inside
from bnmfit.data import check_connectome, check_maps, check_series, check_target
from bnmfit.matrices import own_labels
from bnmfit.places import check_centres
from bnmfit.reading import frozen, is_numbered, side_labels, some
from bnmfit.settings import SETTINGS, Settings, read_settings, write_settings
from bnmfit.tables import read_centres, read_names, read_table

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

__all__ = ["Folder", "FolderError", "Settings", "read_folder", "write_settings"]

UNCOUNTED = 20_000.0  # ms at the beginning of a simulation: both kernels reach back over them
HIGHEST = 1.9  # of G times the leading eigenvalue of the weights; regions fire at 1.06 without w

# Remedies for whoever has files in place of arrays.
REMEDIES = {
    r"leave [a-z ]*regions out(, of all that you pass)?": "list them under leave_out in study.yml",
    "leave the map out": "list them under leave_out in study.yml",
    "pass the same regions, both with these labels or both without any": (
        "give both the same labels, or list what only one of them has under leave_out in study.yml"
    ),
    "leave the labels out, or pass the weights as an array in their order": (
        "remove this file, or bring its labels into the order of the weights"
    ),
    "pass the TR that the series was measured with": "correct tr in study.yml",
    "pass an FC as the target instead": "call the file fc if it is one",
}
TRANSFORMED = {
    "raw": [],
    "log": ["The weights w became log(1 + w / the smallest above 0), divided by the largest."],
    "normalised": [
        "Each row of the weights was divided by its sum, which gives them a direction, and then "
        "all of them by the largest."
    ],
}


@dataclass(frozen=True, eq=False)
class Folder:
    """One brain's data, with n regions in the same order everywhere.

    Attributes
    ----------
    path : pathlib.Path
    settings : Settings
        What `study.yml` says, with duration and bounds of G filled in; times in ms.
    labels : tuple of str, length n
    weights : array, shape (n, n)
        After the transformation that the settings name, the largest 1; a row receives from the
        columns.
    lengths : array, shape (n, n), or None
        Tract lengths, mm.
    centres : array, shape (n, 3), or None
        Coordinates of the regions, mm, to the right, to the front and to the top.
    fc : array, shape (n, n)
        That of the file, else that of the first session.
    sessions : dict of str to array, shape (time, n)
        BOLD series by the name of the session, in its unit; empty with an FC alone.
    maps : dict of str to array, shape (n,)
    notes : tuple of str
        What was put right, assumed or left aside.
    files : dict of str to str
        Which file each of them came from.
    """

    path: Path
    settings: Settings
    labels: tuple[str, ...]
    weights: np.ndarray
    lengths: np.ndarray | None
    centres: np.ndarray | None
    fc: np.ndarray
    sessions: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]
    notes: tuple[str, ...]
    files: dict[str, str]


def read_folder(path, **settings):
    """Read a folder with the data of one brain.

    A file is called by what it holds, in any case, as .csv, .tsv, .txt, .npy, .npz or .mat:
    `weights`, `lengths`, `fc`, `labels`, `centres`, and `bold` or, one for each session,
    `bold_SESSION`. Coordinates can also be columns x, y and z of the labels. Maps are the columns
    of `maps`, or files in a folder `maps`. What they cannot say is in `study.yml`, which is written
    with the defaults if it is not there.

    Without a file `fc`, the FC is the correlation of the series. Of several sessions it is that of
    the first one: the others serve as tests.

    Parameters
    ----------
    path : str or path
    **settings
        What `Settings` has, to be used instead of what `study.yml` says.

    Returns
    -------
    Folder

    Raises
    ------
    FolderError
        If a file is missing, doubled or not usable, or if `study.yml` lacks what has to be known.
    """
    folder, notes = Path(path).resolve(), []
    if not folder.is_dir():
        raise FolderError(f"{path} is no folder: pass one that holds weights, and fc or bold.")
    found = find_files(folder, notes)
    names = {what: inside(folder, file) for what, file in found.items()}
    sessions = by_session(names)
    settings = replace(_settings(folder, sessions, notes), **settings)
    tables = {}
    for what, file in found.items():
        with _about(names[what], notes) as own:
            tables |= _read(what, file, own)
    _share(tables, names)
    files = dict(names)

    labels, tables = _regions(tables, names, settings.leave_out, notes)
    weights, lengths = _structure(tables, names, labels, settings.connectome, notes)
    series = {}
    for session, what in sessions.items():
        with _about(names[what], notes) as own:
            series[session] = check_series(tables[what], labels, settings.tr)
            own += series[session].notes
    fc = _target(tables, names, labels, list(series.values()), notes)
    centres = _centres(tables, names, labels, notes)
    maps = _maps(tables, names, labels, notes)
    if settings.duration is None:
        n_samples = len(next(iter(series.values())).series) + math.ceil(UNCOUNTED / settings.tr)
        settings = replace(settings, duration=n_samples * settings.tr)
        notes.append(
            f"{SETTINGS}: the duration is the recording's and {UNCOUNTED / 1000:g} s that do not "
            f"count, {settings.duration:,.10g} ms."
        )
    if settings.free.get("G", True) is None:
        top = float(f"{HIGHEST / np.linalg.eigvals(weights).real.max():.3g}")
        settings = replace(settings, free=settings.free | {"G": (float(f"{top / 1000:.3g}"), top)})
        notes.append(f"{SETTINGS}: G is searched up to {top:g}, by the weights' eigenvalue.")
    return Folder(
        path=folder,
        settings=settings,
        labels=labels,
        weights=weights,
        lengths=lengths,
        centres=centres,
        fc=fc,
        sessions={session: one.series for session, one in series.items()},
        maps=maps,
        notes=tuple(notes),
        files=files,
    )


def _settings(folder, has_series, notes):
    """Settings of a folder with all that has to be known; if there are none, they are written."""
    name = SETTINGS
    if not (folder / SETTINGS).exists():
        write_settings(folder)
        name = f"{SETTINGS}, new in {folder}"
    with _about(name, notes):
        settings = read_settings(folder)
        empty = ["tr"] * (settings.tr is None)
        empty += ["duration"] * (settings.duration is None and not has_series)
        if empty:
            raise ValueError(f"Fill in {some(empty)}, in ms, which the other files do not tell.")
    return settings


@contextmanager
def _about(name, notes):
    """Begin notes and a refusal with the name of the file, and give remedies for its owner."""
    own = []
    try:
        yield own
    except ValueError as error:
        text = str(error)
        for pattern, remedy in REMEDIES.items():
            text = re.sub(pattern, remedy, text)
        raise FolderError(f"{name}: {_in_a_sentence(text)}") from None
    notes += [f"{name}: {_in_a_sentence(text)}" for text in own]


def _in_a_sentence(text):
    """A sentence that begins in lower case, unless its first word is a name such as FC."""
    return text[0].lower() + text[1:] if text.split()[0].istitle() else text


def _read(what, file, notes):
    """What a file holds, by name: labels can have coordinates beside them."""
    if what == "centres":
        return {what: read_centres(file, notes)}
    if what != "labels":
        return {what: read_table(file, notes)}
    beside = read_centres(file, notes, headed=True)
    return {what: read_names(file, notes)} | ({} if beside is None else {"beside": beside})


def _share(tables, names):
    """Let coordinates beside the labels be the centres, and labels of the centres the labels."""
    if "beside" in tables:
        if "centres" in tables:
            raise FolderError(
                f"{some(sorted([names['centres'], names['labels']]))} both hold the centres: keep "
                "one of them."
            )
        tables["centres"], names["centres"] = tables.pop("beside"), names["labels"]
    weights = tables["weights"]
    if "centres" in tables and "labels" not in tables:
        named = [not is_numbered(side) for side in (tables["centres"].index, *weights.axes)]
        if named == [True, False, False]:
            tables["labels"], names["labels"] = list(tables["centres"].index), names["centres"]


def _regions(tables, names, leave_out, notes):
    """Labels of the regions, and the tables, both without the regions that are left out."""
    tables = dict(tables)
    given, weights = tables.pop("labels", None), tables["weights"]
    with _about(names["weights"], notes):
        own = side_labels(weights.index) or side_labels(weights.columns)
    with _about(names.get("labels", names["weights"]), notes):
        labels = own_labels(own, given, len(weights))
    sides = [side for table in tables.values() for side in table.axes if not is_numbered(side)]
    unknown = set(leave_out).difference(labels, *(map(str, side) for side in sides))
    if unknown:
        raise FolderError(
            f"{SETTINGS}: leave_out names {some(sorted(unknown))}, which no file has: take labels "
            f"of regions, such as {labels[0]}."
        )
    if leave_out:
        notes.append(f"{SETTINGS}: left out of all files: {some(leave_out, most=len(leave_out))}.")
    unlabelled = []
    for what, table in tables.items():
        with _about(names[what], notes) as found:
            axes = _axes(what, table, labels)
            if not any(side_labels(table.axes[axis]) for axis in axes):
                unlabelled.append(names[what])
            if leave_out:
                tables[what] = _without(table, axes, labels, leave_out, found)
    if unlabelled and (own or given is not None):
        order = names["weights" if own else "labels"]
        notes.append(f"Without labels, and read in the order of {order}: {some(unlabelled)}.")
    return tuple(label for label in labels if label not in leave_out), tables


def _axes(what, table, labels):
    """Axes of a table that regions lie along: both, or the one with more of their labels."""
    if what in ("weights", "lengths", "fc"):
        return 0, 1
    if what == "centres":
        return (0,)

    def fit(axis):
        known = set(side_labels(table.axes[axis]) or ()) & set(labels)
        return len(known), table.shape[axis] == len(labels)

    return (max((0, 1) if what.startswith("maps") else (1, 0), key=fit),)


def _without(table, axes, labels, leave_out, notes):
    """Table without some regions; a side that has no labels goes by the other, or by the labels."""
    sides = [side_labels(table.axes[axis]) for axis in axes]
    own = next(filter(None, sides), None)
    if own is None and table.shape[axes[0]] != len(labels):
        notes.append("It has no labels, and was taken to lack what leave_out names.")
        return table
    for axis, side in zip(axes, sides, strict=True):
        regions = side or own or labels
        keep = [k for k, label in enumerate(regions[: table.shape[axis]]) if label not in leave_out]
        table = table.take(keep, axis=axis)
        if side is None:
            table = table.set_axis(range(len(keep)), axis=axis)
    return table


def _structure(tables, names, labels, how, notes):
    """Weights after the transformation that the settings name, the largest 1, and lengths."""
    with _about(names["weights"], notes) as own:
        connectome = check_connectome(tables["weights"], labels=labels)
        own += [*connectome.notes, *TRANSFORMED[how]]
    lengths = None
    if "lengths" in tables:
        with _about(names["lengths"], notes) as own:
            checked = check_connectome(tables["weights"], tables["lengths"], labels)
            lengths = checked.lengths
            own += checked.notes[len(connectome.notes) :]
    weights = connectome.weights
    if how == "log":
        weights = np.log1p(weights / weights[weights > 0].min())
    elif how == "normalised":
        sums = weights.sum(axis=1, keepdims=True)
        weights = weights / np.where(sums > 0, sums, 1)
    return frozen(weights / weights.max()), lengths


def _centres(tables, names, labels, notes):
    """Coordinates of the regions, if there are any."""
    if "centres" not in tables:
        return None
    with _about(names["centres"], notes) as own:
        checked = check_centres(tables["centres"], labels)
        own += checked.notes
    return checked.centres


def _target(tables, names, labels, series, notes):
    """FC of the file, else that of the first session."""
    of_bold = series[0].fc if series else None
    if "fc" not in tables:
        n_samples = len(series[0].series)
        which = "the first session, the others being tests" if len(series) > 1 else "the BOLD"
        notes.append(
            f"The FC is that of {which}: {n_samples} samples, so that a correlation is uncertain "
            f"by {n_samples**-0.5:.2g} or more."
        )
        return of_bold
    with _about(names["fc"], notes) as own:
        target = check_target(tables["fc"], labels)
        own += target.notes
        if series:
            most = np.abs(target.fc - of_bold).max()
            own.append(f"It differs by up to {most:.2g} from the FC of the BOLD, and is used.")
    return target.fc


def _maps(tables, names, labels, notes):
    """Maps by name, of one table or of a file for each."""
    maps = {}
    for what, table in tables.items():
        if what.startswith("maps"):
            with _about(names[what], notes) as own:
                checked = check_maps(_by_name(what, table, own), labels)
                maps |= checked.maps
                own += checked.notes
    return maps


def _by_name(what, table, notes):
    """Maps of a file by name."""
    if what == "maps":
        if side_labels(table.columns) is None:
            table = table.set_axis([f"map {k + 1}" for k in range(table.shape[1])], axis=1)
            notes.append(f"Its columns have no names, and are called {some(table.columns)}.")
        return table
    if 1 in table.shape:
        table = table.iloc[:, 0] if table.shape[1] == 1 else table.iloc[0]
    return {what.removeprefix("maps/"): table}
