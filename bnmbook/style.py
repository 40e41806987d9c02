"""How figures look, whatever style the user has set: importing this sets it."""

import matplotlib
from matplotlib import style

STYLE = {
    "figure.dpi": 144,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.max_open_warning": 20,
    "savefig.dpi": 200,
    "image.cmap": "cividis",
    "image.interpolation": "none",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
FADED = 0.35  # opacity of a landscape that lies under something else

style.use("default")
matplotlib.rcParams.update(STYLE)


def for_saving():
    """Context in which all figures are saved alike: with margins, ground and size as drawn."""
    ours = {key: value for key, value in STYLE.items() if key.startswith("savefig.")}
    theirs = {
        key: value
        for key, value in matplotlib.rcParamsDefault.items()
        if key.startswith("savefig.") and key != "savefig.directory"
    }
    return matplotlib.rc_context(theirs | ours)
