"""Noise that regions share in part, and the covariance that any additive noise drives them with."""

import equinox as eqx
import jax
import jax.numpy as jnp
from tvboptim.experimental.network_dynamics.core.bunch import Bunch
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise


class SharedNoise(AdditiveNoise):
    """Additive noise of which a share is common to all regions.

    Each region's noise has the strength sigma, and any two of them correlate by rho: as if it were
    sqrt(1 - rho) times noise of its own and sqrt(rho) times one that all regions receive.

    Parameters
    ----------
    sigma : float
        Strength of the noise.
    rho : float
        Share that is common, from 0 to 1.
    **others
        What tvboptim's `AdditiveNoise` takes.

    Raises
    ------
    ValueError
        If rho is not from 0 to 1.
    """

    DEFAULT_PARAMS = Bunch(AdditiveNoise.DEFAULT_PARAMS) | {"rho": 0.0}

    def __init__(self, *, rho=0.0, **others):
        if not 0 <= rho <= 1:
            raise ValueError(f"The common share of the noise is {rho}: it has to be from 0 to 1.")
        super().__init__(rho=rho, **others)


def shared(model, network, shape):
    """Let noise be shared as a state says, if the noise of a network is `SharedNoise`.

    Parameters
    ----------
    model : callable
        Function of a state that reads `state._internal.noise_samples`.
    network : Network
    shape : tuple
        Of these: (n_steps, n_noise, n_regions).

    Returns
    -------
    callable
        Function of a state whose noise is independent. Numbers as many as the regions are enough:
        the noise is multiplied by the symmetric root of the correlation matrix.
    """
    if not isinstance(network.noise, SharedNoise):
        return model
    n_regions = shape[-1]

    def model_of_shared(state):
        noise, rho = state._internal.noise_samples, state.noise.rho
        noise = jax.random.normal(state.noise.key, shape) if noise is None else noise
        own = jnp.sqrt(1 - rho)
        common = (jnp.sqrt(1 - rho + n_regions * rho) - own) * noise.mean(axis=-1, keepdims=True)
        where = lambda state: state._internal.noise_samples  # noqa: E731
        return model(
            eqx.tree_at(where, state, own * noise + common, is_leaf=lambda leaf: leaf is None)
        )

    return model_of_shared


def noise_covariance(noise, x, parameters):
    """Covariance per ms with which additive noise drives the state.

    Parameters
    ----------
    noise : AbstractNoise
        Noise of a network, additive.
    x : array, shape (n_states, n_regions)
        A state.
    parameters : Bunch
        Its parameters.

    Returns
    -------
    array, shape (n, n), for n = n_states * n_regions
    """
    n_regions, rows = x.shape[1], noise._state_indices
    spread = jnp.broadcast_to(noise.diffusion(jnp.nan, x, parameters), (len(rows), n_regions))
    rho = parameters.rho if isinstance(noise, SharedNoise) else 0.0
    correlation = (1 - rho) * jnp.eye(n_regions) + rho
    blocks = spread[:, :, None] * correlation * spread[:, None, :]
    Q = jnp.zeros((*x.shape, *x.shape)).at[rows, :, rows, :].set(blocks)
    return Q.reshape(x.size, x.size)
