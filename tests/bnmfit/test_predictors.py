"""Predictions without simulation: the table that a fit has to beat, and small exact cases."""

from bnmfit.predictors import agreement, map_prediction, prediction, predictors

import numpy as np
import pytest
from scipy.optimize import minimize
from tvboptim.data import load_functional_connectivity, load_structural_connectivity

NAMES = ["constant", "log weights", "row effects", "rank one"]
rng = np.random.default_rng(3)
N = 6
WEIGHTS = rng.uniform(0, 1, (N, N)) * (rng.uniform(size=(N, N)) < 0.7)
EFFECTS = rng.uniform(0.1, 0.8, N)


def without_diagonal(matrix):
    return matrix * (1 - np.eye(len(matrix)))


def pairs(matrix):
    return matrix[np.triu_indices_from(matrix, 1)]


def random_fc(n):
    series = rng.standard_normal((100, n)) + rng.standard_normal((100, 1)) * rng.uniform(size=n)
    return np.corrcoef(series.T)


def test_the_table_of_the_running_example():
    weights, _, labels = load_structural_connectivity("dk_average")
    found = predictors(weights / weights.max(), load_functional_connectivity("dk_average"))
    assert list(found.index) == NAMES
    assert list(found.columns) == ["numbers", "correlation", "without rows", "rmse"]
    assert list(found["numbers"]) == [1, 2, len(labels), len(labels)]
    # The values of the specification; its RMSE is that of the book's loss, over the whole matrix.
    assert [f"{x:.2f}" for x in found["correlation"]] == ["0.00", "0.45", "0.80", "0.85"]
    assert [f"{x:.2f}" for x in found["without rows"]] == ["0.00", "0.45", "0.00", "0.50"]
    assert [f"{x:.3f}" for x in found["rmse"]] == ["0.154", "0.137", "0.091", "0.080"]


@pytest.mark.parametrize(
    ("name", "fc"),
    [
        ("constant", np.full((N, N), 0.3)),
        ("log weights", 0.5 + 0.04 * np.log((WEIGHTS + WEIGHTS.T) / 2 + 1e-4)),
        ("row effects", EFFECTS[:, None] + EFFECTS),
        ("rank one", np.outer(EFFECTS, EFFECTS)),
        ("rank one", np.outer(EFFECTS - 0.4, EFFECTS - 0.4)),
    ],
)
def test_what_has_the_form_of_a_predictor_is_predicted(name, fc):
    found = prediction(name, WEIGHTS, fc)
    assert np.allclose(found, without_diagonal(fc), rtol=0, atol=1e-9)
    row = predictors(WEIGHTS, fc).loc[name]
    assert row["rmse"] < 1e-9
    assert row["correlation"] == pytest.approx(0 if name == "constant" else 1)


