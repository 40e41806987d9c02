"""How many independent numbers an FC matrix counts for, and the grids on which to find out."""

import numpy as np

# Where to evaluate distances across a valley: evenly in its core, and outside it ever more widely,
# as shares of the way from the floor to the ends of the box.
CORE = np.linspace(-4, 3, 57)  # in units of the valley's half-width
BEFORE = np.array([38, 30, 24, 19, 15, 12, 10, 8.5, 7, 6, 5]) / 38
AFTER = np.array([3.6, 4.5, 5.5, 7, 9, 12, 16, 22, 30, 40, 50, 58]) / 58
ALONG = (
    np.array([0, 3, 6, 10, 15, 20, 26, 33, 41, 50, 60, 70]) / 70
)  # shares of the way through the bounds of w


def effective_number(trace, trace_of_square, m, correct=True):
    """Effective number of entries of a sample covariance C: (tr C)^2 / tr(C^2).

    Parameters
    ----------
    trace, trace_of_square : array
        tr C and tr(C^2) of the sample covariance.
    m : array
        Number of samples that it was computed from.
    correct : bool
        Take out what the rank of the sample covariance does to tr(C^2).

    Returns
    -------
    array
    """
    if correct:
        trace_of_square = (
            (m - 1) ** 2 / ((m - 2) * (m + 1)) * (trace_of_square - trace**2 / (m - 1))
        )
    return trace**2 / trace_of_square


def traces_of(samples):
    """Traces of the sample covariance C of some samples, and of its square.

    Parameters
    ----------
    samples : array, shape (m, n)

    Returns
    -------
    tuple of 2 floats
    """
    deviations = samples - samples.mean(axis=0)
    gram = deviations @ deviations.T / (len(samples) - 1)  # the same eigenvalues
    return np.trace(gram), np.sum(gram**2)


def candidate_numbers(n_pairs):
    """Effective numbers of entries to try, from 5 up to all n_pairs pairs of regions."""
    ladder = (5, 10, 20, 30, 40, 50, 60, 70, 80, 100, 140, 200, 300, 500)
    ladder += tuple(10**k for k in range(3, 9))
    return (*(n for n in ladder if n < n_pairs), n_pairs)


def largest_that_covers(coverage, goal):
    """The largest effective number of entries whose intervals still cover as often as they should.

    Parameters
    ----------
    coverage : dict
        Share of the truths that the intervals cover, by effective number of entries.
    goal : float
        Share that they should cover.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If no number covers the goal.
    """
    enough = [n for n, share in coverage.items() if share >= goal]
    if not enough:
        lowest = min(coverage)
        raise ValueError(
            f"No effective number of entries covers {100 * goal:.0f} %: the lowest, {lowest}, "
            f"covers {100 * coverage[lowest]:.0f} %. The simulated data sets lie too far off the "
            "grid, or there are too few of them."
        )
    return max(enough)


def knots_across(valley):
    """Distances x from a valley's floor at which to evaluate, from one end of the box to the other.

    Parameters
    ----------
    valley : bnmfit.valley.Valley

    Returns
    -------
    array, shape (n,)
        Rising, dense where the valley is.
    """
    first, last = valley.span
    core = valley.unit * CORE
    before, after = first * BEFORE, last * AFTER
    return np.concatenate([before[before < core[0]], core, after[after > core[-1]]])


def knots_along(valley):
    """Values of w at which to evaluate, from its lower bound to its upper bound.

    Parameters
    ----------
    valley : bnmfit.valley.Valley

    Returns
    -------
    array, shape (n,)
        Rising, denser where w is small.
    """
    low, high = valley.low[1], valley.high[1]
    inside = np.round(low + (high - low) * ALONG[1:-1], 2)
    return np.array([low, *inside[(low < inside) & (inside < high)], high])
