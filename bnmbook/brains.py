"""Draw one value per region on views of a brain, or in a plain layout."""

import bnmbook.style  # noqa: F401  (figures look alike)
from bnmfit.places import is_in_mm, layout

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pandas as pd
import tvboptim.data
from matplotlib.colors import LightSource
from scipy.spatial import ConvexHull


class Parcellation(NamedTuple):
    """A volume whose voxels hold numbers of regions, and the table of their labels.

    Parameters
    ----------
    volume : path
        Image that nibabel reads, with an affine to coordinates in mm: right, anterior, superior.
    table : path
        File of comma-separated values, with a header.
    label, number : str
        Names of the columns that have each region's label, and its number in the volume.
    """

    volume: Path
    table: Path
    label: str = "label"
    number: str = "number"


FOLDER = Path(tvboptim.data.__file__).parent / "plotting" / "dk_average"
DK_AVERAGE = Parcellation(
    FOLDER / "aparc+aseg-mni_09c.nii.gz",
    FOLDER / "fs_default_freesurfer_idx.csv",
    label="acronym",
    number="freesurfer_idx",
)
VIEWS = {
    "surface": "The regions are drawn where they lie, from outside and from the midline; what is "
    "deep is seen in part.",
    "centres": "A dot is the centre of a region, by the coordinates in the folder: the left half "
    "from the left, all regions from above, and the right half from the right.",
    "layout": "Nothing is known of where the regions are: the connectome orders the dots, so that "
    "what is connected is near, and labels put them to the left or right, where they tell.",
}


def view_of(labels, centres=None):
    """How regions can be drawn: one of `VIEWS`, which says in words what is seen.

    Parameters
    ----------
    labels : sequence of str, length n
    centres : array, shape (n, 3), or None
        Coordinates, mm.

    Returns
    -------
    str
    """
    if set(labels) <= set(_numbers(DK_AVERAGE)):
        return "surface"
    return "layout" if centres is None else "centres"


def draw_regions(values, labels, centres, weights):
    """Draw a figure with one value per region, in the best view that is possible.

    Parameters
    ----------
    values : dict of str to array, shape (n,)
        What is drawn, by what its scale is called.
    labels : sequence of str, length n
    centres : array, shape (n, 3), or None
        Coordinates, mm.
    weights : array, shape (n, n)
        The connectome, which orders the regions where nothing else is known.

    Returns
    -------
    matplotlib.figure.Figure
    """
    view, n = view_of(labels, centres), len(values)
    if view == "layout":
        figure, rows = plt.subplots(1, n, figsize=(4 * n, 3.8), squeeze=False)
        rows = rows.T
    else:
        figure, rows = plt.subplots(n, {"surface": 4, "centres": 3}[view], figsize=(8, 2.4 * n))
    for axes, (name, of) in zip(np.reshape(rows, (n, -1)), values.items(), strict=True):
        if view == "surface":
            drawn = draw_brain(axes, dict(zip(labels, of, strict=True)))
        elif view == "centres":
            drawn = draw_centres(axes, of, centres)
        else:
            drawn = draw_layout(axes[0], of, layout(weights, labels))
        figure.colorbar(drawn, ax=axes, label=name, shrink=0.9)
    return figure


def draw_layout(ax, values, places):
    """Draw one value per region as dots in a plane, shape (n, 2)."""
    dots = ax.scatter(*places.T, c=values, s=4000 / len(values), edgecolors="0.3", linewidths=0.5)
    if (places[:, 0] < -0.1).any() and not (np.abs(places[:, 0]) < 0.1).any():
        ax.text(-0.58, 1.08, "left", ha="center")
        ax.text(0.58, 1.08, "right", ha="center")
    ax.axis("off")
    return dots


