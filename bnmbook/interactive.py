"""The loss landscape to explore: a figure that carries its own data, style and script."""

from bnmbook.paths import ASSETS

import json

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.colors import to_hex

SHAPES = ("circle", "triangle", "square", "cross")  # those that the script can draw
# Hidden until the script has drawn it, so that without scripts nothing of it is seen.
FIGURE = """\
<style>
{style}
</style>
<div class="landscape" hidden>
<svg class="landscape-plot" viewBox="0 0 400 468" tabindex="0" role="application" aria-label="{label}"></svg>
<div class="landscape-side">
<p class="landscape-readout" role="status" aria-live="polite"><span></span><span></span></p>
<fieldset><legend>Show on the map</legend></fieldset>
</div>
<script type="application/json">{data}</script>
</div>
<noscript><p>This figure needs JavaScript. The static map shows the same losses.</p></noscript>
<script>
{script}
</script>"""  # noqa: E501
LABEL = (
    "Map of the loss over global coupling G and excitatory recurrence w, {n} simulations, and "
    "below it the loss against G along the line through the chosen point. The arrow keys move the "
    "point, Home and End go to the ends of the line."
)


def interactive_landscape(scan, overlays):
    """Show the loss over (G, w) with a point to move, the slice through it, and overlays.

    The figure needs no other file and no server, and runs in Jupyter as on a page of the book.

    Parameters
    ----------
    scan : xarray.Dataset
        Grid scan with `loss` over the dimensions `w` and `G` (both without unit), evenly spaced.
    overlays : dict
        By label, what can be switched on: a dict with `shape`, one of `SHAPES`, the `points`
        (G, w) that get a mark, shape (n, 2), and, where a line shall join them, its `path`, too.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        For an unknown shape, or points that are not finite rows (G, w).
    """
    loss = scan["loss"].transpose("w", "G")
    colors = plt.get_cmap("cividis_r")(np.arange(256))  # bright where the fit is good
    data = {
        "G": _rounded(loss["G"], 6),
        "w": _rounded(loss["w"], 6),
        "loss": _rounded(loss, 6),
        "colors": [to_hex(color) for color in colors],
        "overlays": [_overlay(label, **overlay) for label, overlay in overlays.items()],
    }
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return HTML(
        FIGURE.format(
            style=_asset("landscape.css"),
            script=_asset("landscape.js"),
            label=LABEL.format(n=f"{loss.size:,}"),
            data=text,
        )
    )


def _overlay(label, shape, points, path=None):
    if shape not in SHAPES:
        raise ValueError(f"The shape of '{label}' is '{shape}', but can be {', '.join(SHAPES)}.")
    rows = {"points": points} if path is None else {"points": points, "path": path}
    for name, values in rows.items():
        values = np.asarray(values, dtype=float)
        if values.ndim != 2 or values.shape[1] != 2 or not np.isfinite(values).all():
            raise ValueError(f"The {name} of '{label}' must be finite rows (G, w).")
        rows[name] = _rounded(values, 4)
    return {"label": label, "shape": shape, **rows}


def _rounded(values, digits):
    return np.round(np.asarray(values, dtype=float), digits).tolist()


def _asset(name):
    """Read a file of the figure, without blank lines: at one, Markdown would end the HTML."""
    lines = (ASSETS / name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip())
