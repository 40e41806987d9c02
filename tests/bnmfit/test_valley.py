"""The floor of a valley is found wherever it is, and what follows from it is right."""

from bnmfit.valley import (
    Valley,
    best_of,
    find_floor,
    leading_eigenvalue,
    monte_carlo_error_on,
    predicted_floor,
    valley_of,
    warn_if_coarse,
)

import numpy as np
import pytest
from tvboptim.data import load_structural_connectivity

BOX = ((0.001, 0.001), (0.7, 0.7))
STEP = 0.005
# Of the running example, by its own stored result.
VALLEY = Valley(0.382, -0.373, 0.011, -0.012, *BOX)


def losses_over(intercept, slope, sd=0.007, steepness=0.7):
    """Losses that rise on both sides of a line, the same for all draws but for their level."""

    def losses_at(G, w):
        level = sd * np.array([-1.0, 1.0, 0.0])[:, None]
        return 0.24 + level + steepness * np.abs(G - intercept - slope * w)

    return losses_at


def floor_of(intercept, slope, guess=0.0, **more):
    """The floor that is found when the search begins beside it."""
    w = np.linspace(0, 0.7, 8)
    begin = intercept + slope * w + guess
    return find_floor(losses_over(intercept, slope, **more), begin, w, 0.001, 0.7, STEP)


@pytest.mark.parametrize("guess", [0.0, 0.02, -0.09, 0.25])
def test_windows_move_until_they_hold_the_floor(guess):
    floor = floor_of(0.4, -0.35, guess)
    best = floor["loss"].mean("draw").argmin("step")
    assert best.min() > 0
    assert best.max() < floor.sizes["step"] - 1
    np.testing.assert_allclose(best_of(floor)["G"], 0.4 - 0.35 * floor["w"], atol=STEP / 2 + 1e-9)
    assert (floor.attrs["simulations"] == floor["loss"].size) == (abs(guess) < 0.03)


def test_a_floor_outside_the_box_is_an_error_that_names_the_rows():
    with pytest.raises(ValueError, match=r"For w = 0, .* the loss is lowest at a bound of G"):
        floor_of(0.8, -0.35)


def test_a_search_that_does_not_arrive_says_so():
    endless = losses_over(0.69, 0.0)
    with pytest.raises(ValueError, match="no window of G holds the minimum after 2 moves"):
        find_floor(endless, np.full(3, 0.1), np.array([0.1, 0.2, 0.3]), 0.001, 0.7, STEP, 15, 2)


def test_the_line_the_width_and_the_error_are_those_that_were_put_in():
    floor = floor_of(0.4, -0.35, steepness=0.7)
    valley = valley_of(floor, *BOX)
    assert valley.intercept == pytest.approx(0.4, abs=0.002)
    assert valley.slope == pytest.approx(-0.35, abs=0.004)
    assert monte_carlo_error_on(floor) == pytest.approx(0.007)
    # Where the loss has risen by its standard deviation: 0.007 / 0.7 from the floor.
    assert float(valley.width_at(0.35)) == pytest.approx(0.01, abs=0.002)


def test_a_floor_that_rises_is_no_valley():
    with pytest.raises(ValueError, match=r"G changes by 0\.\d+ per unit of w, but a valley"):
        valley_of(floor_of(0.1, 0.3), *BOX)


def test_coordinates_go_back_and_forth():
    w = np.array([0.0, 0.3, 0.7])
    points = VALLEY.on_floor(w)
    np.testing.assert_allclose(VALLEY.distance(points[:, 0] + 0.02, w), 0.02)
    np.testing.assert_allclose(points @ [VALLEY.exchange, 1], VALLEY.intercept * VALLEY.exchange)
    assert abs(VALLEY.along @ VALLEY.across) < 1e-12
    assert VALLEY.span == (-0.38, 0.58)
    assert VALLEY.unit == 0.01
    assert VALLEY.along_box(1 / 14, 4 / 14, 10 / 14).tolist() == [0.05, 0.2, 0.5]
    assert VALLEY.along_box(0, 1).tolist() == [0.001, 0.7]
    leaving = VALLEY._replace(intercept=0.9)  # the floor enters the box at w = 0.54
    assert (leaving.G_at(leaving.along_box(0, 0.5, 1)) < 0.7 + 1e-9).all()
    for across in (VALLEY.width_at, VALLEY.scale_at):
        assert (np.asarray(across(np.linspace(0, 5, 9))) > 0).all()
    assert float(VALLEY.scale_at(0.5)) == pytest.approx(0.004)


def test_the_floor_is_predicted_from_the_connectome():
    weights = load_structural_connectivity("dk_average")[0]
    G, w = predicted_floor(weights / weights.max(), *BOX)
    np.testing.assert_allclose(G, VALLEY.G_at(w), atol=0.01)
    assert w.tolist() == [0.001, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert leading_eigenvalue(weights / weights.max()) == pytest.approx(2.76, abs=0.01)


def test_only_rows_whose_floor_is_predicted_inside_the_box_are_searched():
    G, w = predicted_floor(np.array([[0, 1.0], [1.0, 0]]), *BOX)  # eigenvalue 1: G = 1.056 - w
    assert w[0] > 0.4
    assert ((G > 0.06) & (G < 0.64)).all()
    with pytest.raises(ValueError, match=r"leading eigenvalue of 1.00 .* outside the bounds"):
        predicted_floor(np.array([[0, 1.0], [1.0, 0]]), BOX[0], (0.3, 0.3))


def test_a_grid_that_is_coarser_than_the_valley_warns(recwarn):
    with pytest.warns(UserWarning, match=r"in G, 0.015, is wider than the valley from w = 0.2"):
        warn_if_coarse(VALLEY, 0.015)
    recwarn.clear()
    warn_if_coarse(VALLEY, 0.003)
    assert not recwarn
