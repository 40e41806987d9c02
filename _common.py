"""The running example: one whole-brain simulation, one empirical functional connectivity.

Every chapter imports this page and feeds a different `state` to the same `loss`. To fit a brain of
your own, give `Study` its connectome, its target and its model, and a name of its own.
"""

from bnmbook.programs import keep_programs
from bnmfit.devices import use_devices

keep_programs()
use_devices(8)  # before anything else touches JAX; float64 everywhere

import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # a plain progress bar will do

from bnmbook.animations import save_animation, show_animation
from bnmbook.brains import draw_brain
from bnmbook.checks import check, claims_about
from bnmbook.displays import cost_box, show_table
from bnmbook.drawing import (
    draw_ellipse,
    draw_landscape,
    draw_matrix,
    draw_posterior,
    draw_spread,
)
from bnmbook.figures import save_figure
from bnmbook.paths import CHAPTERS, RESULTS
from bnmbook.results import Store
from bnmbook.style import CONSTANT_LINE, method_style
from bnmfit.batches import batched, batched_rows
from bnmfit.descent import descend, with_gradient
from bnmfit.linear_response import LinearResponse
from bnmfit.noise import SharedNoise
from bnmfit.progress import with_progress
from bnmfit.study import Free, Study
from bnmfit.valley import monte_carlo_error_on, valley_of

from tvboptim.data import load_functional_connectivity, load_structural_connectivity
from tvboptim.experimental.network_dynamics.coupling import LinearCoupling
from tvboptim.experimental.network_dynamics.dynamics.tvb import ReducedWongWang
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise
from tvboptim.observations.observation import compute_fc, fc_corr, rmse

# Data: structural connectivity (what is wired to what) and the empirical target.
weights, tract_lengths, region_labels = load_structural_connectivity("dk_average")
fc_target = load_functional_connectivity("dk_average")

study = Study(
    name="running-example",
    weights=weights / weights.max(),
    target=fc_target,
    lengths=tract_lengths,
    labels=region_labels,
    # Network: a Reduced Wong-Wang node per region, coupled without delay, driven by noise.
    dynamics=ReducedWongWang(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,)),
    coupling={"instant": LinearCoupling(incoming_states="S", G=0.5)},
    noise=AdditiveNoise(sigma=0.00283, apply_to="S"),
    # Times, in ms: steps of the solver, 2 minutes of them, and a BOLD sample each second. The first
    # 20 samples do not count: the haemodynamic response reaches back from them to the transient.
    dt=4.0,
    duration=120_000.0,
    tr=1000.0,
    skip=20,
    # Free parameters: where they are in the state, and the box that every method searches.
    free={
        "G": Free(lambda state: state.coupling.instant.G, 0.001, 0.7),
        "w": Free(lambda state: state.dynamics.w, 0.001, 0.7),
        "I_o": Free(lambda state: state.dynamics.I_o),
        "sigma": Free(lambda state: state.noise.sigma, 0.001, 0.01),
    },
)

# What chapters use of it by name.
state, vary, observation, loss = study.state, study.vary, study.observation, study.loss
mean_observation, draw_noise = study.mean_observation, study.draw_noise
box, space_of, bounds = study.box, study.space_of, dict(study.bounds)
weights, fc_target, n_regions, n_steps = study.weights, study.target, study.n_regions, study.n_steps
network, model, transient, bold_monitor = study.network, study.model, study.transient, study.monitor

# What its simulations are on average, computed instead of simulated.
response = LinearResponse(study)
expected_observation, draw_observation = response.expected_observation, response.draw_observation

# Its stored results, and the sentences that are written about them.
plain = {"n_regions": n_regions, "n_steps": n_steps, "bounds": bounds}
store = Store(study, RESULTS, CHAPTERS, plain)
stored_result, load_result = store.stored_result, store.load_result
claim = claims_about("running-example", study.name)


def show_beside_predictors(fits):
    """Table of fits, by name (numbers, FC), below what predicts the target without simulating."""
    return show_table(study.compare(fits).round(3).rename_axis("prediction").reset_index())


def bounds_of(name):
    """Bounds of a parameter, or a box around its start value where the study has none."""
    value = float(study.parameters[name](study.state))
    around = tuple(float(f"{share * value:.2g}") for share in (0.625, 1.4))
    return bounds.get(name, around)


def with_shared_input(most=1.0):
    """The study with noise of which a share rho, up to `most`, is common to all regions."""
    free = dict(study.free) | {"rho": Free(lambda state: state.noise.rho, 0.0, most)}
    sigma = float(study.parameters["sigma"](study.state))
    noise = SharedNoise(sigma=sigma, rho=0.0, apply_to="S")
    return study.variant("with a shared input", noise=noise, free=free)


def find_valley():
    """The valley of good fits over (G, w), as the grid scan's chapter found its floor."""
    return valley_of(load_result("valley_floor"), *box("G", "w"))


def monte_carlo_error():
    """Standard deviation of the loss between draws of the noise, on the floor of the valley."""
    return monte_carlo_error_on(load_result("valley_floor"))


def good_enough():
    """A loss that is as low as the lowest of the grid scan, give or take its Monte Carlo error."""
    return float(load_result("grid_scan")["loss"].min()) + monte_carlo_error()
