"""Whether a step of a network acts within regions, so that its derivative has no other entries."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def refuse_other_regions(step, own, S_0, c_0, noise_0):
    """Make sure that a region's step reads only what belongs to that region.

    Every input of one region at a time is moved, and the derivative of all other regions has to be
    exactly zero. Where derivatives vanish, as those of a rank, a state far away tells: put into one
    region, it must not change the others. Both are tried at two points.

    Parameters
    ----------
    step : callable
        `step(own, S, c, noise)` to the next S, an array (1, n_regions).
    own : pytree of float or array
        Parameters that act within a region.
    S_0, c_0, noise_0 : array, shape (1, n_regions)
        State, coupling input and noise, around which to try.

    Raises
    ------
    ValueError
        If a region reads another one, or the step is not finite, as one that reads the time is.
    """
    n_regions = S_0.shape[-1]
    leaves, tree = jax.tree.flatten(own)
    numeric = [k for k, leaf in enumerate(leaves) if jnp.issubdtype(jnp.result_type(leaf), float)]

    @jax.jit  # one program for all calls, so that equal inputs give equal numbers
    def from_rows(rows):
        spread, (S, c, noise) = rows[:-1], rows[-1]
        filled = list(leaves)
        for k, row in zip(numeric, spread, strict=True):
            filled[k] = row
        return step(jax.tree.unflatten(tree, filled), S, c, noise)

    def derivative_of_others(rows, region):
        one = jnp.arange(n_regions) == region
        tangent = jax.tree.map(lambda row: jnp.broadcast_to(1.0 * one, jnp.shape(row)), rows)
        change = jax.jvp(from_rows, (rows,), (tangent,))[1]
        return jnp.where(one, 0, change)

    @jax.jit
    def all_derivatives(rows):
        return jax.lax.map(partial(derivative_of_others, rows), jnp.arange(n_regions))

    def with_first_at(x, rows):
        S, *others = rows[-1]
        return from_rows([*rows[:-1], (S.at[:, 0].set(x), *others)])

    rng = np.random.default_rng(0)
    for _ in range(2):
        near = [jnp.asarray(x * rng.uniform(0.8, 1.2, np.shape(x))) for x in (S_0, c_0, noise_0)]
        rows = [jnp.broadcast_to(leaves[k], (n_regions,)) for k in numeric] + [tuple(near)]
        after = from_rows(rows)
        if not jnp.isfinite(after).all():
            raise ValueError("a step of the network is not finite, as one that reads the time is")
        derivatives = all_derivatives(rows)
        moved = [with_first_at(x, rows)[:, 1:] != after[:, 1:] for x in (-1e3, 0.0, 1e3, jnp.nan)]
        if (derivatives != 0).any() or jnp.array(moved).any():
            raise ValueError("its node model or its noise reads other regions beside the coupling")
