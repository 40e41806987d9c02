"""Likelihoods of BOLD and of FC that linear response knows, and posteriors on lines.

In linear response the covariance of BOLD is sigma^2 times that at sigma = 1, and the steady state
does not depend on sigma. With K the spectrum at sigma = 1, Whittle's log likelihood of a recording
is -N log(sigma) - D - Q / sigma^2 up to a constant: N real numbers, D a log determinant, Q one
square for each recording. So sigma costs nothing: it is integrated in closed form.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.special import gammainc, gammaincc, gammainccinv, gammaincinv, gammaln, ndtr

LEVELS = ndtr(np.linspace(-4, 4, 129))  # at which a line's quantiles are kept
LEVELS[[0, -1]] = 0, 1
FLOOR = 60.0  # so far below its highest value a log density counts as zero
OVERSHOOT = 6.0  # of a slope times its interval, beyond three times the step between the nodes


def number_of(n_samples, n_regions):
    """Real numbers N in the Fourier coefficients of a recording without its mean."""
    return (n_samples - 1) * n_regions


def shares_of(n_samples):
    """Weight of each frequency in the log likelihood: 1, or 1/2 without an imaginary part."""
    k = np.arange(1, n_samples // 2 + 1)
    return np.where(2 * k == n_samples, 0.5, 1.0)


def coefficients_of(bold):
    """Fourier coefficients of recordings, at the frequencies above zero.

    Their covariance is `bnmfit.recordings.expected_periodogram`, or nearly so.

    Parameters
    ----------
    bold : array, shape (n, n_samples, n_regions)

    Returns
    -------
    complex array, shape (n_samples // 2, n_regions, n)
    """
    n_samples = bold.shape[1]
    coefficients = np.fft.fft(bold, axis=1)[:, 1 : n_samples // 2 + 1]
    return coefficients.transpose(1, 2, 0) / np.sqrt(n_samples)


@jax.jit
def whitening(spectrum):
    """What whitens Fourier coefficients, and the log determinant of a spectrum.

    Parameters
    ----------
    spectrum : complex array, shape (n_frequencies, n_regions, n_regions)

    Returns
    -------
    inverse : array, shape (n_frequencies, 2 n_regions, 2 n_regions)
        Inverse of the Cholesky factors, for real parts above imaginary ones; single precision.
    log_determinants : array, shape (n_frequencies,)
    """
    root = jnp.linalg.cholesky(spectrum)
    unit = jnp.broadcast_to(jnp.eye(spectrum.shape[-1], dtype=root.dtype), root.shape)
    inverse = jax.scipy.linalg.solve_triangular(root, unit, lower=True)
    above = jnp.concatenate([inverse.real, -inverse.imag], axis=-1)
    below = jnp.concatenate([inverse.imag, inverse.real], axis=-1)
    logs = 2 * jnp.log(jnp.diagonal(root, axis1=1, axis2=2).real).sum(axis=1)
    return jnp.concatenate([above, below], axis=-2).astype("float32"), logs


@jax.jit
def squares_of(inverse, shares, coefficients):
    """The square Q of recordings: of their whitened Fourier coefficients, summed.

    Parameters
    ----------
    inverse, shares : array
        From `whitening` and `shares_of`.
    coefficients : array, shape (n_frequencies, 2 n_regions, n)
        Real parts above imaginary ones; single precision is enough.

    Returns
    -------
    array, shape (n,)
    """
    each = ((inverse @ coefficients) ** 2).sum(axis=1)
    return jnp.asarray(shares) @ each.astype("float64")


def log_sigma_integral(square, number, low, high):
    """Log of the mean of sigma^-N exp(-Q / sigma^2) over sigma between two bounds.

    Parameters
    ----------
    square : array
        Q, above zero.
    number : int
        N.
    low, high : float
        Bounds of sigma, whose prior is uniform between them.
    """
    shape = (number - 1) / 2
    _, below, above = _tails_of(square, shape, low, high)
    mass = np.maximum(np.maximum(below, above), 1e-300)
    return gammaln(shape) - np.log(2 * (high - low)) - shape * np.log(square) + np.log(mass)


def draw_sigma(square, number, low, high, uniform):
    """Draw sigma from its posterior at points with known squares Q.

    Parameters
    ----------
    square, number, low, high
        As in `log_sigma_integral`.
    uniform : array, in the shape of `square`
        Uniform numbers between 0 and 1.
    """
    shape = (number - 1) / 2
    (first, last), below, above = _tails_of(square, shape, low, high)
    by_lower = gammaincinv(shape, gammainc(shape, first) + uniform * below)
    by_upper = gammainccinv(shape, gammaincc(shape, first) - uniform * above)
    t = np.clip(np.where(first < shape, by_lower, by_upper), first, last)
    return np.sqrt(square / t)


def _tails_of(square, shape, low, high):
    """Range of t = Q / sigma^2, a gamma variable, and its mass there, from both tails."""
    first, last = square / high**2, square / low**2
    below = gammainc(shape, last) - gammainc(shape, first)
    above = gammaincc(shape, first) - gammaincc(shape, last)
    return (first, last), below, above


def scatter_of_covariances(covariances, n_samples):
    """Covariance of the entries of a sample covariance matrix.

    Parameters
    ----------
    covariances : array, shape (n_lags, n_regions, n_regions)
    n_samples : int

    Returns
    -------
    array, shape (n_entries, n_entries)
        Entries in the order of `numpy.triu_indices(n_regions)`.
    """
    C = np.asarray(covariances)[:n_samples]
    shares = (1 - np.arange(len(C)) / n_samples) / n_samples
    n = C.shape[-1]
    products = 0  # regions i, k, j, l: over lags of both signs
    for lagged, own in ((C, shares), (C[1:].swapaxes(1, 2), shares[1:])):
        flat = lagged.reshape(len(lagged), n * n)
        products = products + flat.T @ (own[:, None] * flat)
    products = products.reshape(n, n, n, n)
    i, j = (index[:, None] for index in np.triu_indices(n))
    k, m = (index[:, 0] for index in (i, j))
    return products[i, k, j, m] + products[i, m, j, k]  # Isserlis


@jax.jit
def information_without_gains(spectrum, derivatives, shares):
    """Fisher information of a recording whose regions have gains that nobody knows.

    This is what is left in series that were scaled to a variance of one. With known gains it is
    `bnmfit.recordings.whittle_information`.

    Parameters
    ----------
    spectrum : complex array, shape (n_frequencies, n_regions, n_regions)
    derivatives : complex array, shape (n_parameters, n_frequencies, n_regions, n_regions)
    shares : array, shape (n_frequencies,)
        From `shares_of`.

    Returns
    -------
    array, shape (n_parameters, n_parameters)
    """
    inverse = jnp.linalg.inv(spectrum)
    B = inverse @ derivatives
    full = jnp.einsum("f,afij,bfji->ab", shares, B, B).real
    turned = jnp.einsum("fri,afij,fjr->afr", spectrum, B, inverse).real
    cross = jnp.einsum("f,afr->ar", shares, turned + jnp.diagonal(B, axis1=2, axis2=3).real)
    unit = jnp.eye(spectrum.shape[-1])
    gains = 2 * jnp.einsum("f,fij->ij", shares, unit + (spectrum * inverse.mT).real)
    return full - cross @ jnp.linalg.pinv(gains, hermitian=True) @ cross.T


def divergence_of(spectrum, inverse, other, other_inverse, shares):
    """How many standard deviations apart two spectra are for a recording, squared.

    The symmetric Kullback-Leibler divergence, at the scale of one of them that makes it least.

    Parameters
    ----------
    spectrum, inverse, other, other_inverse : complex array, shape (n_frequencies, n, n)
        Two spectra and their inverses.
    shares : array, shape (n_frequencies,)
    """
    one = np.einsum("f,fij,fji->", shares, inverse, other, optimize=True).real
    two = np.einsum("f,fij,fji->", shares, other_inverse, spectrum, optimize=True).real
    number = shares.sum() * spectrum.shape[-1]
    return float(2 * (np.sqrt(one * two) - number))


def refined_nodes(divergence, low, high, n_start, largest, narrowest):
    """Places on a line, so close that neighbours are told apart hardly.

    Parameters
    ----------
    divergence : callable
        Of two places: how many standard deviations apart they are, squared.
    low, high : float
        Ends of the line.
    n_start : int
        Places to begin with, at equal distances. Intervals are halved from there.
    largest : float
        Divergence of neighbours above which the interval is halved.
    narrowest : float
        No interval becomes narrower than this.
    """
    nodes = list(np.linspace(low, high, n_start))
    k = 0
    while k < len(nodes) - 1:
        first, second = nodes[k : k + 2]
        if second - first > 2 * narrowest and divergence(first, second) > largest:
            nodes.insert(k + 1, (first + second) / 2)
        else:
            k += 1
    return np.array(nodes)


def line_of(nodes, log_density, highest, *others, per_node=4):
    """A posterior along one line: its mass, its quantiles, and other quantities at these.

    Between nodes the log density is a cubic with the slopes of the parabolas through three nodes.

    Parameters
    ----------
    nodes : array, shape (n,)
        Rising.
    log_density : array, shape (n, n_data)
        NaN or -inf where there is none.
    highest : array, shape (n_data,)
        Highest log density on any line.
    *others : array, shape (n, n_data)
        Interpolated in the same way.
    per_node : int
        Steps of the integral for each node.

    Returns
    -------
    log_mass : array, shape (n_data,)
    tables : array, shape (1 + n_others, n_levels, n_data)
        Places and other quantities at the levels `LEVELS` of the mass on the line.
    """
    spread = np.arange(per_node * (len(nodes) - 1) + 1) / per_node
    fine = np.interp(spread, np.arange(len(nodes)), nodes)
    lowest = highest - FLOOR
    log_density = np.where(np.isfinite(log_density), log_density, lowest)
    others = [np.where(np.isfinite(one), one, _middle(one)) for one in others]
    dense = np.exp(smooth_between(nodes, np.maximum(log_density, lowest), fine) - highest)
    steps = np.diff(fine)[:, None] * (dense[1:] + dense[:-1]) / 2
    below = np.concatenate([np.zeros((1, dense.shape[1])), np.cumsum(steps, axis=0)])
    mass = below[-1]
    values = [np.broadcast_to(fine[:, None], dense.shape)]
    values += [smooth_between(nodes, other, fine) for other in others]
    tables = np.empty((len(values), len(LEVELS), dense.shape[1]))
    inner = np.clip(LEVELS, 1e-6, 1 - 1e-6)  # not the ends of a line without mass there
    for j in range(dense.shape[1]):
        share = below[:, j] / mass[j]
        for i, value in enumerate(values):
            tables[i, :, j] = np.interp(inner, share, value[:, j])
    return np.log(mass) + highest, tables


def draw_from_lines(lines, log_mass, tables, n_draws, seed=0, per_line=16):
    """Draw from posteriors that are known on lines.

    The log mass is interpolated between lines as `line_of` interpolates along them, and the places
    at equal levels of the mass are joined by straight lines.

    Parameters
    ----------
    lines : array, shape (n_lines,)
        Where the lines are, rising.
    log_mass : array, shape (n_lines, n_data)
    tables : array, shape (n_lines, n_quantities, n_levels, n_data)
        From `line_of`, one for each line.
    n_draws, seed : int

    Returns
    -------
    array, shape (n_data, n_draws, 1 + n_quantities)
        Place across the lines, place along them, other quantities.
    """
    rng = np.random.default_rng(seed)
    n_lines, n_quantities, n_levels, n_data = tables.shape
    fine = np.linspace(0, n_lines - 1, per_line * (n_lines - 1) + 1)
    at = np.interp(fine, np.arange(n_lines), lines)
    highest = log_mass.max(axis=0)
    log_mass = np.maximum(log_mass, highest - FLOOR)
    dense = np.exp(smooth_between(np.asarray(lines, float), log_mass, at) - highest)
    steps = np.diff(at)[:, None] * (dense[1:] + dense[:-1]) / 2
    below = np.concatenate([np.zeros((1, n_data)), np.cumsum(steps, axis=0)])
    draws = np.empty((n_data, n_draws, 1 + n_quantities))
    for j in range(n_data):
        u = (np.arange(n_draws) + rng.uniform(size=n_draws)) / n_draws
        where = np.interp(u, below[:, j] / below[-1, j], fine)
        line = np.minimum(where.astype(int), n_lines - 2)
        across = where - line
        level = rng.uniform(size=n_draws)
        k = np.clip(np.searchsorted(LEVELS, level) - 1, 0, n_levels - 2)
        along = (level - LEVELS[k]) / (LEVELS[k + 1] - LEVELS[k])
        draws[j, :, 0] = np.interp(where, np.arange(n_lines), lines)
        for i in range(n_quantities):
            table = tables[:, i, :, j]
            one, two = (
                table[row, k] + along * (table[row, k + 1] - table[row, k])
                for row in (line, line + 1)
            )
            draws[j, :, 1 + i] = one + across * (two - one)
    return draws


def smooth_between(nodes, values, at):
    """Interpolate columns of log densities by cubics with the slopes of parabolas through 3 nodes.

    Where a steep step is next to a long interval the slope is cut, so that the cubic does not
    shoot over its nodes by more than about one.

    Parameters
    ----------
    nodes : array, shape (n,)
        Rising.
    values : array, shape (n, n_columns)
    at : float or array
        Where. Exact for quadratics whose steps between nodes are small enough, and local: a jump
        is felt two nodes away and no further.
    """
    nodes, values = np.asarray(nodes, float), np.asarray(values, float)
    steps = np.diff(nodes).reshape(-1, *[1] * (values.ndim - 1))
    limit = 3 * np.abs(np.diff(values, axis=0)) / steps + OVERSHOOT / steps
    limit = np.minimum(np.concatenate([limit[:1], limit]), np.concatenate([limit, limit[-1:]]))
    slopes = np.clip(np.gradient(values, nodes, axis=0, edge_order=2), -limit, limit)
    return CubicHermiteSpline(nodes, values, slopes)(at)


def _middle(values):
    """Mean of the finite values in each column, or zero."""
    is_finite = np.isfinite(values)
    total = np.where(is_finite, values, 0).sum(axis=0)
    return total / np.maximum(is_finite.sum(axis=0), 1)
