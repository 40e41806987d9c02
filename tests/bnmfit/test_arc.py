"""A whole study on a small brain whose truth is known: fits, posterior, and what it predicts."""

from _common import study
from bnmfit import arc, global_posterior, recipe
from bnmfit.fcd import fcd_distance, fcd_of, phase_randomised
from bnmfit.folders import read_folder
from bnmfit.from_folder import study_of
from bnmfit.linear_response import LinearResponse
from bnmfit.predictors import held_against, predicted_without_model

import re
from pathlib import Path

import jax
import numpy as np
import pytest
from small_studies import brain

SETTINGS = """
tr: 1000
duration: 320000
kernel: volterra
shared_noise: true
free: {G: [0.001, 0.5], w: [0.001, 0.7], rho: [0.0, 0.8]}
"""
TRUTH = (0.2, 0.3, 0.25)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A response whose study's target is a recording of itself, and two recordings."""
    folder = tmp_path_factory.mktemp("known")
    connectome, fc, _ = brain(12)
    np.save(folder / "weights.npy", connectome)
    np.save(folder / "fc.npy", fc)
    np.savetxt(folder / "maps.csv", np.arange(24).reshape(12, 2) ** 0.5, delimiter=",")
    (folder / "study.yml").write_text(SETTINGS, encoding="utf-8")
    study = study_of(read_folder(folder))
    at = recipe.state_at(study, TRUTH, arc.global_parameters(study))
    key = jax.random.key(2)
    fcs, bold = map(np.asarray, LinearResponse(study).draw_observation(at, key, 2))
    return LinearResponse(study.variant("known", target=fcs[0])), fcs, bold


@pytest.fixture(scope="module")
def names(known):
    return arc.global_parameters(known[0].study)


@pytest.fixture(scope="module")
def fits(known, names):
    return arc.global_fits(known[0], names, n_starts=3, n_pool=16)


def test_the_folder_of_the_example_that_the_readme_writes_is_the_example(tmp_path, monkeypatch):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (code,) = (block for block in blocks if "data/example" in block)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    built = study_of(read_folder("data/example"))
    assert np.allclose(built.probe_losses(), study.probe_losses(), rtol=0, atol=1e-12)
    assert built.labels == study.labels
    assert arc.global_parameters(built) == ("G", "w")


def test_sigma_spans_no_landscape(tmp_path):
    np.save(tmp_path / "weights.npy", brain(12)[0])
    np.save(tmp_path / "fc.npy", brain(12)[1])
    text = "tr: 1000\nduration: 32000\nkernel: volterra\nshared_noise: false\n"
    text += "free: {sigma: [0.001, 0.01], w: [0.001, 0.7], G: [0.001, 0.7]}\n"
    (tmp_path / "study.yml").write_text(text, encoding="utf-8")
    built = study_of(read_folder(tmp_path))
    assert arc.global_parameters(built) == recipe.global_names(built) == ("w", "G")
    assert built.bounds["sigma"] == (0.001, 0.01)


def test_tables_are_judged_on_data_that_they_have_not_seen(known):
    response, fcs, _ = known
    predictions = predicted_without_model(response.study.weights, fcs[0])
    table = held_against(predictions, {"fitted": fcs[0], "second": fcs[1]})
    assert list(table["numbers"]) == [1, 2, 12, 12]
    assert table.loc["rank one", "second: RMSE"] > table.loc["rank one", "fitted: RMSE"]
    assert table.loc["constant", "fitted: r"] == 0


def test_screening_gives_shares(known, names):
    found = arc.screening(known[0], names, n_base=64)
    assert list(found["parameter"]) == list(names)
    assert (found["total"] > -0.1).all()
    assert found.attrs["evaluations"] == 64 * (len(names) + 2)


def test_global_fits_are_as_good_as_the_truth(known, names, fits):
    response = known[0]
    assert float(fits["loss"].min()) <= float(recipe.loss_at(response, TRUTH, names)) + 1e-9
    best = arc.best_of(fits)
    at = recipe.loss_at(response, [best[name] for name in names], names)
    assert float(at) == pytest.approx(float(fits["loss"].min()))


def test_with_weights_that_are_alike_a_study_starts_within_the_range_of_its_states(tmp_path):
    n = 80  # the leading eigenvalue is so large that G = 0.5 would be far above the box
    np.save(tmp_path / "weights.npy", 1 - np.eye(n))
    np.save(tmp_path / "fc.npy", brain(n)[1])
    text = "tr: 1000\nduration: 60000\nshared_noise: false\n"
    (tmp_path / "study.yml").write_text(text, encoding="utf-8")
    transient = study_of(read_folder(tmp_path)).transient.ys
    assert transient.min() >= 0
    assert transient.max() <= 1


