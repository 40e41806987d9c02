"""Write a brain that is in memory into a folder of its own, for `make study`."""

from bnmfit.settings import SETTINGS, write_settings

from pathlib import Path

import pandas as pd


def write_brain(brain, folder, duration=None):
    """Write a brain into a folder of its own, as `bnmfit.folders.read_folder` takes it.

    Parameters
    ----------
    brain : bnmfit.open_data.Brain
    folder : str or path
        Made, if need be. What is there is left as it is, so that settings can be edited.
    duration : float, optional
        Length of a simulation, ms, for a brain without BOLD.
    """
    folder = Path(folder)
    if (folder / SETTINGS).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)

    def written(name, values, index, columns):
        pd.DataFrame(values, index, columns).to_csv(folder / f"{name}.csv", index=index is not None)

    for name in ("weights", "lengths"):
        written(name, getattr(brain, name), brain.labels, brain.labels)
    for session, bold in brain.sessions.items():
        written(f"bold_{session}", bold, None, brain.labels)
    if not brain.sessions:
        written("fc", brain.fc, brain.labels, brain.labels)
    if brain.maps:
        written("maps", dict(brain.maps), brain.labels, list(brain.maps))
    known = {"name": f'"{brain.name}"', "tr": brain.tr, "duration": duration}
    known = {key: value for key, value in known.items() if value is not None}
    write_settings(folder, brain.source, **known)
