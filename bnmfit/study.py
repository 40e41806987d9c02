"""The study: one object that holds what is fitted, and gives every method the same questions."""

from bnmfit.data import (
    check_bounds,
    check_connectome,
    check_maps,
    check_series,
    check_target,
    check_timing,
)
from bnmfit.identity import identity_of
from bnmfit.networks import choose_simulator, graph_of, refuse_absent, settle
from bnmfit.noise import shared
from bnmfit.predictors import agreement, predictors

from types import MappingProxyType
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
import pandas as pd
from tvboptim.experimental.network_dynamics import Network
from tvboptim.experimental.network_dynamics.solvers import Heun
from tvboptim.observations.observation import compute_fc, rmse
from tvboptim.observations.tvb_monitors.bold import FirstOrderVolterraHRFKernel, HRFBold
from tvboptim.types import DataAxis, Space

PROBES = ((1, 6), (3.5, 3.5), (6, 1))  # sevenths of the way through the bounds


class Free(NamedTuple):
    """A parameter that can be varied.

    Parameters
    ----------
    where : callable
        Function of a state that returns the parameter in it.
    low, high : float, optional
        Bounds within which it is searched, both or none.
    """

    where: callable
    low: float | None = None
    high: float | None = None


class Study:
    """A brain network model, the functional connectivity (FC) it is fitted to, and how.

    A study is frozen: what it was built from does not change, and any number of them can live side
    by side.

    Parameters
    ----------
    name : str
        Name of the study, which tells its stored results from those of others.
    weights : array, shape (n_regions, n_regions)
        Connectome: entry (i, j) is the weight from region j to region i, without unit. It is
        divided by its largest entry.
    target : array, shape (n_regions, n_regions) or (n_samples, n_regions)
        Empirical FC, or the BOLD series that it is computed from.
    dynamics : AbstractDynamics
        Node model of tvboptim.
    coupling : dict of str to AbstractCoupling
        Couplings of tvboptim by the name of the input that they feed.
    noise : AbstractNoise, optional
        Noise of tvboptim.
    free : dict of str to Free
        Parameters that can be varied, by name. The first two with bounds span the landscape.
    dt : float
        Step of the solver, ms.
    duration : float
        Length of a simulation, ms.
    tr : float
        Repetition time, from one BOLD sample to the next, ms.
    kernel : HRFKernel
        Haemodynamic response function of tvboptim.
    signal : int
        State variable that BOLD follows.
    skip : int, optional
        First samples that do not count; by default those that the kernel reaches back from to the
        time before the simulation.
    lengths : array, shape (n_regions, n_regions), optional
        Tract lengths, mm.
    speed : float, optional
        Conduction speed, mm/ms. With it, delays are lengths / speed, for couplings with delays.
    labels : sequence of str, optional
        Names of the regions.
    maps : dict of str to array, shape (n_regions,), optional
        Other values of each region, by name.
    solver : NativeSolver
        Solver of tvboptim.
    metric : callable
        `metric(fc, target)` of two matrices with zero diagonals; lower is better. By default the
        root mean square of their difference, over the whole matrix.

    Attributes
    ----------
    notes : tuple of str
        What was put right in the data, and which simulator is used and why.
    simulator : str
        `fast`, or `tvboptim` where the fast one does not cover the model.

    Raises
    ------
    ValueError
        If the data, the times or the bounds are not usable: in one sentence, with the remedy.
    """

    def __init__(
        self,
        name,
        weights,
        target,
        *,
        dynamics,
        coupling,
        noise=None,
        free=MappingProxyType({}),
        dt,
        duration,
        tr,
        kernel=None,
        signal=0,
        skip=None,
        lengths=None,
        speed=None,
        labels=None,
        maps=None,
        solver=None,
        metric=rmse,
    ):
        given = {key: value for key, value in locals().items() if key not in ("self", "name")}
        connectome = check_connectome(weights, lengths, labels)
        labels = connectome.labels
        is_series = np.ndim(target) == 2 and np.shape(target)[0] != np.shape(target)[1]
        target = check_series(target, labels, tr) if is_series else check_target(target, labels)
        maps = check_maps(maps, labels)
        kernel = FirstOrderVolterraHRFKernel() if kernel is None else kernel
        timing = check_timing(dt, tr, duration, skip, kernel.duration)
        bounds = {key: (p.low, p.high) for key, p in free.items() if p.low is not None}
        check_bounds(bounds)

        graph = graph_of(connectome, speed)
        network = Network(dynamics=dynamics, coupling=coupling, graph=graph, noise=noise)
        solver = Heun() if solver is None else solver
        model, state, transient = settle(network, solver, timing.n_steps * dt, dt, kernel.duration)
        monitor = HRFBold(
            period=tr, downsample_period=dt, voi=signal, kernel=kernel, history=transient
        )
        parameters = {key: p.where for key, p in free.items()}
        if noise is not None:
            parameters["noise"] = lambda state: state._internal.noise_samples
        refuse_absent(parameters, state)
        n_noise = 0 if noise is None else len(network.noise._state_indices)
        noise_shape = (timing.n_steps, n_noise, len(labels))
        vars(self).update(
            _given=given,
            name=name,
            weights=connectome.weights,
            lengths=connectome.lengths,
            labels=labels,
            maps=MappingProxyType(maps.maps),
            target=target.fc,
            series=getattr(target, "series", None),
            n_regions=len(labels),
            network=network,
            solver=solver,
            model=shared(model, network, noise_shape),
            transient=transient,
            monitor=monitor,
            dt=dt,
            n_steps=timing.n_steps,
            duration=timing.n_steps * dt,
            tr=tr,
            signal=signal,
            skip=timing.skip,
            free=MappingProxyType(dict(free)),
            parameters=MappingProxyType(parameters),
            bounds=MappingProxyType(bounds),
            metric=metric,
            noise_shape=noise_shape,
        )
        if noise is not None:  # drawn once, here, and not anew in each simulation
            state = self.vary(state, noise=self.draw_noise(state.noise.key))
        simulator, simulate_bold, why = choose_simulator(self, state)
        notes = (*connectome.notes, *target.notes, *maps.notes, *timing.notes, *why)
        vars(self).update(
            _state=state, simulator=simulator, simulate_bold=simulate_bold, notes=notes
        )

    def __setattr__(self, name, value):
        raise AttributeError(f"A study is frozen: build another one with another {name}.")

    def __delattr__(self, name):
        raise AttributeError(f"A study is frozen: its {name} cannot be deleted.")

    def __repr__(self):
        return f"<Study {self.name}: {self.n_regions} regions, {self.simulator} simulator>"

    def variant(self, name, **changes):
        """Another study that differs from this one in what is named.

        Parameters
        ----------
        name : str
            Its name.
        **changes
            What `Study` takes, to be used instead.

        Returns
        -------
        Study
        """
        return Study(name, **(self._given | changes))

    @property
    def state(self):
        """State of the network at the start values, a new copy each time, with noise drawn."""
        return jax.tree.map(lambda leaf: leaf, self._state)

    def vary(self, state, **values):
        """Copy a state with other values in it; `jit`, `grad` and `vmap` see through the call.

        Parameters
        ----------
        state : Bunch
            State of the network. It is not changed.
        **values
            New values by name, each a number, an array with one value per region, a tvboptim
            `Parameter` or an axis of a `Space`; `noise`, standard normal numbers of the shape
            that `draw_noise` gives.

        Raises
        ------
        ValueError
            For a name that is not free.
        """
        unknown = sorted(set(values) - set(self.parameters))
        if unknown:
            raise ValueError(
                f"Unknown parameter {', '.join(unknown)}: vary takes {', '.join(self.parameters)}."
            )
        where = [self.parameters[name] for name in values]
        return eqx.tree_at(
            lambda state: [get(state) for get in where],
            state,
            list(values.values()),
            is_leaf=lambda leaf: leaf is None,
        )

    def draw_noise(self, key):
        """Standard normal noise of one simulation.

        Parameters
        ----------
        key : jax.random.key

        Returns
        -------
        array, shape (n_steps, n_noise, n_regions)
            With one row for each state variable that is noisy.
        """
        if not self.noise_shape[1]:
            raise ValueError("This study has no noise to draw: build it with one.")
        return jax.random.normal(key, self.noise_shape)

    def observation(self, state):
        """Simulated functional connectivity.

        Parameters
        ----------
        state : Bunch
            State of the network.

        Returns
        -------
        array, shape (n_regions, n_regions)
            Pearson correlation between the regions' BOLD series, with zero diagonal.
        """
        return compute_fc(self.simulate_bold(state))

    def loss(self, state):
        """How far the simulated FC of a state is from the target, by the study's metric."""
        return self.metric(self.observation(state), self.target)

    def mean_observation(self, state, draws):
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
            return self.observation(self.vary(state, noise=self.draw_noise(jax.random.key(draw))))

        return jax.lax.map(of_draw, draws).mean(axis=0)

    def box(self, *names):
        """Lower and upper bounds of parameters, as the methods take them.

        Parameters
        ----------
        *names : str
            Names of free parameters with bounds.

        Returns
        -------
        array, shape (2, len(names))
            The lower bounds, and the upper bounds.

        Raises
        ------
        ValueError
            For a name without bounds.
        """
        for name in names:
            if name not in self.bounds:
                known = ", ".join(self.bounds)
                raise ValueError(f"{name} has no bounds: there are bounds for {known}.")
        return np.array([self.bounds[name] for name in names]).T

    def space_of(self, points, names=None):
        """Describe points of the parameter space as a `Space`, one state per point.

        Parameters
        ----------
        points : array, shape (n, len(names))
            Values of the parameters, one point per row.
        names : sequence of str, optional
            Name of each column; by default the first two parameters with bounds.

        Returns
        -------
        Space
            The n states, in the order of the rows.

        Raises
        ------
        ValueError
            If the shape does not fit the names, there is no point, or a value is not finite.
        """
        names = tuple(self.bounds)[:2] if names is None else names
        points = np.asarray(points, dtype=float)
        if points.ndim != 2 or points.shape[1] != len(names):
            raise ValueError(
                f"The points have the shape {points.shape}, but {', '.join(names)} take one row "
                f"per point and {len(names)} columns."
            )
        if not len(points):
            raise ValueError("There is no point to evaluate: pass at least one row.")
        if not np.isfinite(points).all():
            bad = int(np.argmin(np.isfinite(points).all(axis=1)))
            raise ValueError(f"Point {bad}, {points[bad]}, is not finite.")
        axes = {name: DataAxis(values) for name, values in zip(names, points.T, strict=True)}
        return Space(self.vary(self._state, **axes), mode="zip")

    def predictors(self):
        """What predicts the target without any simulation; see `bnmfit.predictors`."""
        return predictors(self.weights, self.target)

    def compare(self, fits):
        """Hold fits against what needs no simulation.

        Parameters
        ----------
        fits : dict of str to tuple
            By name: how many free numbers a fit has, and its FC, shape (n_regions, n_regions).

        Returns
        -------
        DataFrame
            The rows of `predictors`, and below them one for each fit.
        """
        rows = {
            name: {"numbers": n_numbers} | agreement(fc, self.target)
            for name, (n_numbers, fc) in fits.items()
        }
        return pd.concat([self.predictors(), pd.DataFrame.from_dict(rows, orient="index")])

    def probe_losses(self):
        """Loss at three points of the box of the first two parameters, as a tuple of floats.

        Two builds of one study agree in them, so that a stored result can tell whether the model
        behind it is still the same.
        """
        names = list(self.bounds)[:2]
        low, high = self.box(*names) if names else (np.empty(0), np.empty(0))
        points = low + (high - low) * np.array(PROBES)[:, : len(names)] / 7

        @jax.jit  # with the state as an argument, since a program keeps what it closes over
        def at_all(state, points):
            def at(point):
                return self.loss(self.vary(state, **dict(zip(names, point, strict=True))))

            return jax.lax.map(at, points)

        losses = at_all(self._state, points)
        return tuple(float(value) for value in losses)

    @property
    def identity(self):
        """What the study was built from, as text by name; see `bnmfit.identity`."""
        return identity_of(self)
