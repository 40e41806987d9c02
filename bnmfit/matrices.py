"""What a matrix of regions by regions has to be: square, finite, with a direction or without.

Most functions put a matrix right in place and return notes, or refuse it in one sentence.
"""

from bnmfit.reading import read_labels, read_numbers, side_labels, some

import numpy as np

ROUNDING = 1e-12  # relative differences below it come from the order of a sum


def read_square(given, what):
    """Read a square table, and the labels that both of its sides agree on."""
    table = read_numbers(given, what)
    shape = table.values.shape
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
        raise ValueError(
            f"The shape of the {what} is {shape}: pass a square matrix, a row and a column for "
            "each of at least 2 regions."
        )
    rows, columns = side_labels(table.rows), side_labels(table.columns)
    if rows and columns and rows != columns:
        k = [a == b for a, b in zip(rows, columns, strict=True)].index(False)
        raise ValueError(
            f"Row {k + 1} of the {what} is {rows[k]}, but column {k + 1} is {columns[k]}: pass a "
            "table whose rows and columns have the same labels in the same order."
        )
    if (rows is None) != (columns is None) and table.columns is not None:
        named, numbered = ("columns", "rows") if columns else ("rows", "columns")
        table.notes.append(
            f"Only the {named} of the {what} have labels; the {numbered} were taken to be in the "
            "same order."
        )
    return table, rows or columns


def own_labels(names, labels, n_regions):
    """Labels of the connectome: given, of its table, or numbers."""
    if labels is None:
        return names or tuple(f"region {k + 1}" for k in range(n_regions))
    labels = read_labels(labels, n_regions)
    if names and names != labels:
        k = [a == b for a, b in zip(names, labels, strict=True)].index(False)
        raise ValueError(
            f"Region {k + 1} is {names[k]} in the table of weights, but {labels[k]} in the labels: "
            "leave the labels out, or pass the weights as an array in their order."
        )
    return labels


def clear_diagonal(values, what, why):
    """Set a diagonal to zero, and say what it was."""
    diagonal = np.diag(values).copy()
    np.fill_diagonal(values, 0.0)
    if not diagonal.any():
        return []
    if np.isclose(diagonal, diagonal[0], rtol=0, atol=1e-6, equal_nan=True).all():
        was = f"{diagonal[0]:.4g}"
    else:
        was = f"mixed, {some([f'{x:.4g}' for x in np.unique(diagonal)], most=3)}"
    return [f"The diagonal of the {what} was {was}, and was set to 0: {why}."]


def refuse_not_finite(values, what, labels):
    """Name the fewest regions whose rows and columns hold all that is not finite."""
    bad = ~np.isfinite(values)
    count, culprits = bad.sum(), np.zeros(len(bad), dtype=bool)
    while bad.any():
        worst = np.argmax(bad.sum(axis=0) + bad.sum(axis=1))
        bad[worst] = bad[:, worst] = False
        culprits[worst] = True
    if count:
        raise ValueError(
            f"NaN or infinite entries of the {what}: {count}, all with {some(labels, culprits)}; "
            "fill them in, or leave these regions out, of all that you pass."
        )


def refuse_negative(values, what, labels):
    """Name the lowest of the negative entries, if there are any."""
    if (values < 0).any():
        i, j = np.unravel_index(values.argmin(), values.shape)
        raise ValueError(
            f"Negative entries of the {what}: {(values < 0).sum()}, the lowest {values[i, j]:.4g} "
            f"from {labels[j]} to {labels[i]}; pass numbers of 0 or more."
        )


def refuse_triangle(values, what):
    """Refuse one half of a symmetric matrix, which as a directed one would mean something else."""
    lower, upper = np.tril(values, -1).any(), np.triu(values, 1).any()
    if len(values) > 2 and lower != upper:
        side, name = ("lower" if lower else "upper"), ("fc" if what == "FC" else what)
        raise ValueError(
            f"Only the {side} triangle of the {what} is filled: pass both, as {name} + {name}.T."
        )


def refuse_isolated(weights, labels):
    """Refuse regions without connections, and say which have them in one direction only."""
    receives, sends = weights.any(axis=1), weights.any(axis=0)
    if not (receives | sends).all():
        raise ValueError(
            f"The weights leave {some(labels, ~(receives | sends))} without any connection: leave "
            "such regions out, of all that you pass."
        )
    idle = (("receives from", ~receives), ("sends to", ~sends))
    return [
        f"By the weights, {some(labels, where)} {verb} no other region."
        for verb, where in idle
        if where.any()
    ]


def settle_asymmetry(values, tolerance, what):
    """Keep what has a direction, and average what has none but for rounding."""
    asymmetry = np.abs(values - values.T).max() / max(values.max(), np.finfo(float).tiny)
    if asymmetry > tolerance:
        return [
            f"The {what} differ between the two directions, by up to {asymmetry:.2g} of the "
            "largest, and were kept as directed, a row receiving from the columns."
        ]
    values[:] = (values + values.T) / 2
    if asymmetry > ROUNDING:
        return [f"The {what} were made symmetric, which moved them by {asymmetry:.1g} at most."]
    return []


def made_symmetric(fc, labels):
    """Average an FC that is symmetric but for rounding, and refuse another."""
    difference = np.abs(fc - fc.T)
    if difference.max() > 1e-6:
        i, j = np.unravel_index(difference.argmax(), fc.shape)
        raise ValueError(
            f"The FC is not symmetric, {fc[i, j]:.4g} and {fc[j, i]:.4g} between {labels[i]} and "
            f"{labels[j]}: a correlation has no direction, so pass (fc + fc.T) / 2 if the "
            "difference means nothing."
        )
    note = f"The FC was made symmetric, which moved it by {difference.max() / 2:.1g} at most."
    return (fc + fc.T) / 2, [note] if difference.max() > ROUNDING else []


def looks_like_covariance(fc, variances):
    """Whether entries are within what the variances on a diagonal allow."""
    if not (np.isfinite(variances).all() and (variances > 0).all()):
        return False
    return bool((np.abs(fc) <= np.sqrt(np.outer(variances, variances)) * (1 + 1e-6)).all())


def refuse_beyond_one(fc, variances, labels):
    """Refuse what is no correlation, and guess from its diagonal what it is instead."""
    size = np.abs(fc)
    if size.max() <= 1 + 1e-6:
        return
    i, j = np.unravel_index(size.argmax(), fc.shape)
    if looks_like_covariance(fc, variances):
        remedy = "it looks like a covariance, so divide by the regions' standard deviations"
    else:
        remedy = "pass correlations, which for Fisher's z are numpy.tanh(fc)"
    raise ValueError(
        f"The FC has {fc[i, j]:.4g} between {labels[i]} and {labels[j]}, beyond [-1, 1]: {remedy}."
    )
