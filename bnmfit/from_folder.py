"""The study of a folder: a Reduced Wong-Wang network, with the values of the book."""

from bnmfit.noise import SharedNoise
from bnmfit.study import Free, Study

import math

from tvboptim.experimental.network_dynamics.coupling import LinearCoupling
from tvboptim.experimental.network_dynamics.dynamics.tvb import ReducedWongWang
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise
from tvboptim.observations.tvb_monitors.bold import (
    FirstOrderVolterraHRFKernel,
    MixtureOfGammasHRFKernel,
)

STEP = 4.0  # of the solver, ms, at most
START = 0.5  # of G
KERNELS = {"volterra": FirstOrderVolterraHRFKernel, "double-gamma": MixtureOfGammasHRFKernel}
WHERE = {
    "G": lambda state: state.coupling.instant.G,
    "w": lambda state: state.dynamics.w,
    "I_o": lambda state: state.dynamics.I_o,
    "sigma": lambda state: state.noise.sigma,
    "rho": lambda state: state.noise.rho,
}


def study_of(folder):
    """Build the study of a folder: a Reduced Wong-Wang network, with the values of the book.

    Parameters
    ----------
    folder : bnmfit.folders.Folder

    Returns
    -------
    Study
    """
    settings = folder.settings
    kind, more = (SharedNoise, {"rho": 0.0}) if settings.shared_noise else (AdditiveNoise, {})
    known = [name for name in WHERE if name != "rho" or settings.shared_noise]
    # Far above its box, as 0.5 is for a connectome of large weights, S would jump over its range.
    G = min(START, 2 * settings.free["G"][1]) if "G" in settings.free else START
    order = [*settings.free, *(name for name in known if name not in settings.free)]
    order.sort(key=lambda name: name == "sigma")  # no landscape is over what changes no FC
    return Study(
        settings.name,
        folder.weights,
        folder.fc,
        lengths=folder.lengths,
        labels=folder.labels,
        maps=folder.maps,
        dynamics=ReducedWongWang(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,)),
        coupling={"instant": LinearCoupling(incoming_states="S", G=G)},
        noise=kind(sigma=0.00283, apply_to="S", **more),
        dt=settings.tr / math.ceil(settings.tr / STEP),
        duration=settings.duration,
        tr=settings.tr,
        kernel=KERNELS[settings.kernel](),
        free={name: Free(WHERE[name], *settings.free.get(name, ())) for name in order},
    )
