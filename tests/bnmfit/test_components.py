"""Spreads between and within people come back, and people are drawn to their mean."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.components import variance_components

import numpy as np
import pytest

LOW, HIGH = np.zeros(2), np.array([1.0, 10.0])
BETWEEN, WITHIN, ERROR = (np.array(x) for x in ([0.15, 0.2], [0.02, 1.0], [0.02, 0.2]))


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(1)
    true = np.array([0.5, 5.0]) + BETWEEN * rng.standard_normal((60, 2))
    each = true[:, None] + WITHIN * rng.standard_normal((60, 2, 2))
    means = each + ERROR * rng.standard_normal(each.shape)
    covariances = np.broadcast_to(np.diag(ERROR**2), (60, 2, 2, 2))
    found = variance_components(means, covariances, LOW, HIGH, ("a", "b"), n_draws=300, n_chains=2)
    return true, means, found


def test_the_chains_agree(people):
    _, _, found = people
    assert float(found["rhat"].max()) < 1.03
    assert float(found["bulk"].min()) > 150
    assert found.attrs["divergences"] == 0


def test_spreads_come_back(people):
    true, means, found = people
    between = found["between"].mean(("chain", "draw")).values
    within = found["within"].mean(("chain", "draw")).values
    seen = (means[:, 0] - means[:, 1]).std(axis=0) / np.sqrt(2)
    np.testing.assert_allclose(np.hypot(within, ERROR), seen, rtol=0.2)
    assert between[0] == pytest.approx(true[:, 0].std(ddof=1), rel=0.25)
    assert between[1] < 0.7 * within[1]  # the second one says little about a person
    np.testing.assert_allclose(found["mu"].mean(("chain", "draw")), [0.5, 5.0], rtol=0.15)


def test_people_are_drawn_to_the_mean_where_recordings_of_one_differ(people):
    true, means, found = people
    drawn = found["people"].mean(("chain", "draw")).values
    own = means.mean(axis=1)
    error, error_alone = (np.sqrt(((x - true) ** 2).mean(axis=0)) for x in (drawn, own))
    assert error[1] < 0.7 * error_alone[1]
    assert error[0] < 1.2 * error_alone[0]
    assert drawn[:, 1].std() < 0.7 * own[:, 1].std()
