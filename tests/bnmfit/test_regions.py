"""Which regions are each other's counterpart, by how parcellations write their labels."""

from bnmfit.regions import hemisphere_pairs

import pytest

REGIONS = ("cuneus", "insula", "V1")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("L.{}", "R.{}"),
        ("l_{}", "r_{}"),
        ("lh.{}", "rh.{}"),
        ("ctx-lh-{}", "ctx-rh-{}"),
        ("Left-{}", "Right-{}"),
        ("left {}", "right {}"),
        ("7Networks_LH_{}", "7Networks_RH_{}"),
        ("{}_L", "{}_R"),
        ("{} (L)", "{} (R)"),
        ("{}.left", "{}.right"),
        ("l{}", "r{}"),
        ("Left{}", "Right{}"),
        ("{}Left", "{}Right"),
    ],
)
def test_counterparts_are_found_however_the_hemisphere_is_written(left, right):
    labels = [left.format(name) for name in REGIONS] + [right.format(name) for name in REGIONS]
    assert hemisphere_pairs(labels).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_order_of_the_regions_does_not_matter():
    labels = ["R.V1", "L.insula", "L.V1", "R.insula"]
    assert hemisphere_pairs(labels).tolist() == [[1, 3], [2, 0]]


def test_a_region_without_counterpart_has_no_pair():
    labels = ["lh.V1", "rh.V1", "lh.cuneus", "brainstem"]
    assert hemisphere_pairs(labels).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "labels",
    [
        [f"region {k}" for k in range(8)],
        range(8),
        ["L.V1", "L.V2", "L.V3"],
        ["lingual", "ringual", "cuneus", "insula", "pole", "precuneus"],  # by chance
    ],
)
def test_labels_that_do_not_tell_give_no_pairs(labels):
    assert hemisphere_pairs(labels).shape == (0, 2)


def test_the_running_example_has_a_counterpart_for_every_region():
    from _common import study

    pairs = hemisphere_pairs(study.labels)
    assert sorted(pairs.ravel()) == list(range(study.n_regions))
    assert all(study.labels[i][1:] == study.labels[j][1:] for i, j in pairs)
    assert all(study.labels[i][0] == "L" for i in pairs[:, 0])
