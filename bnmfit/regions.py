"""What the labels of regions tell: hemispheres, and which two are each other's counterpart."""

import re

import numpy as np

RIGHT_OF = {"l": "r", "lh": "rh", "left": "right"}
# Where a label says that its region is on the left, any case.
MARKS = (
    r"(?<![a-z])(left|lh|l)(?![a-z])",  # a word of its own: L.BSTS, ctx-lh-cuneus, Insula_L
    r"^(left|lh|l)",  # how it begins: lV1, LeftInsula
    r"(left|lh|l)$",  # how it ends: InsulaLeft, V1l
)


def hemisphere_pairs(labels):
    """Pairs of regions whose labels are alike but for the hemisphere.

    Parameters
    ----------
    labels : sequence of str
        Names of the regions, each of its own, such as L.BSTS and R.BSTS, ctx-lh-cuneus and
        ctx-rh-cuneus, or Insula_L and Insula_R.

    Returns
    -------
    array of int, shape (n_pairs, 2)
        Positions of the left and of the right region, in the order of the left ones. No pairs if
        the labels do not tell, that is if no way of writing them pairs at least half of the
        regions.
    """
    labels = [str(label) for label in labels]
    pairs = max((_pairs_by(mark, labels) for mark in MARKS), key=len)
    tells = 4 * len(pairs) >= len(labels)
    return np.array(pairs if tells else [], dtype=int).reshape(-1, 2)


def sides_of(labels):
    """Which hemisphere each region is in.

    Parameters
    ----------
    labels : sequence of str

    Returns
    -------
    array of int, shape (n,)
        -1 for the left, 1 for the right, 0 for regions whose labels do not tell. All are 0 unless
        one way of writing hemispheres tells three quarters of the regions, a quarter on each side.
    """
    labels = [str(label) for label in labels]
    sides = max((_sides_by(mark, labels) for mark in MARKS), key=lambda one: np.abs(one).sum())
    n_left, n_right = (sides < 0).sum(), (sides > 0).sum()
    tells = 4 * (n_left + n_right) >= 3 * len(labels) and 4 * min(n_left, n_right) >= len(labels)
    return sides if tells else np.zeros_like(sides)


def _sides_by(mark, labels):
    """Sides by one way of writing the hemisphere."""
    other = mark.replace("(left|lh|l)", "(right|rh|r)")
    is_left, is_right = (
        np.array([bool(re.search(one, label, re.IGNORECASE)) for label in labels])
        for one in (mark, other)
    )
    return is_right.astype(int) - is_left.astype(int)


def _pairs_by(mark, labels):
    """Pairs of positions by one way of writing the hemisphere."""
    place = {label: k for k, label in enumerate(labels)}
    others = [re.sub(mark, _right_of, label, count=1, flags=re.IGNORECASE) for label in labels]
    return [
        (k, place[other])
        for k, (label, other) in enumerate(zip(labels, others, strict=True))
        if other != label and other in place
    ]


def _right_of(match):
    """The word for right, written like that for left."""
    left = match[1]
    right = RIGHT_OF[left.lower()]
    return right.upper() if left.isupper() else right.title() if left.istitle() else right