def test_linear_predictions_are_those_of_least_squares():
    fc = random_fc(N)
    log = np.log((WEIGHTS + WEIGHTS.T) / 2 + 1e-4)
    ones = np.ones(N * (N - 1) // 2)
    part_of = np.array([pairs(np.eye(N)[k][:, None] + np.eye(N)[k]) for k in range(N)]).T
    designs = {
        "constant": ones[:, None],
        "log weights": np.column_stack([ones, pairs(log)]),
        "row effects": part_of,
    }
    for name, design in designs.items():
        residual = pairs(prediction(name, WEIGHTS, fc)) - pairs(fc)
        assert np.allclose(residual @ design, 0, rtol=0, atol=1e-12)


def test_no_other_start_gives_a_closer_rank_one():
    fc = without_diagonal(random_fc(20))

    def misfit(v):
        difference = without_diagonal(np.outer(v, v)) - fc
        return np.sum(difference**2) / 4, difference @ v

    starts = rng.normal(0, 0.5, (10, 20))
    others = [minimize(misfit, v, jac=True, options={"gtol": 1e-9}).fun for v in starts]
    found = np.sum((prediction("rank one", fc * 0, fc) - fc) ** 2) / 4
    assert found == pytest.approx(min(others), rel=1e-9)


def test_the_columns_say_how_close_a_prediction_is():
    weights, fc = random_fc(30) ** 2, random_fc(30)
    for name, row in predictors(weights, fc).iterrows():
        predicted = prediction(name, weights, fc)
        assert np.array_equal(predicted, predicted.T)
        assert not np.diag(predicted).any()
        rmse = np.sqrt(np.mean((predicted - without_diagonal(fc)) ** 2))
        assert row["rmse"] == pytest.approx(rmse, rel=1e-12)
        if name != "constant":
            correlation = np.corrcoef(pairs(predicted), pairs(fc))[0, 1]
            assert row["correlation"] == pytest.approx(correlation, rel=1e-12)


def test_diagonals_and_directions_do_not_count():
    fc = random_fc(N)
    expected = predictors((WEIGHTS + WEIGHTS.T) / 2, without_diagonal(fc))
    assert np.allclose(predictors(WEIGHTS + 3 * np.eye(N), fc), expected, rtol=1e-12)
    assert np.allclose(predictors(WEIGHTS.T, fc), expected, rtol=1e-12)


def test_weights_that_are_all_the_same_predict_a_constant():
    fc = random_fc(N)
    found = predictors(np.ones((N, N)), fc)
    assert found.loc["log weights", "rmse"] == pytest.approx(found.loc["constant", "rmse"])
    assert found.loc["log weights", "correlation"] == 0


def test_a_rank_one_that_has_no_best_is_close_and_says_so():
    """One region correlates with two that do not correlate: v = (t, 1/t, 1/t), ever larger t."""
    fc = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])
    with pytest.warns(UserWarning, match=r"still moved after 2,000 sweeps"):
        assert np.allclose(prediction("rank one", fc, fc), fc, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_entries_that_are_not_known_do_not_count(name):
    known = rng.random((N, N)) < 0.9
    known &= known.T
    fc = random_fc(N)
    other = np.where(known, fc, 0.7)
    np.testing.assert_allclose(
        prediction(name, WEIGHTS, fc, known), prediction(name, WEIGHTS, other, known), atol=1e-8
    )
    assert not np.allclose(prediction(name, WEIGHTS, fc), prediction(name, WEIGHTS, other))


def test_a_form_is_found_again_from_a_part_of_its_entries():
    known = np.ones((N, N), bool)
    known[0, 1] = known[1, 0] = False
    for name, fc in (
        ("row effects", EFFECTS[:, None] + EFFECTS),
        ("rank one", np.outer(EFFECTS, EFFECTS)),
    ):
        found = prediction(name, WEIGHTS, np.where(known, fc, 0.0), known)
        np.testing.assert_allclose(found[0, 1], fc[0, 1], atol=1e-6)


def test_agreement_without_rows_sees_what_row_effects_cannot_say():
    rows = EFFECTS[:, None] + EFFECTS
    pairs = random_fc(N)
    same_pairs = agreement(3 * rows + pairs, 2 * pairs - rows)
    assert same_pairs["without rows"] == pytest.approx(1)
    assert same_pairs["correlation"] < 0.99
    same_rows = agreement(rows, rows + pairs)
    assert same_rows["without rows"] == 0
    assert agreement(pairs, pairs) == pytest.approx(
        {"correlation": 1, "without rows": 1, "rmse": 0}
    )


def test_matrices_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match=r"prediction has the shape \(4, 4\) and the FC \(6, 6\)"):
        agreement(random_fc(4), random_fc(6))


@pytest.mark.parametrize(
    ("weights", "fc", "message"),
    [
        (WEIGHTS, np.eye(4), r"weights have the shape \(6, 6\) and the FC \(4, 4\): pass two"),
        (WEIGHTS[:3], WEIGHTS[:3], r"the FC \(3, 6\): pass two square matrices"),
        (np.eye(2), np.eye(2), "of the same regions, 3 at least"),
        (-WEIGHTS, WEIGHTS, "or a weight is negative: pass them as check_connectome"),
        (WEIGHTS, WEIGHTS * np.nan, "The weights or the FC are not finite"),
    ],
)
def test_bad_matrices_are_refused(weights, fc, message):
    with pytest.raises(ValueError, match=message):
        predictors(weights, fc)


def test_maps_and_weights_predict_what_is_made_of_them():
    maps = np.stack([EFFECTS, EFFECTS**2 % 0.7])
    both_ways = (WEIGHTS + WEIGHTS.T) / 2
    made = 0.1 + 0.02 * np.log(both_ways + 1e-4) + 0.3 * np.outer(maps[1], maps[1])
    made = made - 0.2 * (maps[0][:, None] + maps[0])
    np.fill_diagonal(made, 0)
    numbers, predicted = map_prediction(WEIGHTS, made, maps)
    assert numbers == 2 + 2 * 2
    np.testing.assert_allclose(predicted, made, atol=1e-9)


def test_an_unknown_predictor_is_refused():
    with pytest.raises(
        ValueError, match="There is no predictor 'rank two': choose one of constant"
    ):
        prediction("rank two", WEIGHTS, WEIGHTS)
