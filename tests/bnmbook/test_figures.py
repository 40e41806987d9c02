"""Shared figures: the ellipse is where it should be, and animations hold their last frame."""

from bnmbook import figures

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def axes():
    figure, ax = plt.subplots(figsize=(3, 2))
    yield ax
    plt.close(figure)


def test_the_ellipse_lies_at_two_standard_deviations(axes):
    mean, covariance = np.array([0.3, 0.5]), np.array([[0.04, -0.018], [-0.018, 0.01]])
    ellipse = figures.draw_ellipse(axes, mean, covariance)
    circle = np.array([[np.cos(t), np.sin(t)] for t in np.linspace(0, 6, 9)])
    points = ellipse.get_patch_transform().transform(circle) - mean
    distance = np.sqrt(np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points))
    assert np.allclose(distance, 2, rtol=1e-9)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.eye(3), "a finite 2 x 2 covariance"),
        ([[1, np.nan], [np.nan, 1]], "a finite 2 x 2 covariance"),
        ([[1, 2], [2, 1]], "not positive definite"),
    ],
)
def test_a_bad_covariance_is_explained(axes, covariance, message):
    with pytest.raises(ValueError, match=message):
        figures.draw_ellipse(axes, (0, 0), covariance)


def test_an_animation_holds_its_last_frame(axes, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.delenv("BOOK_RESULTS", raising=False)
    line = axes.plot([0, 1], [0, 0])[0]
    figures.save_animation(
        axes.figure, lambda k: line.set_ydata([0, k]), 3, "line", seconds=0.2, hold=1.5
    )
    with Image.open(tmp_path / "line.gif") as gif:
        durations = []
        for k in range(gif.n_frames):
            gif.seek(k)
            durations.append(gif.info["duration"])
        assert durations == [200, 200, 1500]
        assert gif.info["loop"] == 0
    assert (tmp_path / "line.png").exists()


def test_checking_runs_write_no_animation(axes, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.setenv("BOOK_RESULTS", "require")
    figures.save_animation(axes.figure, lambda k: None, 3, "line")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="at least one frame, not 0"):
        figures.save_animation(axes.figure, lambda k: None, 0, "line")


def test_the_brain_shows_each_side_its_own_values(axes):
    views = [axes.figure.add_axes([0, 0, 1, 1]) for _ in range(4)]
    names = ("PCU", "SMG", "FP")
    sides = {f"L.{name}": 1.0 + k for k, name in enumerate(names)}
    sides |= {f"R.{name}": -1.0 - k for k, name in enumerate(names)}
    figures.draw_brain(views, sides)
    outside, midline, midline_right, outside_right = (ax.images[0].get_array() for ax in views)
    assert {*np.unique(outside.compressed())} == {1, 2, 3}
    assert {*np.unique(midline_right.compressed())} == {-1, -2, -3}
    assert (outside == 2).sum() > (midline == 2).sum()  # the supramarginal gyrus is lateral
    assert (midline == 1).sum() > (outside == 1).sum()  # and the precuneus medial
    rear, front = (np.argwhere(outside == value)[:, 1].mean() for value in (1, 3))
    assert front < rear  # seen from the left, the frontal pole is at the left
    rear, front = (np.argwhere(outside_right == value)[:, 1].mean() for value in (-1, -3))
    assert front > rear


def test_the_brain_explains_an_unknown_region(axes):
    with pytest.raises(ValueError, match=r"no region L\.NONE"):
        figures.draw_brain([axes] * 4, {"L.NONE": 1.0})
