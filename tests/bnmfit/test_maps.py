"""Few numbers for all regions: harmonics of a connectome, sums of maps, and a hierarchy."""

from bnmfit.linear_response import LinearResponse
from bnmfit.maps import (
    HierarchicalModel,
    MapModel,
    connectome_harmonics,
    smooth_surrogates,
)
from bnmfit.regional import RegionalModel

from functools import cache

import numpy as np
import pytest
from small_studies import example

CENTRE = {"G": 0.1, "w": 0.35, "I_o": 0.3}


@cache
def model():
    return RegionalModel(LinearResponse(example()), bounds={"I_o": (0.2, 0.45)})


def values_at(few, q):
    state = few.state_at(np.asarray(q, dtype=float))
    return {name: np.asarray(example().parameters[name](state)) for name in CENTRE}


def test_the_slowest_harmonic_tells_two_clusters_apart():
    weights = np.full((10, 10), 0.01)
    weights[:6, :6] = weights[6:, 6:] = 1.0
    first, second = connectome_harmonics(weights, 2)
    assert np.ptp(first[:6]) < 1e-9
    assert np.ptp(first[6:]) < 1e-9
    assert first[6:].min() > 0 > first[:6].max()  # the largest value is positive
    assert second @ first == pytest.approx(0, abs=1e-9)


def test_harmonics_of_a_ring_are_waves_without_a_mean():
    n = 12
    weights = np.roll(np.eye(n), 1, axis=1)  # one direction is enough
    maps = connectome_harmonics(weights, 4)
    np.testing.assert_allclose(maps.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(maps.std(axis=1), 1)
    waves = np.abs(np.fft.rfft(maps, axis=1)) ** 2
    assert waves[:2].argmax(axis=1).tolist() == [1, 1]
    assert waves[2:].argmax(axis=1).tolist() == [2, 2]


def test_surrogates_are_as_smooth_over_the_connectome_and_as_correlated():
    n = 40
    near = np.abs(np.arange(n)[:, None] - np.arange(n)) % (n - 1) == 1
    weights = near * 1.0 + 0.01
    slow = np.cos(2 * np.pi * np.arange(n) / n + np.array([[0.3], [1.0]]))
    other = smooth_surrogates(slow, weights, seed=3)
    np.testing.assert_allclose(other.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(other.std(axis=1), 1)
    steps = [np.abs(np.diff(maps, axis=1)).mean() for maps in (slow / slow.std(), other)]
    assert steps[1] < 2 * steps[0]  # shuffled ones step seven times as far
    apart = [np.corrcoef(maps)[0, 1] for maps in (slow, other)]
    assert apart[0] == pytest.approx(apart[1], abs=0.1)
    assert np.abs(np.corrcoef(slow, other)[:2, 2:]).max() < 0.99
    assert (other == smooth_surrogates(slow, weights, seed=3)).all()


def test_connectomes_without_such_patterns_are_refused():
    weights = np.ones((4, 4))
    weights[2] = weights[:, 2] = 0
    with pytest.raises(ValueError, match="Region 2 has no connection"):
        connectome_harmonics(weights, 1)
    with pytest.raises(ValueError, match="4 regions have no 4 patterns"):
        connectome_harmonics(np.ones((4, 4)), 4)


def test_maps_are_added_to_the_mean_of_their_parameter():
    maps = connectome_harmonics(example().weights, 2)
    few = MapModel(model(), maps, CENTRE)
    assert few.names == ["G", "w", "w 1", "w 2", "I_o", "I_o 1", "I_o 2"]
    at = values_at(few, np.zeros(7))
    for name, value in CENTRE.items():
        np.testing.assert_allclose(at[name], value)
    moved = values_at(few, [0, 0, 0, 1, 0, 0, 0])
    np.testing.assert_allclose(moved["I_o"], CENTRE["I_o"])
    share = (moved["w"] - 0.001) / (0.7 - 0.001)
    free = np.log(share / (1 - share)) - few.centre[1]
    np.testing.assert_allclose(free, 0.5 * maps[1], atol=1e-9)


def test_maps_of_other_regions_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\): pass one row per map"):
        MapModel(model(), np.ones((2, 3)), CENTRE)


def test_regions_scatter_around_the_mean_by_the_spread():
    n = example().n_regions
    many = HierarchicalModel(model(), CENTRE, spread=0.5, of_spread=1.0)
    assert many.names[:6] == ["G", "w", "I_o", "spread of w", "spread of I_o", "w 0"]
    assert (many.n_shared, many.n_free) == (5, 5 + 2 * n)
    deviations = np.random.default_rng(0).standard_normal(2 * n)
    z = many.z_at(np.r_[0.1, 0.2, 0.3, 0, np.log(2), deviations]) - many.centre
    np.testing.assert_allclose(z[0], 0.1)
    np.testing.assert_allclose(z[1 : n + 1], 0.2 + 0.5 * deviations[:n])
    np.testing.assert_allclose(z[n + 1 :], 0.3 + 1.0 * deviations[n:])
    for name, value in values_at(many, np.zeros(many.n_free)).items():
        np.testing.assert_allclose(value, CENTRE[name])
