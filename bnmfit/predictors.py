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
        squares over the n (n - 1) / 2 pairs. Columns: how many free `numbers` each has, and the
        three measures of `agreement`.

    Raises
    ------
    ValueError
        If the matrices differ in shape, are not square, have fewer than 3 regions or entries that
        are not finite, or if a weight is negative.
    """
    weights, fc = _checked(weights, fc_target)
    rows = {}
    for name, (n_numbers, predict) in PREDICTORS.items():
        predicted = predict(weights, fc, _all_known(fc))
        rows[name] = {"numbers": n_numbers or len(fc)} | agreement(predicted, fc)
    return pd.DataFrame.from_dict(rows, orient="index")


def agreement(predicted, fc_target):
    """How well one FC predicts another, by three measures that need not agree.

    Parameters
    ----------
    predicted, fc_target : array, shape (n, n)
        Symmetric; their diagonals do not count.

    Returns
    -------
    dict
        `correlation` over the n (n - 1) / 2 pairs; `without rows`, the correlation of what is left
        of both after row effects (a_i + a_j, by least squares) are taken out; and `rmse` over the
        whole matrix with zero diagonal, as the loss of a fit.

    Raises
    ------
    ValueError
        If the matrices differ in shape, are not square, have fewer than 3 regions or entries that
        are not finite.
    """
    if np.shape(predicted) != np.shape(fc_target):
        raise ValueError(
            f"The prediction has the shape {np.shape(predicted)} and the FC {np.shape(fc_target)}: "
            "pass two matrices of the same regions."
        )
    zero = np.zeros(np.shape(fc_target))
    predicted, fc = _checked(zero, predicted)[1], _checked(zero, fc_target)[1]
    known = _all_known(fc)
    left = [_pairs_of(matrix - _row_effects(zero, matrix, known)) for matrix in (predicted, fc)]
    return {
        "correlation": _correlation(_pairs_of(predicted), _pairs_of(fc)),
        "without rows": _correlation(*left),
        "rmse": np.sqrt(np.mean((predicted - fc) ** 2)),
    }


def prediction(name, weights, fc_target, known=None):
    """Predict an FC without any simulation.

    Parameters
    ----------
    name : str
        A row of `predictors`.
    weights, fc_target : array, shape (n, n)
        As in `predictors`.
    known : array of bool, shape (n, n), optional
        Symmetric: the entries of the FC that may be used. By default all.

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
    weights, fc = _checked(weights, fc_target)
    known = _all_known(fc) if known is None else _without_diagonal(np.array(known, dtype=float))
    return _without_diagonal(PREDICTORS[name][1](weights, fc, known))


def predicted_without_model(weights, fc):
    """Predictions of an FC that take no model, by name: their numbers, and the FC."""
    return {
        name: (numbers or len(fc), prediction(name, weights, fc))
        for name, (numbers, _) in PREDICTORS.items()
    }


def map_prediction(weights, fc_target, maps):
    """Predict an FC from the weights and from maps of the regions, without any model.

    FC is a + b log(weight + 1e-4) + the sum over maps m of c (m_i + m_j) + d m_i m_j, by least
    squares over the pairs.

    Parameters
    ----------
    weights, fc_target : array, shape (n, n)
        As in `predictors`.
    maps : sequence of array, shape (n,)

    Returns
    -------
    tuple of int and array, shape (n, n)
        How many numbers were fitted, and the prediction, with zero diagonal.
    """
    weights, fc = _checked(weights, fc_target)
    maps = np.asarray(maps, dtype=float)
    patterns = [np.ones_like(fc), np.log(weights + OFFSET)]
    patterns += [m[:, None] + m for m in maps] + [np.outer(m, m) for m in maps]
    design = np.column_stack([_pairs_of(pattern) for pattern in patterns])
    found = np.linalg.lstsq(design, _pairs_of(fc), rcond=None)[0]
    return len(patterns), _without_diagonal(np.tensordot(found, patterns, 1))


def held_against(predictions, tests):
    """How well predictions agree with several FC matrices.

    Parameters
    ----------
    predictions : dict of str to (int, array)
        How many numbers were fitted, and the FC, shape (n_regions, n_regions).
    tests : dict of str to array
        FC by name.

    Returns
    -------
    DataFrame
        A row for each prediction: `numbers`, and for each test its `r` and `RMSE`.
    """
    rows = {}
    for name, (numbers, fc) in predictions.items():
        rows[name] = {"numbers": numbers}
        for test, other in tests.items():
            of = agreement(fc, other)
            rows[name] |= {f"{test}: r": of["correlation"], f"{test}: RMSE": of["rmse"]}
    return pd.DataFrame.from_dict(rows, orient="index")


def hidden_pairs(n_regions, share, seed):
    """Choose pairs of regions to be hidden from a fit.

    Parameters
    ----------
    n_regions : int
    share : float
        Share of the pairs, on average.
    seed : int or sequence of int

    Returns
    -------
    array of bool, shape (n_regions, n_regions)
        Symmetric.
    """
    hidden = np.zeros((n_regions, n_regions), bool)
    upper = np.triu_indices(n_regions, 1)
    hidden[upper] = np.random.default_rng(seed).random(upper[0].size) < share
    return hidden | hidden.T


def agreement_on(pairs, predicted, fc_target):
    """RMSE and correlation of a prediction with an FC over some pairs of regions.

    Parameters
    ----------
    pairs : array of bool, shape (n, n)
        Which count; each pair once.
    predicted, fc_target : array, shape (n, n)

    Returns
    -------
    tuple of 2 floats
    """
    counted = np.triu(pairs, 1)
    x, y = np.asarray(predicted)[counted], np.asarray(fc_target)[counted]
    return float(np.sqrt(np.mean((x - y) ** 2))), _correlation(x, y)


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


def _all_known(fc):
    return _without_diagonal(np.ones_like(fc))


def _constant(weights, fc, known):
    return np.full_like(fc, (known * fc).sum() / known.sum())


def _log_weights(weights, fc, known):
    x, y = np.log(weights + OFFSET), _pairs_of(fc)
    some = _pairs_of(known) > 0
    design = np.column_stack([np.ones_like(y), _pairs_of(x)])
    (a, b), *_ = np.linalg.lstsq(design[some], y[some], rcond=None)
    return a + b * x


def _row_effects(weights, fc, known):
    # The normal equations: sum_j known_ij (a_i + a_j) = sum_j known_ij fc_ij for each i.
    effects = np.linalg.lstsq(
        np.diag(known.sum(axis=1)) + known, (known * fc).sum(axis=1), rcond=None
    )[0]
    return effects[:, None] + effects


def _rank_one(weights, fc, known, tolerance=1e-10, max_sweeps=2_000):
    """Each v_i has a closed form given the others, so one after the other takes its best value."""
    used = known * fc
    scale, vectors = np.linalg.eigh(used)
    v = vectors[:, -1] * np.sqrt(max(scale[-1], 0.0))
    squares = v**2
    for _ in range(max_sweeps):
        before = v.copy()
        for i, (row, counts) in enumerate(zip(used, known, strict=True)):
            total = counts @ squares
            v[i] = row @ v / total if total > 0 else 0.0
            squares[i] = v[i] ** 2
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
