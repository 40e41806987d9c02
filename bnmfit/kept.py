"""What a study leaves behind for other programs: its fits by region, with what they came from."""

from bnmfit import arc

import dataclasses
import json

import numpy as np
import xarray as xr


def fits_of(response, names, global_fits, regional_fits, verified):
    """All fits of a study, in the parameters' own units.

    Parameters
    ----------
    response : LinearResponse
    names : sequence of str
        Global parameters.
    global_fits, regional_fits : xarray.Dataset
        What the functions of these names in `bnmfit.arc` return.
    verified : xarray.Dataset
        What `bnmfit.arc.verified` returns of each regional fit, along `start`.

    Returns
    -------
    xarray.Dataset
        By `start` of the regional fits: each parameter of `bnmfit.arc.EACH`, by `region`; those
        that regions share, such as `shared_G`; the `loss` of the expected FC; and `simulated`, the
        scores of `bnmfit.regional.SCORES`. The best `global_fit`, by `parameter`.
    """
    study, model = response.study, arc.regional_model(response, names)
    states = [model.state_at(z) for z in regional_fits["z"].values]

    def values(name):
        return [np.asarray(study.parameters[name](state), float) for state in states]

    best = arc.best_of(global_fits)
    n_random = len(states) - 1
    return xr.Dataset(
        {name: (("start", "region"), values(name)) for name in model.each}
        | {f"shared_{name}": ("start", values(name)) for name in model.one}
        | {
            "loss": ("start", regional_fits["loss"].values),
            "simulated": (("start", "score"), verified["value"].values),
            "global_fit": ("parameter", [best[name] for name in names]),
        },
        {
            "region": list(study.labels),
            "start": ["global fit", *(f"random {k + 1}" for k in range(n_random))],
            "parameter": list(names),
            "score": verified["score"].values.astype(str),
        },
    )


def agreement(maps):
    """Correlation of each two of some maps, shape (n, n_regions); shape (n * (n - 1) / 2,)."""
    if len(maps) < 2:
        return np.empty(0)
    with np.errstate(invalid="ignore", divide="ignore"):  # of a map that is the same everywhere
        return np.corrcoef(maps)[np.triu_indices(len(maps), 1)]


def about(folder, study, dataset):
    """The dataset with what it was made from: the study's name, its settings, files and identity.

    Parameters
    ----------
    folder : bnmfit.folders.Folder
    study : Study
    dataset : xarray.Dataset

    Returns
    -------
    xarray.Dataset
        Settings, files and identity are JSON, since netCDF knows no others.
    """
    settings = dataclasses.asdict(folder.settings)
    return dataset.assign_attrs(
        study=study.name,
        settings=json.dumps(settings),
        files=json.dumps(folder.files),
        identity=json.dumps(dict(study.identity)),
    )
