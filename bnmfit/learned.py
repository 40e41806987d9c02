"""Learn posteriors from pairs of parameters and summaries of data, with normalising flows.

A pair is made by drawing parameters from the prior and data from the model. A flow that makes the
parameters of all pairs probable, given their summaries, approximates the posterior of any data set
that the model makes (Papamakarios and Murray, 2016; Greenberg et al., 2019).
"""

from bnmfit.recordings import draw_bold, fc_of_bold

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flowjax.bijections import RationalQuadraticSpline
from flowjax.distributions import Normal
from flowjax.flows import masked_autoregressive_flow
from flowjax.train import fit_to_data
from jax.flatten_util import ravel_pytree
from scipy.spatial import cKDTree

WIDTH, LAYERS = 64, 3  # of the networks of a flow
N_CHUNK = 100  # points whose covariances are in memory at once


class Learned(eqx.Module):
    """A posterior that was learned, for data sets of one kind.

    Parameters
    ----------
    flow : flowjax.distributions.Transformed
        Of standardised free numbers, given standardised summaries.
    low, high : array, shape (n_parameters,)
        Bounds of the parameters, between which the flow's numbers are logits; infinite for
        parameters that have none.
    middle, spread : array, shape (n_parameters,)
        Mean and standard deviation by which free numbers are standardised.
    centre, scale : array, shape (n_summaries,)
        The same of summaries.
    """

    flow: eqx.Module
    low: jax.Array
    high: jax.Array
    middle: jax.Array
    spread: jax.Array
    centre: jax.Array
    scale: jax.Array

    def draw(self, key, summaries, n):
        """Draw from the posteriors of data sets.

        Parameters
        ----------
        key : jax.random.key
        summaries : array, shape (n_data, n_summaries)
        n : int
            Draws of each.

        Returns
        -------
        array, shape (n_data, n, n_parameters)
            Inside the bounds.
        """
        return np.asarray(_draw(self, key, np.asarray(summaries, np.float32), n), float)

    def log_density(self, parameters, summaries):
        """Log density of parameters, each given the summaries in the same row, shape (n_data,)."""
        parameters = np.asarray(parameters, float)
        free, log_slope = _to_free(parameters, np.asarray(self.low), np.asarray(self.high))
        u = (free - np.asarray(self.middle)) / np.asarray(self.spread)
        values = _log_density(self, u.astype(np.float32), np.asarray(summaries, np.float32))
        log_spread = np.log(np.asarray(self.spread, float)).sum()
        return np.asarray(values, float) - log_spread - log_slope

    def weights(self):
        """All of its numbers, in one row of float32."""
        return np.asarray(ravel_pytree(eqx.filter(self, eqx.is_array))[0], np.float32)

    def with_weights(self, weights):
        """Another one of the same shape with these numbers, as `weights` gives them."""
        arrays, rest = eqx.partition(self, eqx.is_array)
        return eqx.combine(ravel_pytree(arrays)[1](jnp.asarray(weights, jnp.float32)), rest)


def untrained(n_parameters, n_summaries, seed=0, width=WIDTH, layers=LAYERS):
    """A flow before its training: a frame for stored weights.

    Parameters
    ----------
    n_parameters, n_summaries : int
    seed : int
        Of its weights.
    width, layers : int
        Nodes in each of the two hidden layers of a network, and networks.

    Returns
    -------
    Learned
        Masked autoregressive, with rational quadratic splines, in single precision.
    """
    flow = masked_autoregressive_flow(
        jax.random.key(seed),
        base_dist=Normal(jnp.zeros(n_parameters)),
        transformer=RationalQuadraticSpline(knots=8, interval=5),
        cond_dim=n_summaries,
        flow_layers=layers,
        nn_width=width,
        nn_depth=2,
        nn_activation=jax.nn.silu,
    )
    zero, one, many = np.zeros(n_parameters), np.ones(n_parameters), np.ones(n_summaries)
    return _single(Learned(flow, zero, one, zero, one, 0 * many, many))


