"""Which file of a folder holds what: by its name, with the members of an archive and of maps."""

from bnmfit.reading import some
from bnmfit.settings import SETTINGS
from bnmfit.tables import SUFFIXES

import re
import zipfile
from pathlib import Path

STEMS = ("weights", "lengths", "fc", "bold", "labels", "centres", "maps")
IN_ARCHIVE = {"weights.txt": "weights", "tract_lengths.txt": "lengths", "centres.txt": "centres"}


class FolderError(ValueError):
    """What a folder lacks or has too much of: one sentence with the file and the remedy."""


def find_files(folder, notes):
    """Find which file holds what.

    Parameters
    ----------
    folder : pathlib.Path
    notes : list of str
        Where it is noted what is not used.

    Returns
    -------
    dict of str to pathlib.Path or zipfile.Path
        By weights, lengths, fc, labels, centres, bold or bold_SESSION, and maps or maps/NAME.

    Raises
    ------
    FolderError
        If two files hold the same, or if there are no weights, or neither FC nor BOLD.
    """
    found, unused = {}, []
    for path in sorted(folder.iterdir()):
        for what, file in _holds(path):
            if what in found:
                first, second = (inside(folder, one) for one in (found[what], file))
                raise FolderError(f"{first} and {second} both hold the {what}: keep one of them.")
            if what:
                found[what] = file
            elif file.name != SETTINGS and not file.name.startswith("."):
                unused.append(inside(folder, file) + "/" * file.is_dir())
    single = [file for what, file in found.items() if what.startswith("maps/")]
    if "maps" in found and single:
        first, second = (inside(folder, one) for one in (found["maps"], single[0]))
        raise FolderError(f"{first} and {second} both hold maps: keep the table or the folder.")
    lacks = ["weights"] * ("weights" not in found)
    lacks += ["fc or bold"] * (not any(what.startswith(("fc", "bold")) for what in found))
    if lacks:
        aside = f", but {some(unused)}" if unused else ""
        raise FolderError(
            f"{folder.name} holds no {' and no '.join(lacks)}{aside}: add each as one of "
            f"{some(SUFFIXES, most=len(SUFFIXES))}; a folder holds one brain."
        )
    if unused:
        notes.append(f"Not used: {some(unused)}.")
    return found


def _holds(path):
    """What a file, a folder of maps or an archive holds, or None, and the file in question."""
    stem, suffix = path.stem.lower(), path.suffix.lower()
    if path.is_dir() and path.name.lower() == "maps":
        for file in sorted(path.glob("[!.]*")):
            yield (f"maps/{file.stem}" if file.suffix.lower() in SUFFIXES else None), file
    elif suffix == ".zip" and zipfile.is_zipfile(path):
        root = zipfile.Path(path)
        members = [root / name for name in root.root.namelist() if "__MACOSX" not in name]
        held = [IN_ARCHIVE.get(one.name.lower().removesuffix(".bz2")) for one in members]
        inside = zip(held, members, strict=True) if "weights" in held else [(None, path)]
        yield from (pair for pair in inside if pair[1].is_file())
    elif suffix in SUFFIXES and re.fullmatch(r"bold[_-].+", stem):
        yield f"bold_{path.stem[5:]}", path
    else:
        yield (stem if suffix in SUFFIXES and stem in STEMS else None), path


def inside(folder, file):
    """Name of a file within a folder, or within an archive in it."""
    return Path(str(file)).relative_to(folder).as_posix()


def by_session(names):
    """What holds the BOLD series of each session, refused if it is of several persons."""
    sessions = {what[5:] or what: what for what in sorted(names) if what.startswith("bold")}
    files = some([names[what] for what in sessions.values()])
    persons = {
        x for name in sessions for x in re.findall(r"(?<![a-z])sub-?[a-z0-9]+", name.lower())
    }
    if len(persons) > 1:
        raise FolderError(f"{files} are of several persons: make a folder for each.")
    if "bold" in sessions and len(sessions) > 1:
        raise FolderError(
            f"{files} can hold the same: keep bold alone, or a file for each session."
        )
    return sessions
