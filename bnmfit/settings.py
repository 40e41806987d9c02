"""What the files of a folder cannot say of a study: `study.yml`, with a comment for each key."""

from bnmfit.data import check_bounds
from bnmfit.reading import some
from bnmfit.timing import MIN_SAMPLES, is_time

import textwrap
from dataclasses import dataclass
from pathlib import Path

import yaml

SETTINGS = "study.yml"
KERNELS = ("volterra", "double-gamma")
CONNECTOMES = ("raw", "log", "normalised")
PARAMETERS = ("G", "w", "I_o", "sigma", "rho")
DEFAULTS = """\
# What the other files of this folder cannot say. All times are in ms. Where it says null, nothing
# is known, and the comment says what is assumed.

# Name of the study, which tells its results from those of others. null: the name of the folder.
name: null

# Time from one BOLD sample to the next (repetition time), ms: 720, not 0.72. It has to be filled
# in; for an FC, it is the one of the recording that the FC was computed from.
tr: null

# Length of a simulation, ms; its first 20 s do not count. null: those and the recording, or the
# first of its sessions. Without BOLD series it has to be filled in: 20 s and the length of the
# recording that the FC was computed from.
duration: null

# How activity becomes BOLD: double-gamma (difference of two gamma functions, which peaks after 5 s)
# or volterra (first-order Volterra kernel of the balloon model, which peaks after 1 s, as in the
# book's example). Assumed: double-gamma, since measured BOLD is as slow.
kernel: double-gamma

# What is done to the weights w: raw (nothing), log (log(1 + w / the smallest above 0), for counts
# of streamlines, which span orders of magnitude), or normalised (each row divided by its sum, so
# that all regions receive as much; what was symmetric is then directed). Afterwards they are
# divided by the largest, whichever it is. Assumed: raw, so that weights mean what they meant.
connectome: raw

# Whether regions share a part of their noise, true or false. With true, that part, rho, is free
# from 0 to 0.9, unless rho has other bounds below. Assumed: true, since no fit of the book without
# it predicts better than the same value for all pairs of regions.
shared_noise: true

# Parameters that are free, each from a lowest to a highest value; the first two span the landscape.
# There are G (global coupling), w (excitatory recurrence), I_o (external input, nA), sigma
# (strength of the noise, which changes no correlation) and rho (its shared part). G has no scale of
# its own; null: up to 1.9 / the leading eigenvalue of the weights. Assumed for the others: ranges
# in which a region is neither silent nor saturated.
free:
  G: null
  w: [0.001, 0.7]
  I_o: [0.2, 0.45]

# Seed of all random numbers, a whole number. Another one shows what depends on chance.
seed: 0

# Regions to leave out of all files, by their labels: [L.Thalamus, R.Thalamus]. Regions without
# labels are called region 1, region 2 and so on. Assumed: none.
leave_out: []
"""


@dataclass(frozen=True)
class Settings:
    """What `study.yml` says: times in ms, parameters with bounds, labels of regions left out.

    The bounds of G can be None, as long as the weights are not known.
    """

    name: str
    tr: float | None
    duration: float | None
    kernel: str
    connectome: str
    shared_noise: bool
    free: dict[str, tuple[float, float] | None]
    seed: int
    leave_out: tuple[str, ...]


def write_settings(folder, about="", **known):
    """Write `study.yml` with the defaults into a folder, a comment above each key.

    Parameters
    ----------
    folder : str or path
    about : str
        What it is about, which becomes its first comment.
    **known
        Values, as text or numbers, of keys whose default is null.

    Raises
    ------
    FileExistsError
        If it is there: it is never overwritten.
    ValueError
        For a key whose default is another one.
    """
    text = DEFAULTS
    for key, value in known.items():
        if f"\n{key}: null\n" not in text:
            raise ValueError(f"The key {key} is not empty by default: pass others.")
        text = text.replace(f"\n{key}: null\n", f"\n{key}: {value}\n")
    head = "".join(
        f"{line}\n"
        for line in textwrap.wrap(about, 98, initial_indent="# ", subsequent_indent="# ")
    )
    with (Path(folder) / SETTINGS).open("x", encoding="utf-8") as file:
        file.write(f"{head}\n{text}" if head else text)


