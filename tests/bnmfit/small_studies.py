"""Studies of made-up brains, small enough for a test."""

from bnmfit.study import Free, Study

from functools import cache

import numpy as np
from tvboptim.experimental.network_dynamics.coupling import (
    DelayedLinearCoupling,
    DifferenceCoupling,
    LinearCoupling,
)
from tvboptim.experimental.network_dynamics.dynamics.tvb import (
    Generic2dOscillator,
    Linear,
    ReducedWongWang,
    SupHopf,
    WilsonCowan,
    WongWangExcInh,
)
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise, MultiplicativeNoise


def brain(n_regions, seed=0):
    """A connectome, an FC that is its echo, and tract lengths (mm), as arrays."""
    rng = np.random.default_rng([seed, n_regions])
    places = rng.uniform(-70, 70, (n_regions, 3))
    lengths = np.linalg.norm(places[:, None] - places, axis=-1)
    weights = np.exp(-lengths / 60) * rng.lognormal(0, 1, lengths.shape)
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    mixing = np.eye(n_regions) + weights / weights.max()
    series = rng.standard_normal((300, n_regions)) @ mixing + rng.standard_normal((300, 1)) / 2
    fc = np.corrcoef(series.T)
    np.fill_diagonal(fc, 0)
    return weights / weights.max(), fc, lengths


def wong_wang(n_regions=20, **changes):
    """A study like the running example's, on a made-up brain."""
    weights, fc, lengths = brain(n_regions)
    given = {
        "name": "made-up",
        "weights": weights,
        "target": fc,
        "lengths": lengths,
        "dynamics": ReducedWongWang(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,)),
        "coupling": {"instant": LinearCoupling(incoming_states="S", G=0.1)},
        "noise": AdditiveNoise(sigma=0.00283, apply_to="S"),
        "free": {
            "G": Free(lambda state: state.coupling.instant.G, 0.001, 0.7),
            "w": Free(lambda state: state.dynamics.w, 0.001, 0.7),
            "I_o": Free(lambda state: state.dynamics.I_o),
            "sigma": Free(lambda state: state.noise.sigma, 0.001, 0.01),
        },
        "dt": 4.0,
        "duration": 30_000.0,
        "tr": 1000.0,
    }
    return Study(**(given | changes))


@cache
def example():
    """The study of `wong_wang` without changes, built once for all tests that only read it."""
    return wong_wang()


def _coupled(name):
    return {"G": Free(lambda state: state.coupling[name].G, 0.001, 0.7)}


def _instant(state, strength):
    return {"instant": LinearCoupling(incoming_states=state, G=strength)}


MODELS = {  # what differs from `wong_wang`, and which simulator serves it
    "Reduced Wong-Wang": ({}, "fast"),
    "multiplicative noise": ({"noise": MultiplicativeNoise(sigma=0.003, apply_to="S")}, "fast"),
    "linear": (
        {
            "dynamics": Linear(gamma=-0.01),
            "coupling": _instant("x", 0.002),
            "noise": AdditiveNoise(sigma=0.01),
            "free": _coupled("instant"),
        },
        "fast",
    ),
    "delays": (
        {
            "coupling": {"delayed": DelayedLinearCoupling(incoming_states="S", G=0.1)},
            "speed": 3.0,
            "free": _coupled("delayed"),
        },
        "tvboptim",
    ),
    "two populations, delays": (
        {
            "dynamics": WilsonCowan(),
            "coupling": {"delayed": DelayedLinearCoupling(incoming_states="E", G=0.2)},
            "noise": AdditiveNoise(sigma=0.01),
            "free": _coupled("delayed"),
            "speed": 3.0,
            "dt": 1.0,
        },
        "tvboptim",
    ),
    "excitation and inhibition": (
        {
            "dynamics": WongWangExcInh(),
            "coupling": _instant("S_e", 0.2),
            "noise": AdditiveNoise(sigma=0.01),
            "free": _coupled("instant"),
            "dt": 1.0,
        },
        "tvboptim",
    ),
    "oscillator": (
        {
            "dynamics": Generic2dOscillator(),
            "coupling": _instant("V", 0.02),
            "noise": AdditiveNoise(sigma=0.02),
            "free": _coupled("instant"),
            "dt": 1.0,
        },
        "tvboptim",
    ),
    "Hopf": (
        {
            "dynamics": SupHopf(a=-0.02, omega=0.05),
            "coupling": {
                "instant": DifferenceCoupling(incoming_states=["x"], local_states=["x"], G=0.02)
            },
            "noise": AdditiveNoise(sigma=0.02),
            "free": _coupled("instant"),
            "dt": 1.0,
        },
        "tvboptim",
    ),
}
