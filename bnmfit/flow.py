"""What moves a network: the derivative of its state in time, split into regions and coupling."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tvboptim.experimental.network_dynamics.core.bunch import Bunch
from tvboptim.experimental.network_dynamics.coupling.base import InstantaneousCoupling


class Flow(NamedTuple):
    """What moves a network, taken apart.

    Parameters
    ----------
    parts : callable
        `parts(state)` returns `own`, the parameters that act within a region; `links`, those of the
        couplings; and the initial x, shape (n_states, n_regions).
    coupled : callable
        `coupled(links, x)` is the input c that the couplings bring, shape (n_inputs, n_regions).
    drift : callable
        `drift(own, x, c)` is the derivative of x, per ms, in the shape of x.
    """

    parts: Callable
    coupled: Callable
    drift: Callable

    def __call__(self, own, links, x):
        """All together: the derivative of x, per ms."""
        return self.drift(own, x, self.coupled(links, x))


def why_no_flow(network):
    """Reasons why a network has no flow that is a function of its present state, none if it has.

    Parameters
    ----------
    network : Network

    Returns
    -------
    list of str
    """
    couplings = network.coupling.values()
    reasons = {
        "it has an external input": bool(network.externals),
        "its coupling has delays": not all(isinstance(c, InstantaneousCoupling) for c in couplings),
    }
    return [reason for reason, holds in reasons.items() if holds]


def flow_of(network):
    """Take apart what moves a network.

    Parameters
    ----------
    network : Network
        One without delays and external input, see `why_no_flow`.

    Returns
    -------
    Flow
        Time is NaN in it, so that a model that depended on time would show it.
    """
    n_regions = network.graph.n_nodes
    couplings = dict(network.coupling.items())
    sizes = [network.dynamics.COUPLING_INPUTS[name] for name in couplings]
    ends = [sum(sizes[: k + 1]) for k in range(len(sizes))]
    inputs = network.dynamics.COUPLING_INPUTS.items()
    absent = {name: np.zeros((size, n_regions)) for name, size in inputs}
    externals = network.dynamics.EXTERNAL_INPUTS.items()
    silent = Bunch({name: np.zeros((size, n_regions)) for name, size in externals})

    def parts(state):
        links = Bunch()
        for name, coupling in couplings.items():
            data, parameters = state._internal.coupling[name], state.coupling[name]
            data = coupling.precompute(data, parameters, state.graph)
            links[name] = Bunch(coupling=parameters, data=data, graph=state.graph)
        noise = Bunch({key: x for key, x in (state.noise or {}).items() if key != "key"})
        own = Bunch(dynamics=state.dynamics, noise=noise)
        return own, links, jnp.asarray(state.initial_state.dynamics, float)

    def coupled(links, x):
        return jnp.concatenate(
            [
                coupling.compute(
                    jnp.nan, x, links[name].data, Bunch(), links[name].coupling, links[name].graph
                )
                for name, coupling in couplings.items()
            ]
        )

    def drift(own, x, c):
        given = dict(zip(couplings, jnp.split(c, ends[:-1]), strict=True))
        out = network.dynamics.dynamics(jnp.nan, x, own.dynamics, Bunch(absent | given), silent)
        return out[0] if isinstance(out, tuple) else out

    return Flow(parts, coupled, drift)


class Linear(NamedTuple):
    """A flow near a state.

    Parameters
    ----------
    A : array, shape (n, n), for n = n_states * n_regions
        Jacobian, per ms.
    gain : array, shape (n_regions,)
        Effect of the first coupling input on the first state variable, per ms.
    asymmetry : float
        Of what A is in units of the root of the gain, for the first state variable: relative to its
        largest entry. NaN where a gain is not positive.
    """

    A: jax.Array
    gain: jax.Array
    asymmetry: jax.Array


def linearised(flow, own, links, x):
    """Linearise the flow of a network whose node model acts within a region.

    Parameters
    ----------
    flow : Flow
    own, links : Bunch
        Parameters, as `flow.parts` returns them.
    x : array, shape (n_states, n_regions)
        Where.

    Returns
    -------
    Linear
    """
    m, n = x.shape
    c = flow.coupled(links, x)

    def response(function, at):
        """Derivatives of all regions by each row of `at`, shape (m, len(at), n_regions)."""
        rows = jnp.broadcast_to(jnp.eye(len(at))[:, :, None], (len(at), *at.shape))
        return jax.vmap(lambda row: jax.jvp(function, (at,), (row,))[1], out_axes=1)(rows)

    local = response(lambda x: flow.drift(own, x, c), x)
    gains = response(lambda c: flow.drift(own, x, c), c)
    links_jacobian = jax.jacfwd(partial(flow.coupled, links))(x)
    A = jnp.einsum("aci,cibj->aibj", gains, links_jacobian)
    A += jnp.einsum("abi,ij->aibj", local, jnp.eye(n))
    gain = gains[0, 0]
    scaled = A[0, :, 0] * jnp.sqrt(gain) / jnp.sqrt(gain)[:, None]
    asymmetry = jnp.abs(scaled - scaled.T).max() / jnp.abs(scaled).max()
    return Linear(A.reshape(m * n, m * n), gain, asymmetry)
