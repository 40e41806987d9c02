"""The figures to explore and to play with: one figure in the browser that carries data and code.

Its code is in `assets/live/`. `random.js`, `algebra.js`, `model.js`, `response.js` and `worker.js`
are the model, once more in JavaScript, which workers run; `map.js`, `panels.js` and
`figure.js` draw.
"""

from bnmbook.figures import is_kept
from bnmbook.paths import ASSETS

import base64
import html
import json
import math

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.colors import to_hex
from tvboptim.experimental.network_dynamics.dynamics.tvb import ReducedWongWang
from tvboptim.observations.tvb_monitors.bold import FirstOrderVolterraHRFKernel

PLAYGROUND = ASSETS / "playground.js"
ENGINE = ("random", "algebra", "model", "response", "worker")
DRAWING = ("map", "panels", "figure")
SHAPES = ("circle", "triangle", "square", "cross")  # those that the script can draw
N_TRACES = 6
# Hidden until the script has drawn it, so that without scripts only the still is seen.
FIGURE = """\
<div class="landscape column-page-right" hidden>
<script type="application/json">{data}</script>
</div>
<noscript><p>This figure needs JavaScript. {instead}</p>{still}</noscript>
<script>
{script}
</script>"""
SCRIPT = """\
(() => {{
"use strict";
const DATA = {data}, STYLE = {style};
const ENGINE = () => {{
{engine}
answer(self);
}};
{drawing}
startAll();
}})();"""
LABEL = "Map of the loss over global coupling G and excitatory recurrence w, {n} simulations{more}"
EXPLORE = (
    ", and below it the loss against G along the line through the chosen point. The arrow keys "
    "move the point, Home and End go to the ends of the line."
)
PLAY = ". The arrow keys move the point; Home and End go to the ends of its line."


def interactive_landscape(study, scan, overlays, still=None):
    """Show the loss over (G, w) with a point to move, the slice through it, and overlays.

    At the point, the expected FC is computed in the browser and shown beside the target. The figure
    needs no other file and no server, and runs in Jupyter as on a page of the book.

    Parameters
    ----------
    study : Study
        What the scan is of: see `study_data`.
    scan : xarray.Dataset
        Grid scan with `loss` over the dimensions `w` and `G` (both without unit), evenly spaced.
    overlays : dict
        By label, what can be switched on: a dict with `shape`, one of `SHAPES`, the `points`
        (G, w) that get a mark, shape (n, 2), and, where a line shall join them, its `path`, too.
        With `frames`, shape (n_frames, n, 2), in place of points, a slider chooses a frame, and
        the path, with a point for each frame, is shown up to it.
    still : str, optional
        Address of a picture for readers without JavaScript.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        For an unknown shape, points that are not finite rows (G, w), or a study that the browser
        cannot compute.
    """
    data = figure_data(study, scan) | {
        "parts": ["slice"],
        "label": LABEL.format(n=f"{scan['loss'].size:,}", more=EXPLORE),
        "overlays": [_overlay(label, **overlay) for label, overlay in overlays.items()],
    }
    return _figure(data, still, "The static map shows the same losses.")


def playground(study, scan, still=None):
    """Show the loss over (G, w) with a point to drag, and simulate there in the browser.

    Parameters
    ----------
    study : Study
        What is simulated, from its own start values on: see `study_data`.
    scan : xarray.Dataset
        As in `interactive_landscape`.
    still : str, optional
        Address of a picture for readers without JavaScript.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        If the browser cannot compute the study.
    """
    data = _playing(study, scan)
    for name in ("G", "w"):
        data["at"][name] = float(study.parameters[name](study.state))
    return _figure(data, still, "The picture shows what it starts with.")


def playground_script(study, scan):
    """The playground as one script with its data, for pages that are no notebooks.

    A page that loads it after an element `<div class="landscape" hidden></div>` has the figure
    there, at the lowest loss of the scan.

    Parameters
    ----------
    study, scan
        As in `playground`.

    Returns
    -------
    str
    """
    head = (
        "// Written by chapter 1 from assets/live/: change those files, and execute the chapter.\n"
        "// Connectome and target: `dk_average` of the package tvboptim, EUPL 1.2.\n"
    )
    return head + _script(_json(_playing(study, scan))) + "\n"


def save_playground(study, scan):
    """Write `assets/playground.js`, unless a run only checks."""
    if is_kept():
        PLAYGROUND.write_text(playground_script(study, scan), encoding="utf-8")


def draw_playground(study, scan, fc):
    """Draw what the playground shows first, for readers without JavaScript.

    Parameters
    ----------
    study, scan
        As in `playground`.
    fc : array, shape (n_regions, n_regions)
        The expected FC at the lowest loss of the scan.

    Returns
    -------
    matplotlib.figure.Figure
    """
    loss = scan["loss"].transpose("w", "G")
    best = loss.isel(loss.argmin(...))
    figure, axes = plt.subplots(1, 3, figsize=(9.4, 3.4), width_ratios=(1.25, 1, 1))
    image = axes[0].pcolormesh(loss["G"], loss["w"], loss, cmap="cividis_r", rasterized=True)
    axes[0].plot(best["G"], best["w"], "o", mfc="none", mec="black", ms=9, clip_on=False)
    axes[0].set(xlabel="Global coupling $G$", ylabel="Excitatory recurrence $w$")
    figure.colorbar(image, ax=axes[0], label="Loss of a simulation")
    for ax, matrix, title in zip(
        axes[1:], (study.target, fc), ("Target FC", "Expected FC"), strict=True
    ):
        shown = ax.imshow(matrix, vmin=-0.4, vmax=0.8)
        ax.set(title=title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes[1:], label="Correlation", location="bottom", shrink=0.6)
    return figure


