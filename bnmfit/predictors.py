"""What a fit has to beat: predictions of functional connectivity (FC) without any simulation."""

import warnings

import numpy as np
import pandas as pd

OFFSET = 1e-4  # of a weight, so that a missing connection has a logarithm


def predictors(weights, fc_target):
    """Compare simulation-free predictions of an FC with it.

    Parameters
    ----------
    weights : array, shape (n, n)
        Connectome, its largest weight 1. If it is directed, the mean of both directions counts.
    fc_target : array, shape (n, n)
        Empirical FC; its diagonal does not count.

    Returns
    -------
    DataFrame
        One row for each of `constant` (the same value everywhere), `log weights`
        (a + b log(weight + 1e-4)), `row effects` (a_i + a_j) and `rank one` (v_i v_j), all by least
        squares over the n (n - 1) / 2 pairs. Columns: how many free `numbers` each has, its
        `correlation` over the pairs, and its `rmse` over the whole matrix with zero diagonal, as
        the loss of a fit.

    Raises
    ------
    ValueError
        If the matrices differ in shape, are not square, have fewer than 3 regions or entries that
        are not finite, or if a weight is negative.
    """
    weights, fc = _checked(weights, fc_target)
    rows = {}
    for name, (n_numbers, predict) in PREDICTORS.items():
        predicted = _without_diagonal(predict(weights, fc))
        rows[name] = {
            "numbers": n_numbers or len(fc),
            "correlation": _correlation(_pairs_of(predicted), _pairs_of(fc)),
            "rmse": np.sqrt(np.mean((predicted - fc) ** 2)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def prediction(name, weights, fc_target):
    """Predict an FC without any simulation.

    Parameters
    ----------
    name : str
        A row of `predictors`.
    weights, fc_target : array, shape (n, n)
        As in `predictors`.

    Returns
    -------
    array, shape (n, n)
        Symmetric, with zero diagonal.

    Raises
    ------
    ValueError
        For an unknown name, or matrices as in `predictors`.
    """
    if name not in PREDICTORS:
        raise ValueError(f"There is no predictor {name!r}: choose one of {', '.join(PREDICTORS)}.")
    return _without_diagonal(PREDICTORS[name][1](*_checked(weights, fc_target)))


def _checked(weights, fc):
    """Weights of both directions, and FC, both symmetric with zero diagonal."""
    weights, fc = np.array(weights, dtype=float), np.array(fc, dtype=float)
    if weights.shape != fc.shape or fc.ndim != 2 or fc.shape[0] != fc.shape[1] or len(fc) < 3:
        raise ValueError(
            f"The weights have the shape {weights.shape} and the FC {fc.shape}: pass two square "
            "matrices of the same regions, 3 at least."
        )
    weights, fc = _without_diagonal(weights + weights.T) / 2, _without_diagonal(fc + fc.T) / 2
    if not (np.isfinite(weights + fc).all() and (weights >= 0).all()):
        raise ValueError(
            "The weights or the FC are not finite, or a weight is negative: pass them as "
            "check_connectome and check_target return them."
        )
    return weights, fc


def _without_diagonal(matrix):
    np.fill_diagonal(matrix, 0.0)
    return matrix


def _constant(weights, fc):
    return np.full_like(fc, _pairs_of(fc).mean())


def _log_weights(weights, fc):
    x, y = np.log(weights + OFFSET), _pairs_of(fc)
    (a, b), *_ = np.linalg.lstsq(np.column_stack([np.ones_like(y), _pairs_of(x)]), y, rcond=None)
    return a + b * x


def _row_effects(weights, fc):
    # Row i of the normal equations is (n - 2) a_i + sum(a) = sum_j fc_ij; their sum gives sum(a).
    n, sums = len(fc), fc.sum(axis=1)
    effects = (sums - sums.sum() / (2 * n - 2)) / (n - 2)
    return effects[:, None] + effects


def _rank_one(weights, fc, tolerance=1e-10, max_sweeps=2_000):
    """Each v_i has a closed form given the others, so one after the other takes its best value."""
    scale, vectors = np.linalg.eigh(fc)
    v = vectors[:, -1] * np.sqrt(max(scale[-1], 0.0))
    for _ in range(max_sweeps):
        before, square = v.copy(), v @ v
        for i, row in enumerate(fc):
            square -= v[i] ** 2
            v[i] = row @ v / square if square > 0 else 0.0
            square += v[i] ** 2
        if np.abs(v - before).max() <= tolerance * np.abs(v).max():
            break
    else:
        warnings.warn(
            f"The rank-one prediction still moved after {max_sweeps:,} sweeps: its RMSE is a "
            "little above the lowest that it could reach.",
            stacklevel=2,
        )
    return np.outer(v, v)


PREDICTORS = {  # how many numbers each has, None for one per region
    "constant": (1, _constant),
    "log weights": (2, _log_weights),
    "row effects": (None, _row_effects),
    "rank one": (None, _rank_one),
}


def _pairs_of(matrix):
    return matrix[np.triu_indices_from(matrix, 1)]


def _correlation(x, y):
    """Pearson correlation, 0 if one of both does not vary but for rounding."""
    x, y = x - x.mean(), y - y.mean()
    sizes = np.array([np.abs(x).max(), np.abs(y).max()])
    return 0.0 if sizes.min() < 1e-12 else float(x @ y / np.sqrt(x @ x) / np.sqrt(y @ y))
