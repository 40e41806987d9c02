"""Real brains: what the chapters on groups and people fit, each from a folder of its own.

`make data` writes the folders. Without them the pages stand on their stored results, which hold
fits and what they were judged by, and no data.
"""

from bnmbook.programs import keep_programs
from bnmfit.devices import use_devices

keep_programs()
use_devices(8)  # before anything else touches JAX; float64 everywhere

import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # a plain progress bar will do

from bnmbook.checks import check, claims_about
from bnmbook.displays import cost_box, show_table
from bnmbook.figures import save_figure
from bnmbook.paths import CHAPTERS, RESULTS, ROOT
from bnmbook.results import Store
from bnmbook.style import CONSTANT_LINE, method_style
from bnmfit.folders import Folder, read_folder
from bnmfit.from_folder import study_of
from bnmfit.linear_response import LinearResponse
from bnmfit.open_data import DataMissing
from bnmfit.settings import Settings

from dataclasses import replace

import numpy as np

DATA = ROOT / "data"


def brain(name, **settings):
    """The folder of a real brain, with other settings if need be, as connectome="log".

    Raises
    ------
    DataMissing
        If it is not there.
    """
    if not (DATA / name).is_dir():
        raise DataMissing(f"There is no brain {name} in {DATA}: run `make data`.")
    return read_folder(DATA / name, **settings)


def stand_in(n=12):
    """A made-up brain with the model of the others: results are stale when the model changes."""
    rng = np.random.default_rng(0)
    weights = np.triu(rng.exponential(size=(n, n)), 1)
    weights = (weights + weights.T) / weights.max()
    free = {"G": (0.001, 0.3), "w": (0.001, 0.7), "I_o": (0.2, 0.45), "rho": (0.0, 0.9)}
    settings = Settings("real-brains", 720.0, 43_200.0, "double-gamma", "raw", True, free, 0, ())
    labels = tuple(f"region {k + 1}" for k in range(n))
    given = {"path": ROOT, "settings": settings, "labels": labels, "weights": weights}
    absent = {"lengths": None, "centres": None}
    empty = {"sessions": {}, "maps": {}, "notes": (), "files": {}}
    return Folder(fc=weights**2, **given, **absent, **empty)


study = study_of(stand_in())
store = Store(study, RESULTS, CHAPTERS)
stored_result, load_result = store.stored_result, store.load_result
claim = claims_about(study.name, study.name)
