"""Figures that look alike and have the names that the deck uses, and tables of what runs cost."""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML

FOLDER = Path(__file__).resolve().parents[1] / "img" / "section-4"
FADED = 0.35  # opacity of a landscape that lies under something else

plt.rcParams.update(
    {
        "figure.dpi": 144,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "savefig.dpi": 200,
        "image.cmap": "cividis",
        "image.interpolation": "none",
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
)


def save_figure(figure, name):
    """Save a figure as `img/section-4/NAME.png` at 200 dpi.

    Runs that only check (BOOK_RESULTS=require) leave the files alone.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        File name without its ending.
    """
    if os.environ.get("BOOK_RESULTS") != "require":
        FOLDER.mkdir(parents=True, exist_ok=True)
        figure.savefig(FOLDER / f"{name}.png", metadata={"Software": None})


def draw_landscape(ax, scan, faded=False, colorbar=True):
    """Draw the loss over (G, w), bright where the fit is good.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    scan : xarray.Dataset
        Grid scan with `loss` over the dimensions `w` and `G` (both without unit).
    faded : bool
        Draw it pale, as the ground for something else.
    colorbar : bool
        Add the scale of the loss.

    Returns
    -------
    matplotlib.image.AxesImage
    """
    loss = scan["loss"].transpose("w", "G")
    half_G, half_w = (float(loss[axis][1] - loss[axis][0]) / 2 for axis in ("G", "w"))
    image = ax.imshow(
        loss,
        cmap="cividis_r",
        origin="lower",
        aspect="auto",
        alpha=FADED if faded else 1,
        extent=(
            float(loss["G"][0]) - half_G,
            float(loss["G"][-1]) + half_G,
            float(loss["w"][0]) - half_w,
            float(loss["w"][-1]) + half_w,
        ),
    )
    ax.set(xlabel="Global coupling $G$", ylabel="Excitatory recurrence $w$")
    if colorbar:
        ax.figure.colorbar(image, ax=ax, label="Loss (RMSE of FC)")
    return image


def draw_matrix(ax, matrix, title, vmin=0, vmax=None):
    """Draw a matrix of regions by regions, its diagonal left out.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    matrix : array, shape (n_regions, n_regions)
    title : str
    vmin, vmax : float
        Ends of the colour scale.

    Returns
    -------
    matplotlib.image.AxesImage
    """
    shown = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)
    image = ax.imshow(shown, vmin=vmin, vmax=vmax)
    ax.set(title=title, xlabel="Region", ylabel="Region")
    return image


def cost_box(result):
    """Say what a stored result cost, as a table taken from its attributes.

    Parameters
    ----------
    result : xarray.Dataset
        A stored result (see `stored_result`).

    Returns
    -------
    IPython.display.HTML
    """
    cost = result.attrs
    entries = {
        "Simulations": f"{cost['simulations']:,}",
        "Gradients": f"{cost['gradients']:,}",
        "Seconds": f"{cost['seconds']:.0f}",
        "Seed": cost["seed"],
        "Computed on": f"{cost['processor']}; JAX devices: {cost['devices']}",
    }
    head = "".join(f"<th scope='col'>{key}</th>" for key in entries)
    row = "".join(f"<td>{value}</td>" for value in entries.values())
    return HTML(
        "<div class='cost-box'><table><caption>What this cost</caption>"
        f"<thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table></div>"
    )


def show_table(frame):
    """Show a data frame as a plain table, without its index.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    IPython.display.HTML
    """
    return HTML(frame.to_html(index=False, border=0, classes="table"))
