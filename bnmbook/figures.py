"""Figures that look alike and have the names that the deck uses, and tables of what runs cost."""

import html
import io
import os
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pandas as pd
import tvboptim.data
from IPython.display import HTML
from matplotlib.patches import Ellipse
from PIL import Image
from scipy.stats import gaussian_kde

FOLDER = Path(__file__).resolve().parents[1] / "img" / "section-4"
PARCELLATION = Path(tvboptim.data.__file__).parent / "plotting" / "dk_average"
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


def save_animation(figure, draw, n_frames, name, seconds=0.4, hold=4.0, colors=128):
    """Save `img/section-4/NAME.gif`, which repeats, and its last frame as `NAME.png`.

    Runs that only check (BOOK_RESULTS=require) leave the files alone.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Figure without artists that `draw` adds; its layout is settled with the first frame.
    draw : callable
        `draw(k)` changes the figure to frame k, from 0 to n_frames - 1.
    n_frames : int
    name : str
        File name without its ending.
    seconds, hold : float
        How long each frame, and the last one, is shown, in s.
    colors : int
        Size of the palette, at most 256, which all frames share.

    Raises
    ------
    ValueError
        If there is no frame.
    """
    if n_frames < 1:
        raise ValueError(f"An animation needs at least one frame, not {n_frames}.")
    if os.environ.get("BOOK_RESULTS") == "require":
        return
    frames = []
    for k in range(n_frames):
        draw(k)
        if k == 0:
            figure.canvas.draw()
            figure.set_layout_engine("none")  # or the axes would move with their titles
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=110)
        frames.append(Image.open(buffer).convert("RGB"))
    save_figure(figure, name)
    palette = frames[-1].quantize(colors, dither=Image.Dither.NONE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [1000 * seconds] * (n_frames - 1) + [1000 * hold]
    frames[0].save(
        FOLDER / f"{name}.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )


def show_animation(name, alt):
    """Show a saved animation, and its last frame to those who print or prefer no motion.

    Parameters
    ----------
    name : str
        Name that `save_animation` gave to its files.
    alt : str
        What one would see, for those who do not.

    Returns
    -------
    IPython.display.HTML
    """
    source, alt = f"../img/section-4/{name}", html.escape(alt)
    return HTML(
        f'<div class="animation"><img class="moving" src="{source}.gif" alt="{alt}">'
        f'<img class="still" src="{source}.png" alt="{alt}" style="display: none">'
        '<label><input type="checkbox"> Stop at the last frame</label></div>'
    )


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
    ax.autoscale(False)  # what is drawn over it does not change what is shown
    ax.set(xlabel="Global coupling $G$", ylabel="Excitatory recurrence $w$")
    if colorbar:
        ax.figure.colorbar(image, ax=ax, label="Loss (RMSE of FC)")
    return image


def draw_ellipse(ax, mean, covariance, n_std=2, **style):
    """Draw the ellipse within `n_std` standard deviations (Mahalanobis distance) of a mean.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    mean : array, shape (2,)
        Centre (x, y), in data units.
    covariance : array, shape (2, 2)
    n_std : float
    **style
        Properties of the patch, such as `edgecolor`.

    Returns
    -------
    matplotlib.patches.Ellipse

    Raises
    ------
    ValueError
        If the covariance is not of this shape, or not positive definite.
    """
    covariance = np.asarray(covariance, dtype=float)
    if covariance.shape != (2, 2) or not np.isfinite(covariance).all():
        raise ValueError(f"An ellipse takes a finite 2 x 2 covariance, not {covariance.tolist()}.")
    variances, axes = np.linalg.eigh(covariance)
    if variances[0] <= 0:
        raise ValueError(
            f"The covariance is not positive definite: its eigenvalues are {variances}."
        )
    height, width = 2 * n_std * np.sqrt(variances)
    angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
    ellipse = Ellipse(mean, width, height, angle=angle, **{"facecolor": "none", **style})
    return ax.add_patch(ellipse)


def draw_posterior(figure, place, scan, G, w, title):
    """Draw a posterior on the faded landscape, with a histogram of each parameter at the margins.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    place : matplotlib.gridspec.SubplotSpec
    scan : xarray.Dataset
        Grid scan, as for `draw_landscape`.
    G, w : array, shape (n,)
        Draws.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
        The one with the landscape.
    """
    grid = place.subgridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
    ax = figure.add_subplot(grid[1, 0])
    top = figure.add_subplot(grid[0, 0], sharex=ax)
    side = figure.add_subplot(grid[1, 1], sharey=ax)
    draw_landscape(ax, scan, faded=True, colorbar=False)
    color = plt.cm.cividis(0.1)
    ax.plot(G, w, ".", color=color, ms=3, alpha=0.35, mew=0)
    draw_contours(ax, G, w)
    for margin, values, direction in ((top, G, "vertical"), (side, w, "horizontal")):
        margin.hist(values, bins=40, color=color, orientation=direction)
        margin.axis("off")
    top.set_title(title)
    return ax


def draw_contours(ax, G, w):
    """Draw lines that hold half and 94 percent of the draws of a posterior.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    G, w : array, shape (n,)
    """
    draws = np.array([G, w])
    density = gaussian_kde(draws)
    levels = np.quantile(density(draws), [0.06, 0.5])
    margin = 0.3 * np.ptp(draws, axis=1)
    corners = zip(draws.min(axis=1) - margin, draws.max(axis=1) + margin, strict=True)
    x, y = (np.linspace(low, high, 120) for low, high in corners)
    z = density(np.array(np.meshgrid(x, y)).reshape(2, -1)).reshape(120, 120)
    ax.contour(x, y, z, levels=levels, colors="black", linewidths=(0.8, 1.4))


def draw_spread(ax, x, curves, color, style, label):
    """Draw the median of many curves, and the band from their 10th to their 90th percentile.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    x : array, shape (n,)
    curves : array, shape (n_curves, n)
    color : color
    style : str
        Style of the line of the median.
    label : str
        Entry in the legend.
    """
    low, middle, high = np.quantile(curves, [0.1, 0.5, 0.9], axis=0)
    ax.fill_between(x, low, high, color=color, alpha=0.22, lw=0)
    ax.plot(x, middle, style, color=color, lw=2, label=label)


def draw_brain(axes, values, **style):
    """Draw one value per region on four views of the parcellation that comes with tvboptim.

    The views are of the left hemisphere from outside and from the midline, and of the right one
    from the midline and from outside. Each shows what is nearest: deep regions only in part.

    Parameters
    ----------
    axes : sequence of 4 matplotlib.axes.Axes
    values : dict
        Value by region label, such as `L.BSTS`.
    **style
        As for `imshow`, such as `vmin`.

    Returns
    -------
    matplotlib.image.AxesImage
        One of the four, for a colour bar.

    Raises
    ------
    ValueError
        For a label that the parcellation does not have.
    """
    table = pd.read_csv(PARCELLATION / "fs_default_freesurfer_idx.csv")
    numbers = dict(zip(table["acronym"], table["freesurfer_idx"], strict=True))
    unknown = sorted(set(values) - set(numbers))
    if unknown:
        raise ValueError(f"The parcellation has no region {', '.join(unknown)}.")
    volume = nibabel.as_closest_canonical(nibabel.load(PARCELLATION / "aparc+aseg-mni_09c.nii.gz"))
    labels = np.asarray(volume.dataobj).astype(int)  # right, anterior, superior
    left, right = np.full((2, *labels.shape), np.nan)
    for label, value in values.items():
        (left if label.startswith("L.") else right)[labels == numbers[label]] = value
    views = {"left": left, "left, midline": left[::-1], "right, midline": right}
    views["right"] = right[::-1]
    for ax, (name, slab) in zip(axes, views.items(), strict=True):
        filled = np.isfinite(slab)
        nearest = np.take_along_axis(slab, filled.argmax(axis=0)[None], axis=0)[0]
        seen = np.where(filled.any(axis=0), nearest, np.nan)
        seen = seen[::-1] if name in ("left", "right, midline") else seen  # from where one looks
        image = ax.imshow(seen.T, origin="lower", **style)
        ax.set_title(name)
        ax.axis("off")
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
        "Seconds": f"{cost['seconds']:,.0f}",
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
