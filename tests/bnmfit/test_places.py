"""Where regions are, and where they are drawn when nobody says: what is connected is near."""

from bnmfit.places import check_centres, is_in_mm, layout
from bnmfit.regions import sides_of

import numpy as np
import pytest

N = 12
rng = np.random.default_rng(0)


def ring(n=N):
    """Weights of regions along a line, each with its neighbours."""
    return np.exp(-np.abs(np.subtract.outer(np.arange(n), np.arange(n)))) * (1 - np.eye(n))


def two_sides(n=N // 2):
    """The same line on the left and on the right, whose counterparts are connected."""
    line = ring(n)
    return np.block([[line, 0.2 * np.eye(n)], [0.2 * np.eye(n), line]])


def test_without_hemispheres_a_line_is_a_line():
    places = layout(ring(), [f"region {k}" for k in range(N)])
    assert np.abs(places).max() == 1
    assert abs(np.corrcoef(places[:, 1], np.arange(N))[0, 1]) > 0.99


@pytest.mark.parametrize("counterparts", [True, False])
def test_hemispheres_are_left_and_right_and_mirrored(counterparts):
    n = N // 2
    labels = [f"L {k}" for k in range(n)] + [f"R {k + n * (not counterparts)}" for k in range(n)]
    order = rng.permutation(N)
    places = layout(two_sides()[np.ix_(order, order)], np.array(labels)[order])
    places = places[np.argsort(order)]
    assert (places[:n, 0] < -0.1).all()
    assert np.allclose(places[n:], places[:n] * [-1, 1], rtol=0, atol=1e-12)
    assert abs(np.corrcoef(places[:n, 1], np.arange(n))[0, 1]) > 0.99


def test_what_belongs_to_no_hemisphere_is_between_them():
    labels = [*(f"L {k}" for k in range(5)), *(f"R {k}" for k in range(5)), "Brainstem", "Vermis"]
    places = layout(ring(), labels)
    assert (places[-2:, 0] == 0).all()
    assert len(np.unique(places, axis=0)) == N


def test_two_regions_have_places():
    assert np.isfinite(layout(np.array([[0.0, 1], [1, 0]]), ["a", "b"])).all()


def test_a_directed_connectome_and_a_region_that_receives_nothing_have_places():
    weights = ring()
    weights[0] = 0
    assert np.isfinite(layout(weights, range(N))).all()


def test_coordinates_are_read_only_and_say_nothing_if_they_are_those_of_a_brain():
    centres = rng.uniform(-60, 60, (N, 3))
    checked = check_centres(centres, range(N))
    assert checked.notes == ()
    assert np.array_equal(checked.centres, centres)
    assert not checked.centres.flags.writeable
    assert is_in_mm(checked.centres)
    assert not is_in_mm(centres / 1000)


@pytest.mark.parametrize(
    ("labels", "sides"),
    [
        (["L.A", "R.A", "L.B", "R.B"], [-1, 1, -1, 1]),
        (["L Vis 1", "L Cont 2", "R Vis 3", "R Cont 4"], [-1, -1, 1, 1]),  # no counterparts
        (["Lingual_L", "Rectus_L", "Lingual_R", "Rectus_R"], [-1, -1, 1, 1]),
        (["lV1", "lV2", "rV1", "Brainstem"], [-1, -1, 1, 0]),
        (["7Networks_LH_Vis_1", "7Networks_RH_Vis_1"], [-1, 1]),
        (["lingual", "rectus", "cuneus", "insula", "pole"], [0] * 5),
        (["R1", "R2", "R3"], [0] * 3),  # a number, and no side
        (["region 1", "region 2"], [0, 0]),
    ],
)
def test_labels_tell_the_hemisphere_or_nothing(labels, sides):
    assert sides_of(labels).tolist() == sides
