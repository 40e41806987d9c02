"""A term for what a model cannot make: independent errors, a common offset, and row effects.

What is left of a target when a model's expectation is taken out is r_ij = m + a_i + a_j + e_ij,
with errors e of variance s^2, row effects a of variance (ratio s)^2 and an offset m of variance
(offset s)^2, all normal. Both m and a are sums over the two ends of a pair, since m = m/2 + m/2. So
the covariance of the pairs is s^2 (I + Z W Z'), with two ones in each row of Z, and costs matrices
of the regions and none of the pairs (the Woodbury identity). A variance s^2 with an inverse gamma
prior is integrated out in closed form, the ratio on a grid.
"""

import numpy as np
from scipy.special import gammaln, logsumexp, ndtr
from tqdm import tqdm


class Discrepancy:
    """Likelihood of residuals over pairs of regions, with what it says of pairs that are hidden.

    Parameters
    ----------
    known : array of bool, shape (n_regions, n_regions)
        Pairs that are seen, symmetric; the diagonal does not count.
    offset : float
        Standard deviation of the common offset in units of s; 0 for no offset.
    ratios : array, shape (n_ratios,)
        Standard deviations of a row effect in units of s, with equal prior mass; (0,) for none.
    shape, scale : float
        Of the inverse gamma prior of s^2. By default 95 % of it are between s = 0.04 and 0.44.

    Raises
    ------
    ValueError
        If `known` is no symmetric matrix with a pair in it, or a standard deviation is negative.
    """

    def __init__(self, known, offset=0.0, ratios=(0.0,), shape=1.0, scale=0.005):
        known = np.array(known, dtype=bool)
        if known.ndim != 2 or known.shape[0] != known.shape[1] or (known != known.T).any():
            raise ValueError(
                f"The known pairs have the shape {known.shape} and have to be a symmetric matrix "
                "of regions by regions: pass a mask of both directions."
            )
        np.fill_diagonal(known, False)
        if not known.any():
            raise ValueError("No pair of regions is known: leave some to learn from.")
        self.ratios = np.array(ratios, dtype=float).ravel()
        if offset < 0 or self.ratios.size == 0 or (self.ratios < 0).any():
            raise ValueError(
                f"The offset, {offset}, and the ratios, {self.ratios.tolist()}, are standard "
                "deviations: none may be below zero, and at least one ratio is needed."
            )
        self.offset, self.shape, self.scale = float(offset), float(shape), float(scale)
        self.n_regions = len(known)
        self.ends = np.triu_indices(self.n_regions, 1)
        self.known = known[self.ends]
        self.n_known = int(self.known.sum())
        n_pairs = self.known.size
        self._incidence = np.zeros((n_pairs, self.n_regions))
        for end in self.ends:
            self._incidence[np.arange(n_pairs), end] = 1.0
        self._gram = np.diag(known.sum(axis=1).astype(float)) + known
        lengths, self._axes = np.linalg.eigh(self._gram)
        lengths = np.maximum(lengths, 0.0)  # positive but for rounding
        halves = self._axes.sum(axis=0) / 2  # the offset is half a row effect of every region
        squares = self.ratios[:, None] ** 2
        self._spread = 1 + squares * lengths
        self._shrink = squares / self._spread
        self._to_offset = halves / self._spread
        of_offset = (halves**2 * lengths / self._spread).sum(axis=1)
        self._gain = self.offset**2 / (1 + self.offset**2 * of_offset)
        log_det = np.log(self._spread).sum(axis=1) + np.log1p(self.offset**2 * of_offset)
        n = self.n_known
        self._constant = (
            gammaln(self.shape + n / 2)
            - gammaln(self.shape)
            + self.shape * np.log(self.scale)
            - n / 2 * np.log(2 * np.pi)
            - log_det / 2
        )

    def reduced(self, residuals):
        """What the likelihood needs to know of residuals.

        Parameters
        ----------
        residuals : array, shape (m, n_pairs)
            Of all pairs, in the order of `numpy.triu_indices`; those of hidden pairs do not count.

        Returns
        -------
        total : array, shape (m,)
            Sum of squares over the known pairs.
        sums : array, shape (m, n_regions)
            Sums over the known pairs of each region, in the axes of the row effects: linear.
        """
        seen = np.where(self.known, residuals, 0.0)
        return np.einsum("ij,ij->i", seen, seen), seen @ self._incidence @ self._axes

    def misfit(self, total, sums):
        """Squared length of the residuals, as the discrepancy measures it in units of s^2.

        Parameters
        ----------
        total, sums : array
            As `reduced` gives them.

        Returns
        -------
        array, shape (m, n_ratios)
        """
        offsets = sums @ self._to_offset.T
        return total[:, None] - sums**2 @ self._shrink.T - self._gain * offsets**2

    def log_likelihood(self, total, sums):
        """Log likelihood with offset, row effects and s integrated out.

        Parameters
        ----------
        total, sums : array
            As `reduced` gives them.

        Returns
        -------
        array, shape (m, n_ratios)
        """
        half = self.scale + self.misfit(total, sums) / 2
        return self._constant - (self.shape + self.n_known / 2) * np.log(half)

    def marginal(self, total, sums):
        """Log likelihood with the ratio integrated out, too, shape (m,); see `log_likelihood`."""
        values = self.log_likelihood(total, sums)
        return logsumexp(values, axis=1) - np.log(self.ratios.size)

    def draw_posterior(self, rng, residuals, log_prior, n_draws):
        """Draw rows of residuals with a ratio and an s that go with them, from their posterior.

        Parameters
        ----------
        rng : numpy.random.Generator
        residuals : array, shape (m, n_pairs)
            One row for each value of a model's parameters.
        log_prior : array, shape (m,)
            Logarithm of the prior mass of each, up to a constant.
        n_draws : int

        Returns
        -------
        row, ratio : array of int, shape (n_draws,)
            Indices of the row and of the ratio.
        sd : array, shape (n_draws,)
            s.
        """
        total, sums = self.reduced(residuals)
        density = self.log_likelihood(total, sums) + np.asarray(log_prior)[:, None]
        mass = np.exp(density - density.max())
        cells = rng.choice(mass.size, n_draws, p=mass.ravel() / mass.sum())
        row, ratio = np.unravel_index(cells, mass.shape)
        half = self.scale + self.misfit(total[row], sums[row])[np.arange(n_draws), ratio] / 2
        return row, ratio, np.sqrt(half / rng.gamma(self.shape + self.n_known / 2, size=n_draws))

    def predict(self, residuals, ratio, sd):
        """What the known residuals say of all pairs, for hidden pairs and for new errors.

        Parameters
        ----------
        residuals : array, shape (m, n_pairs)
        ratio : array of int, shape (m,)
            Index of the ratio that each row goes with.
        sd : array, shape (m,)
            s.

        Returns
        -------
        mean, sd : array, shape (m, n_pairs)
            Of the normal distribution of each residual.
        """
        ratio, sd = np.asarray(ratio), np.asarray(sd, float)
        sums = np.where(self.known, residuals, 0.0) @ self._incidence
        mean, spread = np.empty(np.shape(residuals)), np.empty(np.shape(residuals))
        i, j = self.ends
        for k in np.unique(ratio):
            W = self._covariance_of_rows(self.ratios[k])
            left = W @ np.linalg.inv(np.eye(self.n_regions) + self._gram @ W)
            of, own = ratio == k, np.diag(left)
            effects = sums[of] @ left.T
            mean[of] = effects[:, i] + effects[:, j]
            variance = 1 + own[i] + own[j] + left[i, j] + left[j, i]
            spread[of] = sd[of][:, None] * np.sqrt(variance)
        return mean, spread

    def draw(self, rng, ratio, sd, offset=None):
        """Draw residuals with new row effects and errors.

        Parameters
        ----------
        rng : numpy.random.Generator
        ratio : array, shape (m,)
            Ratios themselves, not their indices.
        sd : array, shape (m,)
            s.
        offset : array, shape (m,), optional
            Offset of each; new ones, too, if not given.

        Returns
        -------
        array, shape (m, n_pairs)
        """
        ratio, sd = np.asarray(ratio, float)[:, None], np.asarray(sd, float)[:, None]
        if offset is None:
            offset = sd[:, 0] * self.offset * rng.standard_normal(len(sd))
        effects = sd * ratio * rng.standard_normal((len(sd), self.n_regions))
        errors = sd * rng.standard_normal((len(sd), self.known.size))
        i, j = self.ends
        return np.asarray(offset)[:, None] + effects[:, i] + effects[:, j] + errors

    def draw_sd(self, rng, n):
        """Draw s from its prior, shape (n,)."""
        return np.sqrt(self.scale / rng.gamma(self.shape, size=n))

    def _covariance_of_rows(self, ratio):
        return ratio**2 * np.eye(self.n_regions) + self.offset**2 / 4


