"""How figures look, whatever style the user has set: importing this sets it."""

import matplotlib
from IPython import get_ipython
from matplotlib import style
from matplotlib_inline.backend_inline import set_matplotlib_formats

# An inch of a figure is so many pixels of a page, drawn twice as fine, so that text has one size.
PIXELS_PER_INCH = 100
STYLE = {
    "figure.dpi": PIXELS_PER_INCH,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.max_open_warning": 20,
    "savefig.dpi": 200,
    "image.cmap": "cividis",
    "image.interpolation": "none",
    "font.size": 10,
    "axes.titlesize": 10,
    "legend.fontsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
FADED = 0.35  # opacity of a landscape that lies under something else

# One colour and one marker for each method, in all chapters and in the deck.
METHODS = {
    "grid scan": ("#5f6670", "."),
    "random search": ("#0072b2", "o"),
    "Sobol": ("#56b4e9", "D"),
    "CMA-ES": ("#d55e00", "^"),
    "gradient descent": ("#009e73", "s"),
    "NUTS": ("#cc79a7", "v"),
    "SVI": ("#e69f00", "P"),
    "neural posterior": ("#7a3db8", "X"),
}
CONSTANT_LINE = {"color": "#5f6670", "ls": ":", "lw": 1.5}  # the loss of a constant matrix

style.use("default")
matplotlib.rcParams.update(STYLE)
if get_ipython() is not None:
    set_matplotlib_formats("retina")


def method_style(name):
    """Colour and marker of a method, as keywords of `plot`.

    Parameters
    ----------
    name : str
        One of `METHODS`.

    Returns
    -------
    dict
    """
    color, marker = METHODS[name]
    return {"color": color, "marker": marker}


def for_saving():
    """Context in which all figures are saved alike: with margins, ground and size as drawn."""
    ours = {key: value for key, value in STYLE.items() if key.startswith("savefig.")}
    theirs = {
        key: value
        for key, value in matplotlib.rcParamsDefault.items()
        if key.startswith("savefig.") and key != "savefig.directory"
    }
    return matplotlib.rc_context(theirs | ours)
