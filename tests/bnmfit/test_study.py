"""A study is frozen, chooses a simulator that is right, and any brain or model can be one."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.simulation import bold_simulator
from bnmfit.study import Free, Study

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_studies import MODELS, brain, example, wong_wang
from tvboptim.experimental.network_dynamics.dynamics.tvb import ReducedWongWang
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise
from tvboptim.experimental.network_dynamics.solvers import Euler, Heun, RungeKutta4
from tvboptim.observations.observation import compute_fc
from tvboptim.observations.tvb_monitors.bold import GammaHRFKernel, MixtureOfGammasHRFKernel


class WithInhibition(ReducedWongWang):
    """A node model that also reads the mean of all regions, past the coupling."""

    def dynamics(self, t, state, params, coupling, external):
        """Inhibit each region by the mean of all."""
        shared = coupling.instant - 0.3 * state[0].mean()
        return super().dynamics(
            t, state, params, type(coupling)({**coupling, "instant": shared}), external
        )


class WithClock(ReducedWongWang):
    """A node model whose input depends on the time."""

    def dynamics(self, t, state, params, coupling, external):
        """Add a slow wave to the input."""
        moved = type(params)({**params, "I_o": params.I_o + 0.001 * jnp.sin(t / 5000)})
        return super().dynamics(t, state, moved, coupling, external)


class RankNoise(AdditiveNoise):
    """Noise whose strength in a region depends on whether it is the most active one."""

    def diffusion(self, t, state, params):
        """Half the strength where S is highest."""
        return params.sigma * jnp.where(state == state.max(), 0.5, 1.0)


def plain_fc(study, state):
    """FC as tvboptim computes it, without anything of ours."""
    return compute_fc(study.monitor(study.model(state)), skip_t=study.skip)


def slopes(study):
    """Derivative of the loss by the first parameter: central difference, forward, reverse."""
    (name, where), *_ = study.parameters.items()
    start = jnp.asarray(float(np.mean(where(study.state))))
    loss = jax.jit(lambda x: study.loss(study.vary(study.state, **{name: x})))
    step = 1e-5
    difference = (loss(start + step) - loss(start - step)) / (2 * step)
    return difference, jax.jit(jax.jacfwd(loss))(start), jax.jit(jax.grad(loss))(start)


@pytest.mark.parametrize("name", MODELS)
def test_any_model_gives_finite_losses_and_right_gradients(name):
    changes, simulator = MODELS[name]
    study = wong_wang(**changes)
    assert study.simulator == simulator
    assert any("tvboptim's own is used" in note for note in study.notes) == (simulator != "fast")
    assert np.isfinite(study.loss(study.state))
    difference, forward, reverse = slopes(study)
    # Errors of a central difference with this step; forward and reverse differ by rounding alone.
    np.testing.assert_allclose(forward, difference, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(reverse, forward, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(
    ("n_regions", "times"),
    [
        (20, {"tr": 720.0, "duration": 720.0 * 42}),
        (84, {"tr": 2200.0, "duration": 2200.0 * 20, "kernel": GammaHRFKernel()}),
        (
            100,
            {"dt": 3.0, "tr": 1500.0, "duration": 45_000.0, "kernel": MixtureOfGammasHRFKernel()},
        ),
        (400, {"duration": 29_000.0, "skip": 19}),
    ],
)
def test_any_size_and_timing(n_regions, times):
    study = wong_wang(n_regions, **times)
    assert study.simulator == "fast"
    n_samples = round(study.duration / study.tr) - study.skip
    assert study.simulate_bold(study.state).shape == (n_samples, n_regions)
    fc = study.observation(study.state)
    np.testing.assert_allclose(fc, plain_fc(study, study.state), rtol=0, atol=1e-10)
    difference, forward, reverse = slopes(study)
    np.testing.assert_allclose(forward, difference, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(reverse, forward, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("solver", [Euler(), RungeKutta4()])
def test_the_solver_is_the_one_that_was_given(solver):
    study = wong_wang(solver=solver)
    assert study.simulator == "fast"
    fc = study.observation(study.state)
    np.testing.assert_allclose(fc, plain_fc(study, study.state), rtol=0, atol=1e-10)
    assert not np.allclose(fc, example().observation(study.state), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"dynamics": WithInhibition(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,))},
            "its node model or its noise reads other regions beside the coupling",
        ),
        (
            {"noise": RankNoise(sigma=0.003, apply_to="S")},
            "its node model or its noise reads other regions beside the coupling",
        ),
        (
            {"dynamics": WithClock(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,))},
            "a step of the network is not finite, as one that reads the time is",
        ),
        ({"solver": Heun(recompute_coupling_per_stage=True)}, "computes the coupling anew"),
        ({"noise": None, "free": {}}, "it has no noise"),
    ],
    ids=["mean of regions", "highest region", "time", "solver", "no noise"],
)
def test_what_the_fast_simulator_does_not_cover_goes_to_tvboptim_with_a_word(changes, reason):
    study = wong_wang(**changes)
    assert study.simulator == "tvboptim"
    (note,) = (note for note in study.notes if "tvboptim's own is used" in note)
    assert reason in note
    np.testing.assert_allclose(
        study.observation(study.state), plain_fc(study, study.state), rtol=0, atol=1e-12
    )


def test_the_gradient_of_a_model_that_reads_other_regions_is_right():
    study = wong_wang(dynamics=WithInhibition(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,)))
    difference, forward, reverse = slopes(study)
    np.testing.assert_allclose(forward, difference, rtol=1e-4)
    np.testing.assert_allclose(reverse, difference, rtol=1e-4)


def test_the_fast_simulator_itself_refuses():
    study = wong_wang(dynamics=WithInhibition(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,)))
    with pytest.raises(ValueError, match="reads other regions beside the coupling"):
        bold_simulator(
            study.network,
            study.solver,
            study.monitor,
            study.state,
            study.n_steps,
            study.dt,
            study.skip,
        )


def test_noisy_states_have_noise_of_their_own():
    changes, _ = MODELS["excitation and inhibition"]
    study = wong_wang(**changes)
    noise = study.state._internal.noise_samples
    assert noise.shape == (30_000, 2, 20)
    assert abs(np.corrcoef(noise[:, 0].ravel(), noise[:, 1].ravel())[0, 1]) < 0.01


def test_a_study_without_noise_says_that_it_has_none():
    with pytest.raises(ValueError, match="This study has no noise to draw"):
        wong_wang(noise=None, free={}).draw_noise(jax.random.key(0))


def test_two_studies_live_side_by_side():
    one, other = example(), wong_wang(30)
    before = float(one.loss(one.state))
    assert np.isfinite(other.loss(other.state))
    assert float(one.loss(one.state)) == before
    assert one.observation(one.state).shape == (20, 20)
    assert other.box("w", "sigma").tolist() == [[0.001, 0.001], [0.7, 0.01]]


def test_a_study_is_frozen():
    study = example()
    with pytest.raises(AttributeError, match="A study is frozen: build another one"):
        study.tr = 720.0
    with pytest.raises(AttributeError, match="frozen"):
        del study.target
    for array in (study.weights, study.target, study.lengths):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 1] = 1
    with pytest.raises(TypeError):
        study.bounds["G"] = (0, 1)


def test_its_state_is_a_copy():
    study = example()
    study.state.dynamics.w = 0.1
    assert study.state.dynamics.w == 0.5


def test_what_it_was_given_stays_as_it_was():
    weights, fc, _ = brain(20)
    raw = 1e6 * weights
    before, with_diagonal = raw.copy(), fc + np.eye(20)
    study = wong_wang(weights=raw, target=with_diagonal)
    assert np.array_equal(raw, before)
    assert with_diagonal[3, 3] == 1
    np.testing.assert_allclose(study.loss(study.state), example().loss(study.state), atol=1e-12)
    assert any("divided by the largest" in note for note in study.notes)
    assert any("diagonal" in note for note in study.notes)


def test_a_series_is_a_target_too():
    series = np.random.default_rng(1).standard_normal((200, 20)).cumsum(axis=0)
    study = wong_wang(target=series)
    expected = np.corrcoef(series.T) - np.eye(20)
    np.testing.assert_allclose(study.target, expected, atol=1e-12)
    np.testing.assert_array_equal(study.series, series)


def test_the_metric_is_an_argument_and_sees_no_diagonal():
    pairs = np.triu_indices(20, 1)

    def one_minus_correlation(fc, target):
        assert not np.diag(target).any()
        return 1 - jnp.corrcoef(fc[pairs], target[pairs])[0, 1]

    study = wong_wang(metric=one_minus_correlation)
    fc = study.observation(study.state)
    expected = 1 - np.corrcoef(fc[pairs], study.target[pairs])[0, 1]
    assert float(study.loss(study.state)) == pytest.approx(expected, abs=1e-12)
    assert not np.diag(fc).any()


def test_identity_tells_studies_apart_and_two_builds_of_one_agree():
    one, again = example(), wong_wang()
    assert one.identity == again.identity
    weights, fc, _ = brain(20, seed=1)
    others = [
        wong_wang(weights=weights),
        wong_wang(target=fc),
        wong_wang(tr=500.0),
        wong_wang(kernel=GammaHRFKernel()),
        wong_wang(solver=Euler()),
        wong_wang(noise=AdditiveNoise(sigma=0.003, apply_to="S")),
        wong_wang(free={"G": Free(lambda state: state.coupling.instant.G, 0.001, 0.6)}),
    ]
    assert all(other.identity != one.identity for other in others)


def test_probe_losses_follow_from_the_bounds():
    study = example()
    low, high = study.box("G", "w")
    at = low + (high - low) * np.array([1, 6]) / 7
    loss = study.loss(study.vary(study.state, G=at[0], w=at[1]))
    assert study.probe_losses()[0] == pytest.approx(float(loss), abs=1e-12)
    assert len(study.probe_losses()) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"free": {"w": Free(lambda state: state.dynamics.w, 0.7, 0.001)}},
            r"The bounds of w, \(0.7, 0.001\), must rise",
        ),
        ({"free": {"q": Free(lambda state: state.dynamics.q)}}, "no place for the parameter q"),
        ({"speed": 3.0, "lengths": None}, "needs tract lengths"),
        ({"speed": -1.0}, "speed is -1.0 mm/ms, but it has to be positive"),
        ({"target": np.zeros((19, 19))}, "19"),
        ({"tr": 735.0}, "735"),
        ({"dt": 500.0}, "not finite"),
    ],
)
def test_what_cannot_be_a_study_is_refused_in_a_sentence(changes, message):
    with pytest.raises(ValueError, match=message):
        wong_wang(**changes)


def test_importing_a_study_needs_no_book():
    assert Study.__module__ == "bnmfit.study"