def learn(
    parameters,
    summaries,
    low=None,
    high=None,
    seed=0,
    max_epochs=30,
    batch=None,
    rate=4e-3,
    patience=10,
    width=WIDTH,
    layers=LAYERS,
):
    """Train a flow on pairs of parameters and summaries.

    Parameters
    ----------
    parameters : array, shape (n, n_parameters)
        Draws from the prior.
    summaries : array, shape (n, n_summaries)
        Of a data set from each.
    low, high : array, shape (n_parameters,), optional
        Ends of the prior. A logit maps what is between them to the line, so that no posterior
        reaches beyond. By default there are none.
    seed : int
        Of the first weights, of the pairs that are kept for validation, and of their order.
    max_epochs : int
        Passes over the pairs at most; Adam's rate falls to zero along a half cosine over them.
    batch : int, optional
        Pairs in a step; by default an eightieth of all, 64 at least and 512 at most.
    rate : float
        Of Adam, at the beginning.
    patience : int
        Passes without a better validation loss after which training ends.
    width, layers : int
        See `untrained`.

    Returns
    -------
    Learned
        With the weights at which the validation loss was lowest.
    dict of str to list
        Losses by pass, on the nine tenths that are trained on, `train`, and on the rest, `val`.

    Raises
    ------
    ValueError
        If the rows do not match, a value is not finite, or a parameter is not between its bounds.
    """
    parameters, summaries = np.asarray(parameters, float), np.asarray(summaries, float)
    if parameters.ndim != 2 or summaries.ndim != 2 or len(parameters) != len(summaries):
        raise ValueError(
            f"The parameters have the shape {parameters.shape} and the summaries "
            f"{summaries.shape}: pass one row of each for every pair."
        )
    if not (np.isfinite(parameters).all() and np.isfinite(summaries).all()):
        raise ValueError("A parameter or a summary is not finite: leave such pairs out.")
    n, n_parameters = parameters.shape
    low = np.full(n_parameters, -np.inf) if low is None else np.asarray(low, float)
    high = np.full(n_parameters, np.inf) if high is None else np.asarray(high, float)
    if not ((low < parameters) & (parameters < high)).all():
        raise ValueError("A parameter is not between its bounds: pass the ends of the prior.")
    free, _ = _to_free(parameters, low, high)
    middle, spread = free.mean(axis=0), free.std(axis=0)
    centre, scale = summaries.mean(axis=0), summaries.std(axis=0)
    frame = untrained(n_parameters, summaries.shape[1], seed, width, layers)

    batch = int(np.clip(n // 80, 64, 512)) if batch is None else batch
    n_steps = max_epochs * max(1, int(0.9 * n) // batch)
    optimizer = optax.chain(
        optax.clip_by_global_norm(5.0), optax.adam(optax.cosine_decay_schedule(rate, n_steps))
    )
    pairs = (free - middle) / spread, (summaries - centre) / scale
    flow, losses = fit_to_data(
        jax.random.key(seed),
        frame.flow,
        tuple(np.asarray(of, np.float32) for of in pairs),
        optimizer=optimizer,
        max_epochs=max_epochs,
        max_patience=patience,
        batch_size=batch,
        show_progress=False,
    )
    return _single(Learned(flow, low, high, middle, spread, centre, scale)), losses


def draw_summaries(response, state_at, points, maps, seed, n_each=1, n_lags=None):
    """Summaries of recordings that are drawn from linear response, without simulating.

    Parameters
    ----------
    response : bnmfit.linear_response.LinearResponse
    state_at : callable
        State at a point.
    points : array, shape (n, n_parameters)
    maps : array, shape (n_maps, n_regions, n_regions)
        An entry of a summary is the sum over an FC times one of these.
    seed : int
    n_each : int
        Recordings at each point, which share the price of its covariances.
    n_lags : int, optional
        Lags of the covariances that count, in samples; by default twice the kernel's reach.

    Returns
    -------
    array, shape (n, n_each, n_maps + 1)
        The last one is the logarithm of the variance of BOLD, averaged over regions.
    """
    n_samples = response.n_samples
    n_lags = response.n_lags if n_lags is None else n_lags

    @jax.jit
    def covariances(some):
        def at(point):
            return response.covariances(state_at(point), n_lags).astype(jnp.float32)

        return jax.lax.map(at, some)

    found = []
    maps = np.asarray(maps, np.float32)
    for start in range(0, len(points), N_CHUNK):
        C = covariances(jnp.asarray(points[start : start + N_CHUNK]))
        with jax.enable_x64(False):  # single precision is enough for noise, and half the price
            key = jax.random.fold_in(jax.random.key(seed), start)
            keys = jax.random.split(key, len(C))
            found.append(np.asarray(_recorded(keys, C, maps, n_each, n_samples)))
    return np.concatenate(found)


def summaries_of(fc, bold, maps):
    """Summaries of recordings, as `draw_summaries` has them.

    Parameters
    ----------
    fc : array, shape (..., n_regions, n_regions)
    bold : array, shape (..., n_samples, n_regions)
    maps : array, shape (n_maps, n_regions, n_regions)

    Returns
    -------
    array, shape (..., n_maps + 1)
    """
    of_fc = jnp.einsum("...ij,kij->...k", fc, maps)
    variance = bold.var(axis=-2).mean(axis=-1)
    return jnp.concatenate([of_fc, jnp.log(variance)[..., None]], axis=-1)


def principal_maps(fcs, n):
    """Leading principal components of FC matrices, as maps for `draw_summaries`.

    Parameters
    ----------
    fcs : array, shape (n_fcs, n_regions, n_regions)
        Symmetric, with zero diagonals.
    n : int

    Returns
    -------
    array, shape (n, n_regions, n_regions)
        Upper triangles: orthonormal over the pairs of regions, zero below the diagonal.
    """
    fcs = np.asarray(fcs, float)
    n_regions = fcs.shape[-1]
    upper = np.triu_indices(n_regions, 1)
    pairs = fcs[:, upper[0], upper[1]]
    _, _, components = np.linalg.svd(pairs - pairs.mean(axis=0), full_matrices=False)
    maps = np.zeros((n, n_regions, n_regions))
    maps[:, upper[0], upper[1]] = components[:n]
    return maps


def without_row_effects(fc):
    """What is left of FC matrices after a_i + a_j, by least squares over the pairs.

    Parameters
    ----------
    fc : array, shape (..., n_regions, n_regions)
        Symmetric, with zero diagonals.

    Returns
    -------
    array, shape (..., n_regions, n_regions)
        Its rows sum to zero.
    """
    fc = np.asarray(fc, float)
    n = fc.shape[-1]
    sums = fc.sum(axis=-1)
    effects = (sums - sums.sum(axis=-1, keepdims=True) / (2 * (n - 1))) / (n - 2)
    left = fc - effects[..., :, None] - effects[..., None, :]
    return np.where(np.eye(n, dtype=bool), 0.0, left)


def distances_to_cloud(cloud, data, covariance, n_nearest=10):
    """How far data sets are from what a model makes: the mean distance to the nearest of it.

    Parameters
    ----------
    cloud : array, shape (n_cloud, n_summaries)
        Summaries of data sets that the model made, anywhere under its prior.
    data : array, shape (n_data, n_summaries)
    covariance : array, shape (n_summaries, n_summaries)
        Of summaries between recordings, in whose standard deviations the distance is measured.
    n_nearest : int
        Of the cloud, over which it is averaged.

    Returns
    -------
    array, shape (n_data,)
    """
    root = np.linalg.cholesky(np.asarray(covariance, float))
    cloud, data = (np.linalg.solve(root, np.asarray(of, float).T).T for of in (cloud, data))
    return cKDTree(cloud).query(data, k=n_nearest)[0].reshape(len(data), -1).mean(axis=1)


def upper_p_value(value, null):
    """Share of a sample that is as large as a value or larger, the value itself included."""
    null = np.asarray(null)
    return float((1 + (null >= value).sum()) / (1 + null.size))


@partial(jax.jit, static_argnames=("n", "n_samples"))
def _recorded(keys, covariances, maps, n, n_samples):
    def at(point):
        bold = draw_bold(*point, n, n_samples)
        return summaries_of(fc_of_bold(bold), bold, maps)

    return jax.lax.map(at, (keys, covariances))


def _to_free(parameters, low, high):
    """Numbers on the line, and the log of the parameters' slope in them, summed."""
    bounded = np.isfinite(low) & np.isfinite(high)
    width = np.where(bounded, high - low, 1.0)
    share = np.where(bounded, (parameters - np.where(bounded, low, 0.0)) / width, 0.5)
    free = np.where(bounded, np.log(share) - np.log1p(-share), parameters)
    log_slope = np.where(bounded, np.log(width) + np.log(share) + np.log1p(-share), 0.0)
    return free, log_slope.sum(axis=-1)


def _from_free(free, low, high):
    bounded = jnp.isfinite(low) & jnp.isfinite(high)
    low, high = jnp.where(bounded, low, 0.0), jnp.where(bounded, high, 1.0)
    return jnp.where(bounded, low + (high - low) * jax.nn.sigmoid(free), free)


@eqx.filter_jit
def _draw(learned, key, summaries, n):
    given = (summaries - learned.centre) / learned.scale
    u = jax.lax.map(
        lambda row: learned.flow.sample(row[0], (n,), condition=row[1]),
        (jax.random.split(key, len(given)), given),
    )
    return _from_free(learned.middle + learned.spread * u, learned.low, learned.high)


@eqx.filter_jit
def _log_density(learned, u, summaries):
    return learned.flow.log_prob(u, (summaries - learned.centre) / learned.scale)


def _single(tree):
    """Its floating-point arrays in single precision."""

    def to_single(leaf):
        is_real = eqx.is_array(leaf) or isinstance(leaf, np.ndarray)
        real = is_real and jnp.issubdtype(leaf.dtype, jnp.floating)
        return jnp.asarray(leaf, jnp.float32) if real else leaf

    return jax.tree.map(to_single, tree)
