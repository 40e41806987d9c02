"""The running example: one whole-brain simulation, one empirical functional connectivity.

Every chapter imports this page and feeds a different `state` to the same `loss`.
"""

from bnmfit.devices import use_devices

use_devices(8)  # before anything else touches JAX; float64 everywhere

import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # a plain progress bar will do

from bnmbook.figures import (
    cost_box,
    draw_brain,
    draw_ellipse,
    draw_landscape,
    draw_matrix,
    draw_posterior,
    draw_spread,
    save_animation,
    save_figure,
    show_animation,
    show_table,
)
from bnmbook.results import load_result, stored_result, with_progress
from bnmfit.batches import batched, batched_rows
from bnmfit.descent import descend, with_gradient
from bnmfit.simulation import bold_simulator

import equinox as eqx
import jax
import numpy as np
from tvboptim.data import load_functional_connectivity, load_structural_connectivity
from tvboptim.experimental.network_dynamics import Network, prepare
from tvboptim.experimental.network_dynamics.coupling import LinearCoupling
from tvboptim.experimental.network_dynamics.dynamics.tvb import ReducedWongWang
from tvboptim.experimental.network_dynamics.graph import DenseGraph
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise
from tvboptim.experimental.network_dynamics.solvers import Heun
from tvboptim.observations.observation import compute_fc, fc_corr, rmse
from tvboptim.observations.tvb_monitors.bold import Bold
from tvboptim.types import DataAxis, Space

# Data: structural connectivity (what is wired to what) and the empirical target.
weights, tract_lengths, region_labels = load_structural_connectivity("dk_average")
weights = weights / weights.max()
fc_target = load_functional_connectivity("dk_average")
n_regions = len(region_labels)

# Network: a Reduced Wong-Wang node per region, coupled without delay, driven by noise.
network = Network(
    dynamics=ReducedWongWang(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,)),
    coupling={"instant": LinearCoupling(incoming_states="S", G=0.5)},
    graph=DenseGraph(weights, region_labels=region_labels),
    noise=AdditiveNoise(sigma=0.00283, apply_to="S"),
)
dt, n_steps = 4.0, 30_000  # ms, and 2 minutes of them
t1 = n_steps * dt

# Transient: simulate once, let its end be the history of the network, prepare again.
model, state = prepare(network, Heun(), t1=t1, dt=dt)
transient = jax.jit(model)(state)
network.update_history(transient)
model, state = prepare(network, Heun(), t1=t1, dt=dt)
bold_monitor = Bold(period=1000.0, downsample_period=dt, voi=0, history=transient)

# Free parameters: where they are in the state, and the box that every method searches.
parameters = {
    "G": lambda state: state.coupling.instant.G,
    "w": lambda state: state.dynamics.w,
    "I_o": lambda state: state.dynamics.I_o,
    "sigma": lambda state: state.noise.sigma,
    "noise": lambda state: state._internal.noise_samples,
}
bounds = {"G": (0.001, 0.7), "w": (0.001, 0.7), "sigma": (0.001, 0.01)}


def vary(state, **values):
    """Copy a state with other values in it; `jit`, `grad` and `vmap` can see through the call.

    Parameters
    ----------
    state : Bunch
        State of the network, as `prepare` returns it. It is not changed.
    **values
        New values by name: `G`, `w` (no unit), `I_o` (nA), `sigma`, each a number, an array with
        one value per region, a tvboptim `Parameter` or an axis of a `Space`; `noise`, standard
        normal numbers of shape (n_steps, 1, n_regions).

    Raises
    ------
    ValueError
        For a name that is none of these.
    """
    unknown = sorted(set(values) - set(parameters))
    if unknown:
        raise ValueError(
            f"Unknown parameter {', '.join(unknown)}: vary takes {', '.join(parameters)}."
        )
    where = [parameters[name] for name in values]
    return eqx.tree_at(
        lambda state: [get(state) for get in where],
        state,
        list(values.values()),
        is_leaf=lambda leaf: leaf is None,
    )


def box(*names):
    """Lower and upper bounds of parameters, as the methods take them.

    Parameters
    ----------
    *names : str
        Names in `bounds`.

    Returns
    -------
    array, shape (2, len(names))
        The lower bounds, and the upper bounds.

    Raises
    ------
    ValueError
        For a name without bounds, or bounds in the wrong order.
    """
    for name in names:
        if name not in bounds:
            raise ValueError(f"{name} has no bounds: there are bounds for {', '.join(bounds)}.")
        low, high = bounds[name]
        if not low < high:
            raise ValueError(f"The bounds of {name}, ({low}, {high}), must rise.")
    return np.array([bounds[name] for name in names]).T


def space_of(points, names=("G", "w")):
    """Describe points of the parameter space as a `Space`, one state per point.

    Parameters
    ----------
    points : array, shape (n, len(names))
        Values of the parameters, one point per row.
    names : sequence of str
        Name of each column.

    Returns
    -------
    Space
        The n states, in the order of the rows.

    Raises
    ------
    ValueError
        If the shape does not fit the names, if there is no point, or if a value is not finite.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != len(names):
        raise ValueError(
            f"The points have the shape {points.shape}, but {', '.join(names)} take one row per "
            f"point and {len(names)} columns."
        )
    if not len(points):
        raise ValueError("There is no point to evaluate: pass at least one row.")
    if not np.isfinite(points).all():
        bad = int(np.argmin(np.isfinite(points).all(axis=1)))
        raise ValueError(f"Point {bad}, {points[bad]}, is not finite.")
    axes = {name: DataAxis(values) for name, values in zip(names, points.T, strict=True)}
    return Space(vary(state, **axes), mode="zip")


def draw_noise(key):
    """Standard normal noise of one simulation.

    Parameters
    ----------
    key : jax.random.key

    Returns
    -------
    array, shape (n_steps, 1, n_regions)
    """
    return jax.random.normal(key, (n_steps, 1, n_regions))


# Draw the noise of the state's key once, here, and not anew in each simulation.
state = vary(state, noise=draw_noise(state.noise.key))

# BOLD is linear in S, so the monitor can be applied while the solver runs, as a banded matrix. The
# first 20 samples are dropped: the haemodynamic response reaches back from them to the transient.
simulate_bold = bold_simulator(network, bold_monitor, n_steps=n_steps, dt=dt, skip=20)


def observation(state):
    """Simulated functional connectivity.

    Parameters
    ----------
    state : Bunch
        State of the network.

    Returns
    -------
    array, shape (n_regions, n_regions)
        Pearson correlation between the regions' BOLD series of 100 samples, with zero diagonal.
    """
    return compute_fc(simulate_bold(state))


def loss(state):
    """Root mean square difference between simulated and empirical FC, over the whole matrix."""
    return rmse(observation(state), fc_target)


def mean_observation(state, draws):
    """Simulated functional connectivity, averaged over draws of the noise.

    Parameters
    ----------
    state : Bunch
        State of the network; its own noise is not used.
    draws : array of int, shape (n,)
        Seeds of the draws.

    Returns
    -------
    array, shape (n_regions, n_regions)
    """

    def of_draw(draw):
        return observation(vary(state, noise=draw_noise(jax.random.key(draw))))

    return jax.lax.map(of_draw, draws).mean(axis=0)


def luck_of_a_draw():
    """Standard deviation of the loss between draws of the noise, on the floor of the valley."""
    losses = load_result("valley_floor")["loss"]
    floor = losses.isel(step=losses.mean("draw").argmin("step"))  # the best G for each w
    return float(floor.std("draw", ddof=1).mean("w"))
