"""Where regions are: by their coordinates, or else by a plain layout that the connectome gives."""

from bnmfit.reading import frozen, in_order, read_labels, read_numbers, side_labels, some
from bnmfit.regions import sides_of

from dataclasses import dataclass

import numpy as np

BRAIN = (60.0, 250.0)  # mm: from the narrowest to the longest that the regions of a brain spread


@dataclass(frozen=True, eq=False)
class Centres:
    """Coordinates (n, 3) in mm, to the right, front and top, in the connectome's order."""

    centres: np.ndarray
    notes: tuple[str, ...]


def check_centres(centres, labels):
    """Check the coordinates of regions.

    Parameters
    ----------
    centres : array or table, shape (n, 3)
        Coordinates in mm, which rise to the right, to the front and to the top. A table is put into
        the order of `labels`.
    labels : sequence of str, length n
        Names of the regions of the connectome.

    Returns
    -------
    Centres

    Raises
    ------
    ValueError
        If they are not numeric, finite, three for each of these n regions, or the same for all.
    """
    labels = read_labels(labels)
    table = read_numbers(centres, "coordinates")
    values, notes = table.values, table.notes
    if values.ndim != 2 or values.shape[1] != 3:
        raise ValueError(
            f"The shape of the coordinates is {values.shape}: pass x, y and z, a row for each "
            "region."
        )
    values = in_order(values, side_labels(table.rows), labels, "coordinates", (0,), notes)
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"NaN or infinite coordinates of {some(labels, bad.any(1))}: fill them in, or leave "
            "these regions out, of all that you pass."
        )
    spread = np.ptp(values, axis=0)
    if not spread.max() > 0:
        raise ValueError("The coordinates are the same for all regions: pass those of each.")
    if not (BRAIN[0] <= spread.max() <= BRAIN[1]):
        notes.append(
            f"The coordinates spread over {spread.max():.3g} at most, which in mm is no brain's "
            "size: they were taken to say where regions are beside each other, and no more."
        )
    sides = sides_of(labels)
    told = (sides != 0) & (np.sign(values[:, 0]) != 0)
    swapped = told & (np.sign(values[:, 0]) != sides)
    if swapped.sum() > told.sum() / 2:
        notes.append(
            f"By their labels, {swapped.sum()} of {told.sum()} regions are on the other side than "
            "by their first coordinate, which has to rise to the right; views go by coordinates."
        )
    return Centres(frozen(values), tuple(notes))


def is_in_mm(centres):
    """Whether coordinates can be those of a brain in mm."""
    return BRAIN[0] <= np.ptp(centres, axis=0).max() <= BRAIN[1]


def layout(weights, labels):
    """Places of regions in a plane, where no coordinates are known: what is connected is near.

    The smoothest patterns over the connectome, eigenvectors of its normalised Laplacian (Atasoy et
    al., 2016), order the regions along each axis; ranks in place of values keep dots apart. Where
    labels tell the hemispheres, they are at the left and at the right, mirrored, and what belongs
    to none is between them.

    Parameters
    ----------
    weights : array, shape (n, n)
    labels : sequence of str, length n

    Returns
    -------
    array, shape (n, 2)
        Within -1 and 1.
    """
    linked = np.asarray(weights) + np.transpose(weights)
    root = np.sqrt(linked.sum(axis=1))
    sides = sides_of(labels)
    left, right = (np.flatnonzero(sides == side) for side in (-1, 1))
    known = [root, sides * root] if len(left) else [root]  # which the hemispheres' places say
    basis, _ = np.linalg.qr(np.transpose(known))
    others = np.eye(len(root)) - basis @ basis.T
    _, vectors = np.linalg.eigh(others @ (linked / root[:, None] / root) @ others)
    along, across = (vectors[:, -k] / root for k in (1, 2))
    for pattern in (along, across):
        if pattern[left] @ linked[np.ix_(left, right)] @ pattern[right] < 0:
            pattern[right] *= -1  # what is connected is at the same height on both sides
        pattern *= np.sign(pattern[np.abs(pattern).argmax()])  # the same on all machines
    places = np.zeros((len(root), 2))
    for side in (-1, 0, 1):
        here = np.flatnonzero(sides == side)
        places[here, 1] = _ranks(along[here])
        if side:
            places[here, 0] = side * (0.58 + 0.42 * _ranks(across[here]))
        elif not len(left):
            places[here, 0] = _ranks(across[here])
    return places


def _ranks(values):
    """Ranks, from -1 to 1."""
    if len(values) < 2:
        return np.zeros(len(values))
    return 2 * np.argsort(np.argsort(values)) / (len(values) - 1) - 1