def refined_cells(
    evaluate, log_densities, low, high, n_grid, share=0.002, power=0.5, max_levels=20
):
    """One grid for several posteriors, refined wherever one of them has its mass.

    Each level splits the cells that hold more than a share of one of the posteriors, flattened by a
    power, so that the grid also serves posteriors of somewhat fewer data. As long as a cell holds
    more than 1/20 of one, the best of all cells by it are split, too: one in thirty.

    Parameters
    ----------
    evaluate : callable
        Function of points, shape (m, d), that returns rows, shape (m, n); NaN where there is none.
    log_densities : callable
        Function of rows without NaN, float32, shape (m, n), that returns an array (m, n_densities).
    low, high : array, shape (d,)
        Corners of the box.
    n_grid : sequence of int, shape (d,)
        Cells along each side of the first grid.
    share, power : float
        The share, and the power.
    max_levels : int
        Most levels.

    Returns
    -------
    points, sizes : array, shape (m, d)
        Centres of the cells, and their sides.
    rows : array, shape (m, n)
        As float32.
    densities : array, shape (m, n_densities)
        Minus infinity where there is no row.

    Raises
    ------
    ValueError
        If there is no row at all.
    RuntimeError
        If cells above the share are left after the last level.
    """
    low, high = np.array([low, high], dtype=float)
    steps = [(np.arange(n) + 0.5) / n for n in n_grid]
    shares = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, len(low))
    points = low + (high - low) * shares
    sizes = np.broadcast_to((high - low) / n_grid, points.shape)
    d = points.shape[1]
    corners = np.stack(np.meshgrid(*[[-0.25, 0.25]] * d, indexing="ij"), -1).reshape(-1, d)

    def of(points):
        rows = np.asarray(evaluate(points), dtype="float32")
        found = np.isfinite(rows).all(axis=1)
        values = np.asarray(log_densities(rows[found]))
        densities = np.full((len(points), values.shape[1]), -np.inf)
        densities[found] = values
        return rows, densities

    rows, densities = of(points)
    if np.isinf(densities).all():
        raise ValueError("There is no row at any point of the first grid: take another box.")
    for _ in tqdm(range(max_levels), "refined cells"):
        height = power * densities
        mass = np.exp(height - height.max(axis=0)) * sizes.prod(axis=1)[:, None]
        mass /= mass.sum(axis=0)
        split = (mass > share).any(axis=1)
        if not split.any():
            break
        for k in np.flatnonzero(mass.max(axis=0) > 0.05):
            split |= densities[:, k] >= np.sort(densities[:, k])[-(1 + len(points) // 30)]
        new = (points[split][:, None] + corners * sizes[split][:, None]).reshape(-1, d)
        new_sizes = np.repeat(sizes[split] / 2, len(corners), axis=0)
        new_rows, new_densities = of(new)
        points = np.concatenate([points[~split], new])
        sizes = np.concatenate([sizes[~split], new_sizes])
        rows = np.concatenate([rows[~split], new_rows])
        densities = np.concatenate([densities[~split], new_densities])
    else:
        raise RuntimeError(f"The cells are not small enough after {max_levels} levels.")
    return points, sizes, rows, densities


def mixture_scores(values, means, sds):
    """Score predictions that are mixtures of normal distributions, one mixture for each value.

    Parameters
    ----------
    values : array, shape (n,)
        What came.
    means, sds : array, shape (n_draws, n)
        Of the normal distributions, which have equal weight.

    Returns
    -------
    log_density : array, shape (n,)
        Of each value under its mixture.
    mean : array, shape (n,)
        Of the mixture.
    rank : array, shape (n,)
        Mass of the mixture below the value.
    """
    z = (np.asarray(values) - means) / sds
    log_density = logsumexp(-(z**2) / 2 - np.log(sds), axis=0) - np.log(len(z) * np.sqrt(2 * np.pi))
    return log_density, np.mean(means, axis=0), ndtr(z).mean(axis=0)
