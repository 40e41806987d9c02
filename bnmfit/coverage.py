"""Whether posteriors mean what they say: ranks of the truth, coverage, and their uniformity."""

import numpy as np
from scipy.stats import binom


def ranks_among(draws, truths):
    """Share of a posterior's draws that lie below the truth, for each data set and parameter.

    Parameters
    ----------
    draws : array, shape (n_data, n_draws, n_parameters)
    truths : array, shape (n_data, n_parameters)

    Returns
    -------
    array, shape (n_data, n_parameters)
        Uniform on the grid (k + 1/2) / (n_draws + 1) if truths come from the prior and draws from
        the posteriors of data that were made with them (Talts et al., 2018).
    """
    draws, truths = np.asarray(draws), np.asarray(truths)
    below = (draws < truths[:, None]).sum(axis=1)
    return (below + 0.5) / (draws.shape[1] + 1)


def ranks_of_distances(draws, truths, seed=0):
    """Rank of the truth's distance from a random point among those of the draws (TARP).

    Parameters
    ----------
    draws : array, shape (n_data, n_draws, n_parameters)
    truths : array, shape (n_data, n_parameters)
    seed : int
        Of the random points, one for each data set, uniform over the box that the truths fill.

    Returns
    -------
    array, shape (n_data,)
        Uniform, as those of `ranks_among`: at a level q, a share q of them lies below q if regions
        of mass q around any point hold the truth that often, all parameters together (Lemos et al.,
        2023). Each parameter counts in units of its box. Posteriors that are off to one side hardly
        show here, since the points lie on all sides.
    """
    draws, truths = np.asarray(draws, float), np.asarray(truths, float)
    low, high = truths.min(axis=0), truths.max(axis=0)
    draws, truths = ((x - low) / (high - low) for x in (draws, truths))
    # A stream of its own, so that truths drawn with the same seed are not these very points.
    stream = np.random.SeedSequence(seed, spawn_key=(1,))
    points = np.random.default_rng(stream).uniform(size=truths.shape)
    of_draws = np.linalg.norm(draws - points[:, None], axis=-1)
    of_truth = np.linalg.norm(truths - points, axis=-1)
    return ranks_among(of_draws[..., None], of_truth[:, None])[:, 0]


def held_by(ranks, share=0.8):
    """Which central intervals hold the truth, by the ranks of the truth.

    Parameters
    ----------
    ranks : array
        Posterior mass below the truth.
    share : float
        Mass of the interval.

    Returns
    -------
    array of bool
        In the shape of the ranks.
    """
    ranks = np.asarray(ranks)
    return (ranks > (1 - share) / 2) & (ranks < (1 + share) / 2)


def deviation_from_uniform(ranks, levels):
    """How far the ECDF of ranks is from that of uniform ones.

    Parameters
    ----------
    ranks : array, shape (n, ...)
    levels : array, shape (n_levels,)
        Where it is looked at, between 0 and 1.

    Returns
    -------
    array, shape (n_levels, ...)
        Share of ranks at or below a level, minus the level.
    """
    ranks, levels = np.asarray(ranks), np.asarray(levels, float)
    shares = np.array([(ranks <= level).mean(axis=0) for level in levels])
    return shares - levels.reshape(-1, *[1] * (ranks.ndim - 1))


def uniform_band(n, levels, share=0.95, n_draws=4000, seed=0):
    """Band that holds the whole ECDF of n uniform ranks in a share of the cases.

    At each level the band is a central interval of the binomial distribution; how much each has to
    hold, for all of them together to hold the share, is found by simulation.

    Parameters
    ----------
    n : int
        Number of ranks.
    levels : array, shape (n_levels,)
        Where the ECDF is looked at, between 0 and 1.
    share : float
        Share of the samples whose ECDF stays inside at all levels.
    n_draws, seed : int
        Samples that are drawn, and seed.

    Returns
    -------
    low, high : array, shape (n_levels,)
        Ends of the band, as shares of the ranks.
    """
    levels = np.asarray(levels, float)
    at_each = np.quantile(_smallest_tails(n, levels, n_draws, seed), 1 - share)
    low, high = binom.ppf(at_each, n, levels), binom.isf(at_each, n, levels)
    return low / n, high / n


def uniform_p_value(ranks, levels, n_draws=4000, seed=0):
    """Share of samples of uniform ranks whose ECDF leaves as narrow a band as this one does.

    Parameters
    ----------
    ranks : array, shape (n,)
    levels : array, shape (n_levels,)
        Where the ECDF is looked at, between 0 and 1.
    n_draws, seed : int
        Samples that are drawn, and seed.

    Returns
    -------
    float
        At least 1 / (n_draws + 1). Below 0.05 where the ECDF leaves the band of `uniform_band`.
    """
    ranks, levels = np.asarray(ranks), np.asarray(levels, float)
    counts = np.array([(ranks <= level).sum() for level in levels])
    own = _tails(counts, len(ranks), levels).min()
    others = _smallest_tails(len(ranks), levels, n_draws, seed)
    return float((1 + (others <= own).sum()) / (n_draws + 1))


def _tails(counts, n, levels):
    """Smaller tail of a binomial distribution at the counts below each level."""
    return np.minimum(binom.cdf(counts, n, levels), binom.sf(counts - 1, n, levels))


def _smallest_tails(n, levels, n_draws, seed):
    """Smallest tail over all levels, for samples of uniform ranks."""
    ranks = np.sort(np.random.default_rng(seed).uniform(size=(n_draws, n)), axis=1)
    counts = np.array([np.searchsorted(row, levels, side="right") for row in ranks])
    return _tails(counts, n, levels).min(axis=1)
