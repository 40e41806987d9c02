"""The recipe: each step on a small brain, and the posterior of one whose truth is known."""

from bnmfit import recipe
from bnmfit.linear_response import LinearResponse

from functools import cache

import jax
import numpy as np
import pytest
from small_studies import example, wong_wang

TRUTH = (0.31, 0.3)  # where the FC of this brain is alive


@cache
def known():
    """A study whose target is a recording of itself at known parameters, and its response."""
    study = example()
    at = recipe.state_at(study, TRUTH)
    target = LinearResponse(study).draw_observation(at, jax.random.key(1), 8)[0].mean(axis=0)
    return LinearResponse(wong_wang(target=np.asarray(target), weights=study.weights))


@cache
def found():
    return recipe.regime(known(), n_grid=9)


def test_the_regime_tells_where_linear_response_can_be_trusted():
    usable = found()["usable"].values
    assert 0 < usable.mean() <= 1
    assert (found()["leading"].values[usable] < 0).all()
    assert (found()["to_fold"].values[usable] > recipe.TRUSTED).all()
    point = found().isel(point=40)
    x = [float(point[name]) for name in ("G", "w")]
    assert float(recipe.loss_at(known(), x)) == pytest.approx(float(point["loss"]))


def test_the_basin_is_the_best_of_what_was_tried():
    low, high = known().study.box("G", "w")
    tried = np.random.default_rng(0).uniform(low, high, (12, 2))
    point, loss = recipe.basin(known(), tried)
    losses = [float(recipe.loss_at(known(), x)) for x in tried]
    assert loss == pytest.approx(min(losses))
    np.testing.assert_array_equal(point, tried[int(np.argmin(losses))])


def test_a_global_fit_goes_below_its_start_and_stays_in_the_box():
    low, high = known().study.box("G", "w")
    for start in (low + 0.2 * (high - low), low + 0.8 * (high - low)):
        end = recipe.global_fit(known(), start)
        assert end.fun <= float(recipe.loss_at(known(), start)) + 1e-12
        assert (low <= end.x).all()
        assert (end.x <= high).all()


def test_the_global_fit_comes_as_close_to_the_target_as_the_truth():
    end = recipe.global_fit(known(), TRUTH)
    assert end.fun <= float(recipe.loss_at(known(), TRUTH)) + 1e-12


def test_intervals_without_data_cover_as_often_as_they_say_and_wrong_ones_never():
    steps = np.linspace(0, 1, 21)
    at = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    truth = at[np.random.default_rng(0).integers(len(at), size=400)]
    nothing_known = np.ones((400, len(at)))
    share = recipe._inside(100, nothing_known, at, truth, 0.8)
    assert share == pytest.approx(0.8, abs=0.06)
    elsewhere = ((at - (truth[:, None] + 0.5) % 1) ** 2).sum(axis=-1) + 1e-3
    assert recipe._inside(1000, elsewhere, at, truth, 0.8) < 0.1
    right = ((at - truth[:, None]) ** 2).sum(axis=-1) + 1e-3
    assert recipe._inside(1000, right, at, truth, 0.8) == 1


def test_the_posterior_is_the_same_with_and_without_a_window_and_holds_the_truth():
    moments = []
    for fit in (None, TRUTH):
        grid = recipe.posterior(known(), 500, fit)
        points = np.array([grid["G"], grid["w"]])
        mean = points @ grid["mass"].values
        sd = np.sqrt((points - mean[:, None]) ** 2 @ grid["mass"].values)
        moments.append((mean, sd))
        assert (np.abs(mean - TRUTH) < 3 * sd).all()
    (mean, sd), (mean_in_window, _) = moments
    assert (np.abs(mean - mean_in_window) < 0.6 * sd).all()  # cells of other sizes