def test_maps_and_regions_fit_more_and_more(known, names, fits):
    response = known[0]
    best = arc.best_of(fits)
    on_maps = arc.map_fit(response, names, best)
    one_map = np.arange(12)[None]
    others = arc.map_fit(response, names, best, one_map, n_random=1)
    assert others.sizes["number"] == 2 + 2 * 2
    assert others.sizes["start"] == 2
    there = arc.map_model(response, names, best, one_map).state_at(others["z"].values[1])
    fc = response.expected_observation(there)
    np.testing.assert_allclose(fc, others["fc"].values[1], atol=1e-6)
    regional = arc.regional_fits(response, names, best, n_random=0)
    assert on_maps.sizes["number"] == 2 + 2 * 3
    assert regional.sizes["number"] == 2 + 2 * 12
    least = float(fits["loss"].min())
    assert float(on_maps["loss"].min()) < least
    assert float(regional["loss"].min()) < least
    model = arc.regional_model(response, names)
    there = model.state_at(regional["z"].values[0])
    fc = response.expected_observation(there)
    np.testing.assert_allclose(fc, regional["fc"].values[0], atol=1e-6)
    scores = arc.verified(response, there, n_draws=2)
    assert np.isfinite(scores["value"]).all()
    assert scores.attrs["simulations"] == 2


def test_the_weighted_posterior_is_that_of_a_fine_grid(known):
    """On two parameters; the shared part of the noise stays at its start value."""
    response = known[0]
    pair, n_effective = ("G", "w"), 15
    found = global_posterior.weighted(response, pair, n_effective, n_points=1024, n_rounds=3)
    assert found.attrs["k_hat"] < 0.7
    assert found.attrs["ess"] > 300
    assert found["weight"].sum() == pytest.approx(1)
    grid = recipe.regime(response, n_grid=41)
    inside = (grid["to_fold"] > 0) & (grid["leading"] < 0)
    factor = -2 * (recipe.TRUSTED / grid["to_fold"]) ** 2
    log = np.where(inside, factor - n_effective * np.log(grid["loss"]), -np.inf)
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    for name in pair:
        middle = float((mass * grid[name]).sum())
        width = float((mass * (grid[name] - middle) ** 2).sum()) ** 0.5
        own = float((found["weight"] * found[name]).sum())
        own_width = float((found["weight"] * (found[name] - own) ** 2).sum()) ** 0.5
        assert own == pytest.approx(middle, abs=0.15 * width)
        assert own_width == pytest.approx(width, rel=0.15)


def test_the_posterior_covers_and_predicts_data_of_the_model(known, names):
    response = known[0]
    wide = global_posterior.weighted(response, names, 10, n_points=512, n_rounds=2)
    points = np.unique(global_posterior.drawn(wide, names, 400), axis=0)
    cloud = global_posterior.cloud_of(response, names, points)
    n, coverage = recipe.calibrate(response, cloud, near=np.inf, n_data=64, names=names, slack=0.08)
    assert coverage[n] >= 0.72
    found = global_posterior.weighted(response, names, n, n_points=512, n_rounds=3)
    draws = global_posterior.drawn(found, names, 300)
    off = np.abs(draws.mean(axis=0) - TRUTH) / draws.std(axis=0)
    assert (off < 3).all()
    predicted = global_posterior.predictive(response, names, draws[:40], n_fcd=2)
    assert (predicted["own"] >= predicted["target"]).mean() > 0.05
    target = response.study.target[np.triu_indices(12, 1)]
    inside = (target >= predicted["low"]) & (target <= predicted["high"])
    assert inside.mean() > 0.8


def test_dynamics_of_a_recording_are_its_own(known):
    *_, bold = known
    one, other = (fcd_of(series, 1000.0) for series in bold)
    n_windows = (len(bold[0]) - 30) // 5 + 1
    assert len(one) == n_windows * (n_windows - 1) // 2
    assert (np.diff(one) >= 0).all()
    assert fcd_distance(one, one) == 0
    assert 0 < fcd_distance(one, other) < 1


@pytest.mark.parametrize("n_samples", [300, 301])
def test_a_surrogate_keeps_the_spectra_and_loses_the_moments(known, n_samples):
    bold = known[2][0][:n_samples]
    bold = np.concatenate([bold[: n_samples // 2], 5 * bold[n_samples // 2 :]])
    other = phase_randomised(bold, np.random.default_rng(0))
    assert other.shape == bold.shape
    np.testing.assert_allclose(np.corrcoef(other.T), np.corrcoef(bold.T), atol=1e-9)
    centred = bold - bold.mean(axis=0)
    sizes = [np.abs(np.fft.rfft(series, axis=0)) for series in (centred, other)]
    np.testing.assert_allclose(sizes[1], sizes[0], atol=1e-9 * sizes[0].max())
    halves = [half.std() for half in np.array_split(other, 2)]
    assert max(halves) < 2.5 * min(halves)  # and not five times
