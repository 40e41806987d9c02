"""Maps over the regions: few numbers from which the parameters of all regions follow."""

import jax.numpy as jnp
import numpy as np


def connectome_harmonics(weights, n):
    """Slowest-varying patterns over the regions of a connectome, but for the constant one.

    Eigenvectors of the random-walk Laplacian I - D^-1 W, in the order of their eigenvalues (Atasoy
    et al., 2016): regions that are strongly connected have similar values.

    Parameters
    ----------
    weights : array, shape (n_regions, n_regions)
        Connectome. Both directions of a connection are averaged.
    n : int
        Number of patterns.

    Returns
    -------
    array, shape (n, n_regions)
        Each with a mean of 0 and a standard deviation of 1; its largest value is positive.

    Raises
    ------
    ValueError
        If a region has no connection, or there are fewer than n patterns.
    """
    root, vectors = _graph_modes(weights)
    if not n < len(vectors):
        raise ValueError(f"{len(vectors)} regions have no {n} patterns: ask for fewer.")
    maps = _standardised((vectors / root[:, None]).T[1 : n + 1])
    largest = np.abs(maps).argmax(axis=1)
    return maps * np.sign(maps[np.arange(n), largest])[:, None]


def smooth_surrogates(maps, weights, seed=0):
    """Maps that know nothing, but vary as slowly over a connectome as given ones do.

    The shares that a map has of the connectome's patterns get random signs (Pirondini et al.,
    2016), the same for all maps, so that their correlations with each other stay nearly the same.

    Parameters
    ----------
    maps : array, shape (n_maps, n_regions)
    weights : array, shape (n_regions, n_regions)
        Connectome, as in `connectome_harmonics`.
    seed : int or sequence of int

    Returns
    -------
    array, shape (n_maps, n_regions)
        Each with a mean of 0 and a standard deviation of 1.
    """
    _, vectors = _graph_modes(weights)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], len(vectors))
    return _standardised(_standardised(maps) @ vectors * signs @ vectors.T)


def _graph_modes(weights):
    """Roots of the regions' strengths, and eigenvectors of weights / root / root, slowest first."""
    weights = np.array(weights, dtype=float)
    weights = (weights + weights.T) / 2
    np.fill_diagonal(weights, 0.0)
    strengths = weights.sum(axis=1)
    if not (strengths > 0).all():
        raise ValueError(
            f"Region {int(np.argmin(strengths))} has no connection: leave such regions out."
        )
    root = np.sqrt(strengths)
    return root, np.linalg.eigh(weights / root[:, None] / root)[1][:, ::-1]


def _standardised(maps):
    maps = np.asarray(maps, dtype=float)
    maps = maps - maps.mean(axis=1, keepdims=True)
    return maps / maps.std(axis=1, keepdims=True)


class MapModel:
    """A regional model whose parameters are sums of maps, so that few numbers are free.

    The free numbers of the regional model (see `bnmfit.regional.RegionalModel`) are a centre plus
    a matrix times theta. A standard normal theta is meant as the prior.

    Parameters
    ----------
    model : bnmfit.regional.RegionalModel
    maps : array, shape (n_maps, n_regions)
    centre : dict of str to float
        Value of every parameter of the model at theta = 0.
    of_mean, of_map : float
        What one unit of theta adds to the free numbers: of a parameter in all regions, and of one
        map of it.

    Attributes
    ----------
    names : list of str
        Of the components of theta: each parameter, and after each regional one its maps, from 1.
    matrix : array, shape (n_free of the model, n_free)
    n_free : int
    """

    def __init__(self, model, maps, centre, of_mean=1.0, of_map=0.5):
        maps = np.asarray(maps, dtype=float)
        n_regions = model.study.n_regions
        if maps.ndim != 2 or maps.shape[1] != n_regions:
            raise ValueError(
                f"The maps have the shape {maps.shape}: pass one row per map, with a value for "
                f"each of the {n_regions} regions."
            )
        self.model = model
        self.centre = model.z_of(**centre)
        self.names = list(model.one)
        blocks = [of_mean * np.eye(len(model.one))]
        for name in model.each:
            self.names += [name, *(f"{name} {k + 1}" for k in range(len(maps)))]
            blocks.append(np.column_stack([np.full(n_regions, of_mean), of_map * maps.T]))
        self.n_free = len(self.names)
        self.matrix = np.zeros((model.n_free, self.n_free))
        row = column = 0
        for block in blocks:
            height, width = block.shape
            self.matrix[row : row + height, column : column + width] = block
            row, column = row + height, column + width

    def z_at(self, theta):
        """Free numbers of the regional model.

        Parameters
        ----------
        theta : array, shape (n_free,)

        Returns
        -------
        array, shape (n_free of the model,)
        """
        return self.centre + self.matrix @ theta

    def state_at(self, theta):
        """State at theta, shape (n_free,)."""
        return self.model.state_at(self.z_at(theta))


class HierarchicalModel:
    """A regional model whose regions scatter around a mean, by an amount that is free as well.

    The free numbers q are meant to be standard normal a priori: the parameters that all regions
    share; mean and spread of each regional one; and the deviations of the regions from their mean,
    in units of the spread. A free number of the regional model (`bnmfit.regional.RegionalModel`) is
    a centre plus q, or a centre plus the mean's q plus spread times deviation.

    Parameters
    ----------
    model : bnmfit.regional.RegionalModel
    centre : dict of str to float
        Value of every parameter of the model at q = 0.
    spread : float
        Spread over the regions at q = 0, in free numbers; one unit of q multiplies it by
        `exp(of_spread)`.
    of_spread : float

    Attributes
    ----------
    names : list of str
        Of the components of q; deviations are called by the parameter and the region's position.
    n_free, n_shared : int
        How many there are, and how many of them, which come first, are no deviations.
    """

    def __init__(self, model, centre, spread=0.5, of_spread=0.5):
        self.model, self.spread, self.of_spread = model, spread, of_spread
        self.centre = model.z_of(**centre)
        each, n_regions = model.each, model.study.n_regions
        self.names = [*model.one, *each, *(f"spread of {name}" for name in each)]
        self.n_shared = len(self.names)
        self.names += [f"{name} {i}" for name in each for i in range(n_regions)]
        self.n_free = len(self.names)

    def z_at(self, q):
        """Free numbers of the regional model.

        Parameters
        ----------
        q : array, shape (n_free,)

        Returns
        -------
        array, shape (n_free of the model,)
        """
        n_one, n_each = len(self.model.one), len(self.model.each)
        of_one, means = q[:n_one], q[n_one : n_one + n_each]
        spreads = self.spread * jnp.exp(self.of_spread * q[n_one + n_each : self.n_shared])
        deviations = q[self.n_shared :].reshape(n_each, -1)
        of_each = means[:, None] + spreads[:, None] * deviations
        return self.centre + jnp.concatenate([of_one, of_each.ravel()])

    def state_at(self, q):
        """State at q, shape (n_free,)."""
        return self.model.state_at(self.z_at(q))
