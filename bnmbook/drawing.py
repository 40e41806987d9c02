"""Draw what many chapters show: landscapes, posteriors, curves and matrices."""

from bnmbook.style import FADED

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse
from scipy.stats import gaussian_kde

LABELS = {"G": "Global coupling $G$", "w": "Excitatory recurrence $w$"}


def draw_landscape(
    ax,
    scan,
    faded=False,
    colorbar=True,
    x="G",
    y="w",
    xlabel=None,
    ylabel=None,
    label="Loss (RMSE of FC)",
):
    """Draw the loss over two parameters, bright where the fit is good.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    scan : xarray.Dataset
        Grid scan with `loss` over two dimensions, each with values at equal distances.
    faded : bool
        Draw it pale, as the ground for something else.
    colorbar : bool
        Add the scale of the loss.
    x, y : str
        Names of the dimensions to the right and upwards.
    xlabel, ylabel : str, optional
        Labels of the axes; those of `LABELS`, or the names, if not given.
    label : str
        Label of the scale.

    Returns
    -------
    matplotlib.image.AxesImage

    Raises
    ------
    ValueError
        If the loss has other dimensions, or values at unequal distances.
    """
    if set(scan["loss"].dims) != {x, y}:
        raise ValueError(
            f"The loss to draw is over {', '.join(map(str, scan['loss'].dims))}, not {x} and {y}."
        )
    loss = scan["loss"].transpose(y, x)
    image = ax.imshow(
        loss,
        cmap="cividis_r",
        origin="lower",
        aspect="auto",
        alpha=FADED if faded else 1,
        extent=(*_ends(loss, x), *_ends(loss, y)),
    )
    ax.autoscale(False)  # what is drawn over it does not change what is shown
    ax.set(
        xlabel=LABELS.get(x, x) if xlabel is None else xlabel,
        ylabel=LABELS.get(y, y) if ylabel is None else ylabel,
    )
    if colorbar:
        ax.figure.colorbar(image, ax=ax, label=label)
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


def draw_posterior(figure, place, scan, x_draws, y_draws, title, color=None, **landscape):
    """Draw a posterior on the faded landscape, with a histogram of each parameter at the margins.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    place : matplotlib.gridspec.SubplotSpec
    scan : xarray.Dataset
        Grid scan, as for `draw_landscape`.
    x_draws, y_draws : array, shape (n,)
        Draws of the parameter to the right, and of the one upwards.
    title : str
    color : color, optional
        That of the draws and their histograms, such as the colour of a method.
    **landscape
        As for `draw_landscape`: which parameters they are of (`x`, `y`), and their labels.

    Returns
    -------
    matplotlib.axes.Axes
        The one with the landscape.
    """
    grid = place.subgridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
    ax = figure.add_subplot(grid[1, 0])
    top = figure.add_subplot(grid[0, 0], sharex=ax)
    side = figure.add_subplot(grid[1, 1], sharey=ax)
    draw_landscape(ax, scan, faded=True, colorbar=False, **landscape)
    color = plt.cm.cividis(0.1) if color is None else color
    ax.plot(x_draws, y_draws, ".", color=color, ms=3, alpha=0.35, mew=0)
    draw_contours(ax, x_draws, y_draws)
    for margin, values, direction in ((top, x_draws, "vertical"), (side, y_draws, "horizontal")):
        margin.hist(values, bins=40, color=color, orientation=direction)
        margin.axis("off")
    top.set_title(title)
    return ax


def draw_contours(ax, x, y):
    """Draw lines that hold half and 94 percent of the draws of a posterior.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    x, y : array, shape (n,)
    """
    draws = np.array([x, y])
    if np.linalg.matrix_rank(np.cov(draws)) < 2:
        return  # a chain that did not move, or only along a line, encloses nothing
    density = gaussian_kde(draws)
    levels = np.quantile(density(draws), [0.06, 0.5])
    margin = 0.3 * np.ptp(draws, axis=1)
    corners = zip(draws.min(axis=1) - margin, draws.max(axis=1) + margin, strict=True)
    across, up = (np.linspace(low, high, 120) for low, high in corners)
    height = density(np.array(np.meshgrid(across, up)).reshape(2, -1)).reshape(120, 120)
    ax.contour(across, up, height, levels=levels, colors="black", linewidths=(0.8, 1.4))


def draw_mass_lines(ax, grid, valley):
    """Draw lines around 50 and 94 percent of a posterior's mass on a refined grid.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With G across and w up.
    grid : xarray.Dataset
        As `bnmfit.posteriors.refined_grid` returns it, over a valley's coordinates x and w.
    valley : bnmfit.valley.Valley
    """
    density, mass = grid["log_density"].values, grid["mass"].values
    height = np.nan_to_num(density, neginf=density[mass > 0].min())  # outside of the box
    order = np.argsort(-density)
    at = order[np.searchsorted(mass[order].cumsum(), [0.94, 0.5])]
    (left, low), (right, high) = valley.low, valley.high
    w = grid["w"].values  # mirrored at the edges, so that lines run straight to them
    w = np.concatenate([w, 2 * low - w, 2 * high - w])
    lines = ax.tricontour(
        valley.G_at(w) + np.tile(grid["x"], 3),
        w,
        np.tile(height, 3),
        levels=density[at],
        colors="black",
        linewidths=(0.9, 1.8),
    )
    edge = plt.Rectangle((left, low), right - left, high - low, transform=ax.transData)
    lines.set_clip_path(edge)
    lines.set_in_layout(False)  # the rectangle that clips them would make room for itself


def draw_spread(ax, x, curves, color, style, label, **line):
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
    **line
        More properties of the line of the median, such as its marker.
    """
    low, middle, high = np.quantile(curves, [0.1, 0.5, 0.9], axis=0)
    ax.fill_between(x, low, high, color=color, alpha=0.22, lw=0)
    ax.plot(x, middle, style, color=color, label=label, **{"lw": 2, **line})


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


def mark_groups(ax, groups, color="white"):
    """Draw lines between groups of regions on a matrix, and write their names at its axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With a matrix, as `draw_matrix` draws it.
    groups : sequence of tuple (str, int)
        Name and number of regions of each group, in the order of the matrix. A group
        without a name has its lines only.
    color : color
        That of the lines.
    """
    edges = np.cumsum([0, *(size for _, size in groups)]) - 0.5
    for edge in edges[1:-1]:
        ax.axhline(edge, color=color, lw=0.7)
        ax.axvline(edge, color=color, lw=0.7)
    named = [
        ((low + high) / 2, name)
        for low, high, (name, _) in zip(edges[:-1], edges[1:], groups, strict=True)
        if name
    ]
    if not named:
        return
    ticks, names = zip(*named, strict=True)
    ax.set(xlabel="", ylabel="")
    ax.set_xticks(ticks, names)
    ax.set_yticks(ticks, names, rotation=90, va="center")
    ax.tick_params(length=0)


def _ends(loss, axis):
    """Outer edges of the first and the last cell along an axis."""
    values = loss[axis].values
    steps = np.diff(values)
    if len(values) < 2 or not np.allclose(steps, steps[0], rtol=1e-3, atol=0):
        raise ValueError(f"A landscape takes two or more values of {axis} at equal distances.")
    half = float(values[1] - values[0]) / 2
    return float(values[0]) - half, float(values[-1]) + half