def read_settings(folder):
    """Read `study.yml` of a folder. Keys that it lacks have their defaults.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    Settings
        With the folder's name if it gives none, and rho among the free parameters if noise is
        shared.

    Raises
    ------
    ValueError
        For an unknown key or parameter, a value of another type, bounds that do not rise, fewer
        than two free parameters, or a duration that is no whole number of TRs.
    """
    try:
        given = yaml.safe_load((folder / SETTINGS).read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"Line {mark.line + 1}" if mark else "It"
        raise ValueError(f"{where} is no YAML: write key, colon, space and value.") from None
    values = yaml.safe_load(DEFAULTS)
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise ValueError("It has no keys: write key, colon, space and value.")
    unknown = [str(key) for key in given if key not in values]
    if unknown:
        raise ValueError(
            f"There is no key {some(unknown)}: the keys are {some(values, most=len(values))}."
        )
    values |= given
    for key, (fits, words) in EXPECTED.items():
        if not fits(values[key]):
            is_now = "empty" if values[key] is None else repr(values[key])
            raise ValueError(f"The value of {key} is {is_now}, but has to be {words}.")
    values["name"] = values["name"] or folder.name
    values |= {key: float(values[key]) for key in ("tr", "duration") if values[key] is not None}
    values["free"] = _free(values)
    values["leave_out"] = tuple(str(label).strip() for label in values["leave_out"])
    _refuse_part_of_tr(values["tr"], values["duration"])
    return Settings(**values)


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


EXPECTED = {
    "name": (lambda x: x is None or (isinstance(x, str) and x.strip()), "text, if need be quoted"),
    "tr": (
        lambda x: x is None or (is_time(x) and x >= 10),
        "a time in ms, as 720, not 0.72",
    ),
    "duration": (lambda x: x is None or is_time(x), "a time in ms, as 600000, or null"),
    "kernel": (lambda x: x in KERNELS, " or ".join(KERNELS)),
    "connectome": (lambda x: x in CONNECTOMES, some(CONNECTOMES).replace(" and ", " or ")),
    "shared_noise": (lambda x: isinstance(x, bool), "true or false"),
    "free": (lambda x: isinstance(x, dict), "a list of parameters with bounds, as G: [0.001, 0.7]"),
    "seed": (lambda x: _is_whole(x) and x >= 0, "a whole number of 0 or more"),
    "leave_out": (
        lambda x: isinstance(x, list) and all(isinstance(y, str) or _is_whole(y) for y in x),
        "a list of labels, as [L.A, R.A], if need be quoted",
    ),
}


def _free(values):
    """Bounds of the free parameters, with the shared part of the noise where there is one."""
    unknown = [str(name) for name in values["free"] if name not in PARAMETERS]
    if unknown:
        raise ValueError(f"Under free is {some(unknown)}: the parameters are {some(PARAMETERS)}.")
    given = values["free"]
    bounds = check_bounds({name: x for name, x in given.items() if (name, x) != ("G", None)})
    free = {name: bounds.get(name) for name in given}
    if values["shared_noise"]:
        free = free | {"rho": free.get("rho", (0.0, 0.9))}
    elif "rho" in free:
        raise ValueError("Under free is rho, but no noise is shared: set shared_noise to true.")
    if len(set(free) - {"sigma"}) < 2:
        raise ValueError(
            f"Under free is {some(free) or 'nothing'}: give at least two, as G and w; sigma, which "
            "changes no correlation, does not count."
        )
    return free


def _refuse_part_of_tr(tr, duration):
    """Refuse a duration that is not a whole number of TRs, or too few of them."""
    if tr is None or duration is None:
        return
    n = max(round(duration / tr), MIN_SAMPLES)
    if abs(duration - n * tr) > 1e-9 * duration:
        raise ValueError(
            f"The value of duration, {duration:.10g} ms, has to be a multiple of tr, {tr:.10g} ms, "
            f"and at least {MIN_SAMPLES} of it: take {n * tr:.10g}."
        )
