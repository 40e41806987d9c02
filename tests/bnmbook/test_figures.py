"""Shared figures: things are where they should be, and animations hold their last frame."""

from bnmbook import animations, figures
from bnmbook.animations import save_animation, show_animation
from bnmbook.brains import Parcellation, draw_brain, draw_regions, view_of
from bnmbook.drawing import (
    draw_ellipse,
    draw_landscape,
    draw_matrix,
    draw_posterior,
    mark_groups,
)

import warnings

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
import xarray as xr
from PIL import Image


@pytest.fixture
def axes():
    figure, ax = plt.subplots(figsize=(3, 2))
    yield ax
    plt.close(figure)


def test_without_its_book_the_package_saves_nothing(axes, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.setattr(figures, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.delenv("BOOK_RESULTS", raising=False)
    figures.save_figure(axes.figure, "first")
    assert list(tmp_path.iterdir()) == []


def test_the_ellipse_lies_at_two_standard_deviations(axes):
    mean, covariance = np.array([0.3, 0.5]), np.array([[0.04, -0.018], [-0.018, 0.01]])
    ellipse = draw_ellipse(axes, mean, covariance)
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
        draw_ellipse(axes, (0, 0), covariance)


def test_an_animation_holds_its_last_frame(axes, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.delenv("BOOK_RESULTS", raising=False)
    line = axes.plot([0, 1], [0, 0])[0]
    save_animation(axes.figure, lambda k: line.set_ydata([0, k]), 3, "line", seconds=0.2, hold=1.5)
    with Image.open(tmp_path / "line.gif") as gif:
        durations = []
        for k in range(gif.n_frames):
            gif.seek(k)
            durations.append(gif.info["duration"])
        assert durations == [200, 200, 1500]
        assert gif.info["loop"] == 0
    assert (tmp_path / "line.png").exists()


def test_frames_are_equal_and_figures_whole_whatever_the_style(axes, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.delenv("BOOK_RESULTS", raising=False)
    axes.set(xlim=(0, 4), ylim=(0, 1))

    def frame(k):
        axes.axvspan(k, k + 1)
        axes.text(0, 2 + k, "outside")

    user = {"savefig.bbox": "tight", "savefig.dpi": 50, "savefig.facecolor": "red"}
    with plt.rc_context(user):
        save_animation(axes.figure, frame, 3, "spans")
        figures.save_figure(axes.figure, "whole")
    with Image.open(tmp_path / "whole.png") as whole:
        assert whole.size == (600, 400)  # 3 x 2 inches at 200 dpi
        assert whole.getpixel((0, 0))[:3] == (255, 255, 255)
    with Image.open(tmp_path / "spans.gif") as gif:
        assert gif.size == (450, 300)
        assert gif.n_frames == 3


def test_where_nothing_can_be_written_figures_are_shown_and_one_warning_says_so(
    axes, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.setattr(figures, "FOLDER", tmp_path / "file" / "img")
    monkeypatch.delenv("BOOK_RESULTS", raising=False)
    with pytest.warns(UserWarning, match="Figures are shown and not saved: .*img"):
        figures.save_figure(axes.figure, "first")
    with warnings.catch_warnings(action="error"):
        figures.save_figure(axes.figure, "second")
        save_animation(axes.figure, lambda k: None, 2, "third")


def test_checking_runs_write_no_animation(axes, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.setenv("BOOK_RESULTS", "require")
    save_animation(axes.figure, lambda k: None, 3, "line")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="at least one frame, not 0"):
        save_animation(axes.figure, lambda k: None, 0, "line")


def scan_of(**axes):
    loss = np.arange(12.0).reshape(3, 4)
    return xr.Dataset({"loss": (list(axes), loss)}, coords=axes)


def test_a_landscape_has_any_two_parameters(axes):
    scan = scan_of(rho=[1.0, 2.0, 3.0], sigma=[0.1, 0.2, 0.3, 0.4])
    image = draw_landscape(axes, scan, x="rho", y="sigma", xlabel="Share", label="Misfit")
    assert np.allclose(image.get_extent(), [0.5, 3.5, 0.05, 0.45])
    assert np.array_equal(image.get_array(), scan["loss"].T)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Share", "sigma")
    assert axes.figure.axes[-1].get_ylabel() == "Misfit"


def test_a_posterior_lies_on_a_landscape_of_any_two_parameters(axes):
    scan = scan_of(rho=[1.0, 2.0, 3.0], sigma=[0.1, 0.2, 0.3, 0.4])
    draws = np.random.default_rng(0).uniform((1, 0.1), (3, 0.4), (50, 2)).T
    place = axes.figure.add_gridspec(1, 1)[0]
    ax = draw_posterior(axes.figure, place, scan, *draws, "draws", color="red", x="rho", y="sigma")
    assert ax.lines[0].get_color() == "red"
    assert np.array_equal(ax.lines[0].get_xydata(), draws.T)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rho", "sigma")


def test_groups_of_regions_are_named_at_the_axes_of_a_matrix(axes):
    draw_matrix(axes, np.ones((6, 6)), "weights")
    mark_groups(axes, [("left", 3), (None, 1), ("right", 2)])
    for axis in (axes.xaxis, axes.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["left", "right"]
        assert axis.get_ticklocs().tolist() == [1, 4.5]
    across = [line.get_ydata()[0] for line in axes.lines[::2]]
    assert across == [2.5, 3.5]


def test_an_animation_is_shown_as_large_as_other_figures(axes, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    monkeypatch.setattr(animations, "FIGURES", tmp_path)
    monkeypatch.delenv("BOOK_RESULTS", raising=False)
    assert "width" not in show_animation("line", "A line.").data
    save_animation(axes.figure, lambda k: None, 1, "line")
    assert show_animation("line", "A line.").data.count('width="300" height="200"') == 2


@pytest.mark.parametrize(
    ("coordinates", "message"),
    [
        ({"a": [1.0, 2.0, 3.0], "G": [0.1, 0.2, 0.3, 0.4]}, "over a, G, not G and w"),
        ({"w": [1.0, 2.0, 4.0], "G": [0.1, 0.2, 0.3, 0.4]}, "values of w at equal distances"),
    ],
)
def test_a_scan_that_is_no_landscape_is_explained(axes, coordinates, message):
    with pytest.raises(ValueError, match=message):
        draw_landscape(axes, scan_of(**coordinates))


@pytest.fixture
def parcellation(tmp_path):
    """Six slices from right to left: regions 1 | 2 2 | 2 4 | 3, the midline in their middle."""
    volume = np.zeros((6, 3, 3), dtype=np.int16)
    volume[0], volume[1:4, 1:], volume[3:5, 0], volume[5] = 1, 2, 4, 3
    volume[1:5, 1, 1] = 5
    affine = np.diag([-1.0, 1, 1, 1])
    affine[0, 3] = 2.5
    nibabel.save(nibabel.Nifti1Image(volume, affine), tmp_path / "regions.nii.gz")
    (tmp_path / "regions.csv").write_text("label,number\neast,1\nmid,5\nsome,2\nwest,3\nno,9\n")
    return Parcellation(tmp_path / "regions.nii.gz", tmp_path / "regions.csv")


def test_sides_follow_from_the_coordinates_of_the_voxels(axes, parcellation):
    views = [axes.figure.add_axes([0, 0, 1, 1]) for _ in range(4)]
    values = {"east": 1.0, "some": 2.0, "west": 3.0, "mid": 5.0}
    draw_brain(views, values, parcellation)
    left, _, right_midline, right = (ax.images[0].get_array() for ax in views)
    assert {*np.unique(left.compressed())} == {3}  # which hides the region behind it
    assert {*np.unique(right.compressed())} == {1}
    assert 2 in right_midline  # two thirds of it are there
    draw_brain(views, {"mid": 5.0}, parcellation)
    assert all((ax.images[-1].get_array() == 5).sum() == 1 for ax in views)  # it is on both sides


@pytest.mark.parametrize(
    ("label", "message"), [("north", "has no region north: draw_brain"), ("no", "no voxel of")]
)
def test_a_parcellation_without_a_region_is_explained(axes, parcellation, label, message):
    with pytest.raises(ValueError, match=message):
        draw_brain([axes] * 4, {label: 1.0}, parcellation)


def test_the_brain_shows_each_side_its_own_values(axes):
    views = [axes.figure.add_axes([0, 0, 1, 1]) for _ in range(4)]
    names = ("PCU", "SMG", "FP")
    sides = {f"L.{name}": 1.0 + k for k, name in enumerate(names)}
    sides |= {f"R.{name}": -1.0 - k for k, name in enumerate(names)}
    draw_brain(views, sides)
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
    with pytest.raises(ValueError, match=r"aparc.* has no region L\.NONE: draw_brain needs"):
        draw_brain([axes] * 4, {"L.NONE": 1.0})


def view_of_regions(labels, centres=None, n=2):
    """Axes of `draw_regions` without its colour bars, and how regions are drawn."""
    values = {name: np.arange(len(labels)) + k for k, name in enumerate("ab"[:n])}
    weights = np.ones((len(labels), len(labels))) - np.eye(len(labels))
    figure = draw_regions(values, labels, centres, weights)
    axes = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert [ax.get_ylabel() for ax in figure.axes if ax not in axes] == list(values)
    plt.close(figure)
    return axes, view_of(labels, centres)


CENTRES = np.array([[-40.0, 50, 10], [-30, -60, 20], [35, 45, 0], [40, -70, 10]])


def test_regions_of_the_example_are_drawn_where_they_lie():
    axes, view = view_of_regions(["L.BSTS", "R.BSTS"], CENTRES[:2])
    assert (len(axes), view) == (8, "surface")


def test_regions_with_centres_are_dots_in_a_brain_each_half_from_its_side():
    axes, view = view_of_regions(list("abcd"), CENTRES)
    assert (len(axes), view) == (6, "centres")
    left, above, right = axes[:3]
    shown = [ax.collections[0] for ax in (left, above, right)]
    assert [dots.get_array().tolist() for dots in shown] == [[1, 0], [2, 0, 3, 1], [2, 3]]
    assert np.array_equal(shown[0].get_offsets(), CENTRES[[1, 0]][:, 1:])
    assert {(dots.norm.vmin, dots.norm.vmax) for dots in shown} == {(0, 3)}  # one scale for all
    for ax in (left, above, right):
        pixels = np.asarray(ax.images[0].get_array())[..., 0]
        (x0, x1, y0, y1), (height, width) = ax.images[0].get_extent(), pixels.shape
        for x, y in ax.collections[0].get_offsets():  # none lies outside of the brain
            assert pixels[int((y - y0) / (y1 - y0) * height), int((x - x0) / (x1 - x0) * width)] < 1
    assert left.xaxis_inverted()  # seen from the left, the front is at the left


def test_centres_that_are_in_no_brain_have_their_hull():
    axes, _ = view_of_regions(list("abcd"), CENTRES / 1000, n=1)
    assert not any(ax.images for ax in axes)
    assert axes[1].patches


def test_one_hemisphere_leaves_the_other_empty():
    axes, _ = view_of_regions(list("ab"), CENTRES[:2], n=1)
    assert [len(ax.collections[0].get_offsets()) for ax in axes] == [2, 2, 0]


def test_regions_without_centres_are_laid_out():
    axes, view = view_of_regions(["L 1", "L 2", "R 3", "R 4"])
    assert (len(axes), view) == (2, "layout")
    assert [text.get_text() for text in axes[0].texts] == ["left", "right"]
    assert np.sign(axes[0].collections[0].get_offsets()[:, 0]).tolist() == [-1, -1, 1, 1]
    axes, _ = view_of_regions(["region 1", "region 2", "region 3"])
    assert not axes[0].texts
