"""Shared figures: the ellipse is where it should be, and animations hold their last frame."""

from _helpers import figures

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
