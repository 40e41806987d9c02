"""Draw one value per region on views of a brain."""

import bnmbook.style  # noqa: F401  (figures look alike)

from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
import pandas as pd
import tvboptim.data


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


def _hemispheres(values, parcellation):
    """Two volumes of the values: that of the left hemisphere, and that of the right one."""
    table = pd.read_csv(parcellation.table)
    numbers = dict(zip(table[parcellation.label], table[parcellation.number], strict=True))
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
