"""From the parts of a study to a network that is ready to be simulated."""

from bnmfit.noise import shared
from bnmfit.simulation import bold_simulator

import math

import jax
import numpy as np
from tvboptim.experimental.network_dynamics import prepare
from tvboptim.experimental.network_dynamics.graph import DenseDelayGraph, DenseGraph
from tvboptim.experimental.network_dynamics.result import NativeSolution


def graph_of(connectome, speed=None):
    """Graph of a connectome, with delays if there is a conduction speed.

    Parameters
    ----------
    connectome : bnmfit.data.Connectome
    speed : float, optional
        Conduction speed, mm/ms.

    Returns
    -------
    DenseGraph

    Raises
    ------
    ValueError
        If the speed is not positive, or there are no tract lengths to go with it.
    """
    labels = list(connectome.labels)
    if speed is None:
        return DenseGraph(connectome.weights, region_labels=labels)
    if connectome.lengths is None:
        raise ValueError("A conduction speed needs tract lengths: pass lengths (mm), too.")
    if not speed > 0:
        raise ValueError(f"The conduction speed is {speed} mm/ms, but it has to be positive.")
    return DenseDelayGraph(connectome.weights, connectome.lengths / speed, region_labels=labels)


def settle(network, solver, duration, dt, reach):
    """Simulate once, let its end be the history of the network, prepare again.

    Of the simulation, no more is kept than is read: one as long as a scan would fill memory.

    Parameters
    ----------
    network : Network
        Its history is set.
    solver : NativeSolver
    duration, dt : float
        Length of the simulation, and step, ms.
    reach : float
        How far back its history is read, ms, by what is not the network itself.

    Returns
    -------
    model, state, transient
        A function of a state that simulates, the state, and the end of the simulation before it.

    Raises
    ------
    ValueError
        If the simulation is not finite.
    """
    model, state = prepare(network, solver, t1=duration, dt=dt)
    transient = jax.jit(model)(state)
    if not np.isfinite(transient.ys).all():
        raise ValueError(
            "The simulation at the start values is not finite: take a smaller step, or start "
            "values at which the network is stable."
        )
    network.update_history(transient)
    model, state = prepare(network, solver, t1=duration, dt=dt)
    last = math.ceil(max(reach, network.max_delay) / dt) + 2
    end = NativeSolution(
        transient.ts[-last:], transient.ys[-last:], transient.dt, transient.variable_names
    )
    network.update_history(end)
    return model, state, end


def refuse_absent(parameters, state):
    """Refuse a free parameter, a function of the state by name, for which a state has no place."""
    for name, where in parameters.items():
        try:
            where(state)
        except (AttributeError, KeyError) as error:
            raise ValueError(f"The state has no place for the parameter {name}: {error}.") from None


def choose_simulator(study, state):
    """Choose the fast simulator where it covers a study, and tvboptim's own elsewhere.

    Parameters
    ----------
    study : Study
    state : Bunch
        Its state at the start values.

    Returns
    -------
    name, simulate_bold, why
        `fast` or `tvboptim`; a function of a state that returns BOLD, shape (n_samples,
        n_regions); and notes on why it is not the fast one, none if it is.
    """
    model, monitor, skip = study.model, study.monitor, study.skip
    try:
        fast = bold_simulator(
            study.network, study.solver, monitor, state, study.n_steps, study.dt, skip
        )
    except ValueError as error:
        why = (
            f"The fast simulator does not cover this study ({error}): tvboptim's own is used, with "
            "the same numbers and plain derivatives, at several times the price."
        )
        return "tvboptim", lambda state: monitor(model(state)).ys[skip:, 0], (why,)
    return "fast", shared(fast, study.network, study.noise_shape), ()