def draw_centres(axes, values, centres):
    """Draw one value per region as dots at their centres, on three views of a brain.

    The brain is that of `DK_AVERAGE`, in MNI coordinates, or the hull of the centres where they do
    not lie in it.

    Parameters
    ----------
    axes : sequence of 3 matplotlib.axes.Axes
    values : array, shape (n,)
    centres : array, shape (n, 3)
        To the right, to the front, to the top.

    Returns
    -------
    matplotlib.collections.PathCollection
        One of the three, for a colour bar.
    """
    volume = nibabel.as_closest_canonical(nibabel.load(DK_AVERAGE.volume))
    filled = np.asarray(volume.dataobj) > 0
    origin = volume.affine[:3, 3]
    inside = ((centres >= origin) & (centres < origin + filled.shape)).all(axis=1)
    is_mni = is_in_mm(centres) and inside.mean() > 0.9
    middle = -round(origin[0])
    views = {  # name: half of the brain, nearest first; axes to the right and upwards, their signs
        "left": (filled[:middle], centres[:, 0] <= 0, 0, -1, (1, 2)),
        "from above": (filled[:, :, ::-1], centres[:, 0] == centres[:, 0], 2, 1, (0, 1)),
        "right": (filled[middle:][::-1], centres[:, 0] >= 0, 0, 1, (1, 2)),
    }
    scale = {"vmin": np.min(values), "vmax": np.max(values)}
    for ax, (name, (half, here, depth, towards, plane)) in zip(axes, views.items(), strict=True):
        at = here.nonzero()[0][np.argsort(towards * centres[here, depth])]  # the nearest last
        if is_mni:
            ends = [(origin[k] - 0.5, origin[k] + filled.shape[k] - 0.5) for k in plane]
            ax.imshow(_relief(half, depth), origin="lower", extent=(*ends[0], *ends[1]))
        elif len(at) > 2:
            hull = centres[at][:, plane]
            ax.fill(*hull[ConvexHull(hull).vertices].T, color="0.9")
        dots = ax.scatter(*centres[at][:, plane].T, c=values[at], s=36, edgecolors="white", **scale)
        ax.set_aspect("equal")
        if name == "left":
            ax.invert_xaxis()
        ax.set_title(name)
        ax.axis("off")
    return dots


def _relief(half, axis):
    """Part of a brain in pale grey, as it is seen along an axis, with light on it."""
    distance = np.where(half.any(axis), half.argmax(axis), np.nan).T
    level = np.nan_to_num(-distance, nan=-np.nanmax(distance))
    light = LightSource(altdeg=60).hillshade(level, vert_exag=0.3)
    shade = np.where(np.isfinite(distance), 0.72 + 0.24 * light, 1.0)
    return np.repeat(shade[..., None], 3, axis=2)


def draw_brain(axes, values, parcellation=DK_AVERAGE, **style):
    """Draw one value per region on four views of a parcellation.

    The views are of the left hemisphere from outside and from the midline, and of the right one
    from the midline and from outside. Each shows what is nearest: deep regions only in part. On
    which side a region is follows from where its voxels are.

    Parameters
    ----------
    axes : sequence of 4 matplotlib.axes.Axes
    values : dict
        Value by region label, such as `L.BSTS`.
    parcellation : Parcellation
        Where the regions are; the one of 84 regions that comes with tvboptim, if not given.
    **style
        As for `imshow`, such as `vmin`.

    Returns
    -------
    matplotlib.image.AxesImage
        One of the four, for a colour bar.

    Raises
    ------
    ValueError
        For a label that the parcellation does not have, and a region without a voxel.
    """
    left, right = _hemispheres(values, parcellation)
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


def _numbers(parcellation):
    """Numbers of the regions in the volume, by label."""
    table = pd.read_csv(parcellation.table)
    return dict(zip(table[parcellation.label], table[parcellation.number], strict=True))


def _hemispheres(values, parcellation):
    """Two volumes of the values: that of the left hemisphere, and that of the right one."""
    numbers = _numbers(parcellation)
    unknown = sorted(set(values) - set(numbers), key=str)
    if unknown:
        some = ", ".join(map(str, unknown[:3])) + (" ..." if len(unknown) > 3 else "")
        raise ValueError(
            f"The parcellation {Path(parcellation.volume).name} has no region {some}: draw_brain "
            "needs a `parcellation` whose table has the labels of the values."
        )
    volume = nibabel.as_closest_canonical(nibabel.load(parcellation.volume))
    labels = np.asarray(volume.dataobj).round().astype(int)  # right, anterior, superior
    _, y, z = (np.array(labels.shape) - 1) / 2
    x = [volume.affine[0] @ (k, y, z, 1) for k in range(len(labels))]  # of slices, mm to the right
    left, right = np.full((2, *labels.shape), np.nan)
    for label, value in values.items():
        is_region = labels == numbers[label]
        if not is_region.any():
            raise ValueError(
                f"The volume {Path(parcellation.volume).name} has no voxel of region {label}."
            )
        in_left, in_right = _sides(is_region, np.array(x))
        left[is_region & in_left[:, None, None]] = value
        right[is_region & in_right[:, None, None]] = value
    return left, right


def _sides(is_region, x):
    """Slices of a region that belong to its left part, and to its right part.

    That is all of them where it lies, since regions at the midline reach over it a little. Only a
    region with at least a third on each side has two parts.
    """
    n_voxels = is_region.sum(axis=(1, 2))
    share = n_voxels[x < 0].sum() / n_voxels.sum()
    if 1 / 3 <= share <= 2 / 3:
        return x < 0, x >= 0
    return np.full(len(x), share > 0.5), np.full(len(x), share < 0.5)
