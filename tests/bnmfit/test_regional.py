"""The regional model without noise: its coordinates, its fit, and what simulations say of it."""

from bnmfit.linear_response import LinearResponse
from bnmfit.regional import SCORES, RegionalModel, fit_and_simulate, scores_on_draws

from functools import cache

import jax
import numpy as np
import pytest
from small_studies import example

BOUNDS = {"I_o": (0.2, 0.45)}


@cache
def model():
    return RegionalModel(LinearResponse(example()), bounds=BOUNDS)


def test_values_go_into_free_numbers_and_back():
    study, n = example(), example().n_regions
    assert model().n_free == 1 + 2 * n
    w = np.linspace(0.1, 0.6, n)
    z = model().z_of(G=0.05, w=w, I_o=0.3)
    state = model().state_at(z)
    np.testing.assert_allclose(study.parameters["G"](state), 0.05)
    np.testing.assert_allclose(study.parameters["w"](state), w)
    np.testing.assert_allclose(study.parameters["I_o"](state), 0.3)


def test_any_number_is_within_the_bounds():
    for sign in (-1, 1):
        state = model().state_at(sign * 50 * np.ones(model().n_free))
        w = example().parameters["w"](state)
        assert (w >= 0.001).all()
        assert (w <= 0.7).all()


def test_starts_are_those_of_their_seed():
    np.testing.assert_array_equal(model().starts(2, 3), model().starts(2, 3))
    assert not np.array_equal(model().starts(2, 3), model().starts(2, 4))


def test_a_parameter_without_bounds_is_refused():
    with pytest.raises(ValueError, match="no bounds for I_o: pass them as bounds"):
        RegionalModel(LinearResponse(example()))


@pytest.fixture(scope="module")
def fits():
    return fit_and_simulate(model(), 2, 6, 100)


def test_a_fit_lowers_the_loss_level_by_level_and_keeps_its_margins(fits):
    assert (fits["loss"].diff("level") < 1e-4).all()
    first = [np.exp(model().loss_and_margins(z, example().target)[0]) for z in model().starts(2)]
    assert (fits["loss"].isel(level=-1) < 0.8 * np.array(first)).all()
    assert (fits["leading"] < -0.99 * fits["level"]).all()
    assert (fits["to_fold"] > 7.9).all()


def test_simulations_are_as_far_from_the_expected_fc_as_chance_has_it(fits):
    for z, apart in zip(
        fits["z"].values[:, -1], fits["scores"].sel(score="apart").values, strict=True
    ):
        covariance = model().response.observation_covariance(model().state_at(z))
        assert 0.7 < apart / np.sqrt(np.diag(covariance).mean() / 6) < 1.4
    assert list(fits["score"].values) == list(SCORES)
    state = model().state_at(fits["z"].values[0, -1])
    again = scores_on_draws(model().response, state, 100 + np.arange(6), n_pmap=1)  # one by one
    np.testing.assert_allclose(again, fits["scores"].values[0], rtol=1e-9)


def test_hidden_entries_do_not_pull():
    study = example()
    known = np.ones((study.n_regions, study.n_regions))
    known[0] = known[:, 0] = 0
    z = model().starts(1)[0]
    changed = np.where(known > 0, study.target, 0.9)
    slopes = [
        jax.grad(lambda z, target=target: model().loss_and_margins(z, target, known)[0])(z)
        for target in (study.target, changed)
    ]
    np.testing.assert_array_equal(*slopes)