def study_data(study):
    """What the browser needs to simulate a study, as plain values; matrices are exact.

    Parameters
    ----------
    study : Study
        Reduced Wong-Wang regions, a symmetric connectome, linear coupling without offset, additive
        noise, Heun's method, and the monitor with the kernel of Friston et al. (2000).

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is another study.
    """
    state, monitor, weights = study.state, study.monitor, np.asarray(study.weights)
    covered = {
        "its regions are no Reduced Wong-Wang nodes": isinstance(
            study.network.dynamics, ReducedWongWang
        ),
        "its connectome is not symmetric": np.array_equal(weights, weights.T),
        "its coupling is not the instantaneous one": list(state.coupling) == ["instant"]
        and float(state.coupling.instant.b) == 0,
        "its kernel is another one": isinstance(monitor.kernel, FirstOrderVolterraHRFKernel),
        "the fast simulator does not cover it": study.simulator == "fast",
    }
    for reason, holds in covered.items():
        if not holds:
            raise ValueError(f"The browser cannot compute the study {study.name}, since {reason}.")
    names = ("a", "b", "d", "gamma", "tau_s", "J_N", "I_o")
    kernel = monitor.kernel
    return {
        "n": study.n_regions,
        "weights": _exact(weights),
        "target": _exact(study.target),
        # What simulations start from is forgotten in the samples that do not count.
        "start": _rounded(state.initial_state.dynamics[0], 9),
        "constants": {name: float(state.dynamics[name]) for name in names},
        "dt": study.dt,
        "n_steps": study.n_steps,
        "per_sample": round(study.tr / study.dt),
        "skip": study.skip,
        "bold": {
            "tau_s": kernel.tau_s,
            "tau_f": kernel.tau_f,
            "scaling": kernel.scaling,
            "duration": kernel.duration,
            "n_taps": math.ceil(kernel.duration / study.dt),
            "scale": monitor.k_1 * monitor.V_0,
        },
    }


def figure_data(study, scan):
    """What each form of the figure needs: the study, the map, and what a fit is held against."""
    loss = scan["loss"].transpose("w", "G")
    colors = plt.get_cmap("cividis_r")(np.arange(256))  # bright where the fit is good
    predictors = study.predictors()
    regions = np.linspace(0, study.n_regions - 1, N_TRACES).round().astype(int)
    yardsticks = {
        name: {
            "loss": round(float(predictors["rmse"][name]), 6),
            "correlation": round(float(predictors["correlation"][name]), 6),
        }
        for name in ("constant", "rank one")
    }
    pairs = study.n_regions * (study.n_regions - 1)
    return {
        "study": study_data(study),
        "map": {
            "G": _rounded(loss["G"], 12),
            "w": _rounded(loss["w"], 12),
            "loss": _rounded(loss, 6),
        },
        "colors": [to_hex(color) for color in colors],
        "bounds": {name: list(study.bounds[name]) for name in ("G", "w", "sigma")},
        "yardsticks": yardsticks | {"value": round(float(study.target.sum()) / pairs, 6)},
        "regions": regions.tolist(),
        "labels": [study.labels[region] for region in regions],
        "at": {"sigma": float(study.parameters["sigma"](study.state))},
    }


def _playing(study, scan):
    return figure_data(study, scan) | {
        "parts": ["sigma", "simulate"],
        "label": LABEL.format(n=f"{scan['loss'].size:,}", more=PLAY),
        "overlays": [],
    }


def _figure(data, still, instead):
    picture = (
        f'<img src="{html.escape(still)}" alt="{html.escape(data["label"])}">' if still else ""
    )
    return HTML(
        FIGURE.format(data=_json(data), instead=instead, still=picture, script=_script("null"))
    )


def _script(data):
    """All of the figure's code in one function, with data of its own or `null`."""
    engine, drawing = ("\n".join(map(_asset, names)) for names in (ENGINE, DRAWING))
    style = json.dumps(_without_blank_lines(ASSETS / "live" / "figure.css"))
    return SCRIPT.format(data=data, style=style, engine=engine, drawing=drawing)


def _asset(name):
    return _without_blank_lines(ASSETS / "live" / f"{name}.js")


def _without_blank_lines(path):
    """Read a file without blank lines: at one, Markdown would end the HTML."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip())


def _json(data):
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _overlay(label, shape, points=None, path=None, frames=None):
    if shape not in SHAPES:
        raise ValueError(f"The shape of '{label}' is '{shape}', but can be {', '.join(SHAPES)}.")
    rows = {"points": points} if frames is None else {"frames": frames}
    rows |= {} if path is None else {"path": path}
    for name, values in rows.items():
        values = np.asarray(values, dtype=float)
        n_dimensions = 3 if name == "frames" else 2
        if values.ndim != n_dimensions or values.shape[-1] != 2 or not np.isfinite(values).all():
            raise ValueError(f"The {name} of '{label}' must be finite rows (G, w).")
        rows[name] = _rounded(values, 4)
    if frames is not None and path is not None and len(path) != len(frames):
        raise ValueError(f"The path of '{label}' must have a point for each frame.")
    return {"label": label, "shape": shape, **rows}


def _rounded(values, digits):
    return np.round(np.asarray(values, dtype=float), digits).tolist()


def _exact(matrix):
    """What is below the diagonal of a symmetric matrix, as the bytes of its numbers in text."""
    matrix = np.asarray(matrix, dtype="<f8")
    return base64.b64encode(matrix[np.tril_indices(len(matrix), -1)].tobytes()).decode()
