"""Calibrate a tempered likelihood: effective numbers, and grids of posteriors."""

import numpy as np
from scipy.interpolate import RegularGridInterpolator

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


def groups_of(n_data):
    """Which of the simulated data sets are used for what.

    Parameters
    ----------
    n_data : int
        Number of data sets: the first half with truths from all of the box, the others with truths
        near the valley.

    Returns
    -------
    dict of str to array of bool, shape (n_data,)
        `anywhere`, the first half; `tuning` and `validation`, every other one of the second half.
    """
    position = np.arange(n_data)
    near, even = position >= n_data // 2, position % 2 == 0
    return {"anywhere": ~near, "tuning": near & even, "validation": near & ~even}


def resampled_numbers(holds, goal, n_resamples=1000, seed=0):
    """The largest effective number that covers, in bootstrap samples of the data sets.

    Parameters
    ----------
    holds : dict
        By effective number of entries, which intervals hold the truth: an array of bool, shape
        (n_data, ...).
    goal : float
        Share that they should cover.
    n_resamples, seed : int
        Number of bootstrap samples of data sets, and seed.

    Returns
    -------
    array, shape (n_resamples,)
        Where no number covers the goal, the smallest one.
    """
    numbers = np.array(sorted(holds))
    shares = np.array([np.asarray(holds[n], float).reshape(len(holds[n]), -1) for n in numbers])
    shares = shares.mean(axis=-1)  # by number and data set
    n_data = shares.shape[1]
    rng = np.random.default_rng(seed)
    chosen = []
    for _ in range(n_resamples):
        enough = shares[:, rng.integers(n_data, size=n_data)].mean(axis=1) >= goal
        chosen.append(numbers[enough].max(initial=numbers[0]))
    return np.array(chosen)


class PosteriorGrid:
    """A fine grid in a valley's coordinates, and the tempered posteriors on it.

    With its standard deviation integrated out, a likelihood of n effective entries is the mean
    square difference to the power -n / 2. What is known of it on coarse knots is interpolated.

    Parameters
    ----------
    valley : bnmfit.valley.Valley
    x, w : array, shape (n_x,), (n_w,)
        Knots: distances in G from the floor, and places along it.
    per_knot : int
        Points of the fine grid for each knot of x.
    n_along : int
        Cells of the fine grid along w.

    Attributes
    ----------
    x, w, G : array, shape (n_fine, n_along)
        Coordinates of the cells.
    area : array, shape (n_fine, n_along)
        Area of each cell, zero outside of the valley's box. This is the uniform prior.
    """

    def __init__(self, valley, x, w, per_knot=4, n_along=70):
        self._knots = np.asarray(x, float), np.asarray(w, float)
        last = len(x) - 1
        fine = np.interp(np.linspace(0, last, per_knot * last + 1), np.arange(last + 1), x)
        edges = np.linspace(valley.low[1], valley.high[1], n_along + 1)
        self.x, self.w = np.meshgrid(fine, (edges[1:] + edges[:-1]) / 2, indexing="ij")
        self.G = valley.G_at(self.w) + self.x
        inside = (valley.low[0] <= self.G) & (valley.high[0] >= self.G)
        self.area = np.gradient(fine)[:, None] * inside

    def log_of(self, mse):
        """Logarithm of mean squares that are known at the knots.

        Parameters
        ----------
        mse : array, shape (n_x, n_w)

        Returns
        -------
        array, shape (n_fine, n_along)
        """
        interpolate = RegularGridInterpolator(self._knots, np.asarray(mse, float))
        return np.log(interpolate((self.x, self.w)))

    def mass(self, log_mse, n, prior=1.0):
        """Posterior mass of each cell.

        Parameters
        ----------
        log_mse : array, shape (n_fine, n_along)
            As `log_of` gives it.
        n : float
            Effective number of entries.
        prior : array, shape (n_fine, n_along)
            Density of the prior in G and w, up to a factor, within the box.

        Returns
        -------
        array, shape (n_fine, n_along)
            Sums to 1.
        """
        log_density = -n / 2 * log_mse
        mass = np.exp(log_density - log_density.max()) * self.area * prior
        return mass / mass.sum()

    def ranks(self, mass, x, w):
        """Mass below a true x and below a true w.

        Parameters
        ----------
        mass : array, shape (n_fine, n_along)
        x, w : float

        Returns
        -------
        array, shape (2,)
        """
        return np.array([mass[self.x < x].sum(), mass[self.w < w].sum()])

    def moments(self, mass, values):
        """Mean of a quantity, and the ends of the interval with its middle 80 %.

        Parameters
        ----------
        mass, values : array, shape (n_fine, n_along)
            Posterior mass of the cells, and the quantity in them, such as the grid's `x`.

        Returns
        -------
        array, shape (3,)
            Mean, 10 % quantile, 90 % quantile.
        """
        values, mass = np.ravel(values), np.ravel(mass)
        order = np.argsort(values)
        ends = np.searchsorted(mass[order].cumsum(), [0.1, 0.9])
        return np.array([mass @ values, *values[order][np.minimum(ends, len(order) - 1)]])


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
