"""What is computed without noise is what simulations are on average; the rest is refused."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit.linear_response import LinearResponse

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal
from small_studies import MODELS, wong_wang
from test_recordings import toeplitz
from test_study import RankNoise, WithInhibition
from tvboptim.experimental.network_dynamics.coupling import DifferenceCoupling
from tvboptim.experimental.network_dynamics.dynamics.tvb import SupHopf
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise

N = 20
PAIRS = np.triu_indices(N, 1)
POINT = {"G": 0.2, "w": 0.5}
N_DRAWS = 4000
N_LAGS = 41  # of BOLD that can have anything in common
HOPF = {  # slow enough for a step of 4 ms, and too quiet for its cubic term
    "dynamics": SupHopf(a=-0.01, omega=0.01),
    "coupling": {"instant": DifferenceCoupling(incoming_states=["x"], local_states=["x"], G=0.02)},
    "noise": AdditiveNoise(sigma=0.001),
    "free": MODELS["Hopf"][0]["free"],
}


@cache
def minute():
    """The linear response of a small brain with a minute of BOLD that counts."""
    return LinearResponse(wong_wang(duration=80_000.0))


@cache
def general():
    """The same without the use that symmetry is."""
    return LinearResponse(minute().study, symmetric=False)


@cache
def hopf():
    """That of a small brain with two state variables in each region."""
    return LinearResponse(wong_wang(**HOPF, duration=80_000.0))


@cache
def linear():
    """That of a linear one, which is unstable where its coupling is strong."""
    return LinearResponse(wong_wang(**MODELS["linear"][0]))


def state_of(response, **values):
    return response.study.vary(response.study.state, **values)


@cache
def drawn():
    """FC and BOLD of many recordings at a point."""
    response = minute()
    fc, bold = response.draw_observation(state_of(response, **POINT), jax.random.key(0), N_DRAWS)
    return np.asarray(fc), np.asarray(bold)


@pytest.mark.parametrize(
    ("build", "values", "n_draws"),
    [(minute, POINT, 64), (minute, {"G": 0.3, "w": 0.3}, 64), (hopf, {}, 32)],
    ids=["one point", "another", "two state variables"],
)
def test_the_expected_fc_is_the_mean_of_simulations(build, values, n_draws):
    response = build()
    study, state = response.study, state_of(response, **values)

    def of_draw(draw):
        noise = study.draw_noise(jax.random.key(draw))
        return study.observation(study.vary(state, noise=noise))[PAIRS]

    fc = np.asarray(jax.jit(lambda draws: jax.lax.map(of_draw, draws))(jnp.arange(n_draws)))
    expected = response.expected_observation(state)[PAIRS]
    away = (expected - fc.mean(axis=0)) / fc.std(axis=0) * np.sqrt(n_draws)
    # As many as chance puts beyond three standard errors, 0.3 %, in pairs that share regions.
    assert np.mean(np.abs(away) > 3) < 0.02
    assert np.sqrt(np.mean(away**2)) == pytest.approx(1, abs=0.25)
    assert np.corrcoef(expected, fc.mean(axis=0))[0, 1] > 0.9  # the errors are small beside FC


def test_the_general_route_gives_the_same():
    state = state_of(minute(), G=0.2, w=jnp.linspace(0.3, 0.6, N))
    (fc, steady), (other_fc, other) = (
        response.expected_at_steady_state(state) for response in (minute(), general())
    )
    # Panels of the kernel's transform: 250 ms wide in one, 32 ms in the other.
    np.testing.assert_allclose(other_fc, fc, atol=1e-8)
    np.testing.assert_allclose(other.x, steady.x, atol=1e-9)  # Newton's last step
    assert other.leading == pytest.approx(float(steady.leading), rel=1e-7)
    assert other.to_fold == pytest.approx(float(steady.to_fold), rel=1e-6)


MIX = np.random.default_rng(0).normal(size=(N, N))
START = jnp.concatenate([jnp.array([0.2]), jnp.linspace(0.4, 0.6, N), jnp.full(N, 0.32)])


def at(vector):
    """The state with G, and w and I_o of each region, in a vector."""
    return state_of(minute(), G=vector[0], w=vector[1 : 1 + N], I_o=vector[1 + N :])


def weighted(vector, near=None):
    """A number that depends on all of the expected FC, and two of the steady state."""
    fc, steady = minute().expected_at_steady_state(at(vector), near=near)
    return jnp.stack([jnp.sum(MIX * fc), 100 * steady.leading, steady.to_fold / 10])


def test_gradients_are_right_in_both_modes_for_every_parameter():
    near = minute().steady_state(at(START)).x

    @jax.jit  # one program for both
    def derivatives(vector):
        return tuple(mode(weighted)(vector, near) for mode in (jax.jacfwd, jax.jacrev))

    forward, reverse = derivatives(START)
    step = 1e-5 * jnp.eye(len(START))  # from the state's own start
    difference = np.stack([weighted(START + h) - weighted(START - h) for h in step], -1) / 2e-5
    scale = np.abs(difference).max(axis=1, keepdims=True)
    # Errors of a central difference with this step, and rounding.
    np.testing.assert_allclose(forward / scale, difference / scale, rtol=0, atol=1e-5)
    np.testing.assert_allclose(reverse / scale, forward / scale, rtol=0, atol=1e-9)


def test_a_state_close_by_gives_the_same_and_batches_go_through():
    near = minute().steady_state(at(START)).x
    vectors = START + jnp.array([[0.0], [0.001]])
    batch = jax.jit(jax.vmap(lambda vector: minute().expected_observation(at(vector), near=near)))
    for fc, vector in zip(batch(vectors), vectors, strict=True):
        expected = minute().expected_observation(at(vector))
        np.testing.assert_allclose(fc, expected, atol=1e-9)  # Newton's last step


def test_beyond_stability_compiled_functions_stay_finite():
    response = linear()
    slope = jax.jit(
        jax.value_and_grad(
            lambda G: response.expected_observation(state_of(response, G=G))[PAIRS].sum()
        )
    )
    for G in (0.004, 0.0042, 0.006, 0.1):  # stable, almost, and not at all
        value, gradient = slope(G)
        assert 0 < value < len(PAIRS[0])
        assert np.isfinite(gradient)
        assert gradient != 0


def test_recordings_next_to_the_edge_are_drawn_all_the_same():
    response, rest = linear(), jnp.zeros((1, N))
    slowest = float(response.steady_state(response.study.state).leading)
    edge = 0.002 * 0.01 / (0.01 + slowest)  # the leading eigenvalue is a line in G
    state = state_of(response, G=edge * 0.9999)
    assert -1e-5 < response.steady_state(state, rest).leading < 0  # longer than a recording
    fc, bold = response.draw_observation(state, jax.random.key(0), 20, rest)
    assert np.isfinite(bold).all()
    assert fc[:, *PAIRS].mean() > 0.8  # one mode drowns the rest


def test_drawn_recordings_have_the_shapes_means_and_scatter_of_what_is_expected():
    response, (fc, bold) = minute(), drawn()
    state = state_of(response, **POINT)
    assert response.n_samples == 60
    assert fc.shape == (N_DRAWS, N, N)
    assert bold.shape == (N_DRAWS, 60, N)
    assert not np.diagonal(fc, axis1=1, axis2=2).any()
    np.testing.assert_allclose(fc[0], np.corrcoef(bold[0].T) - np.eye(N), atol=1e-12)
    entries = fc[:, *PAIRS]
    scatter = response.observation_covariance(state)
    # First order in the scatter, and a sample of 4,000 knows an sd within 1.1 %.
    np.testing.assert_allclose(entries.std(axis=0), np.sqrt(np.diag(scatter)), rtol=0.08)
    sample, above = np.cov(entries.T), np.triu_indices(len(scatter), 1)
    # A sample of 4,000 knows a covariance within 1.6 % of a variance, and most are a few percent.
    assert np.corrcoef(sample[above], scatter[above])[0, 1] > 0.9
    finite, endless = (response.expected_observation(state, n_samples=n)[PAIRS] for n in (60, None))
    error = entries.std(axis=0) / np.sqrt(N_DRAWS)
    assert (np.abs(finite - entries.mean(axis=0)) < 4.5 * error).all()
    off = [np.mean((fc - entries.mean(axis=0)) ** 2) for fc in (finite, endless)]
    assert off[0] < off[1]


def test_drawn_bold_has_the_covariances_at_each_lag():
    _, bold = drawn()
    covariances = minute().covariances(state_of(minute(), **POINT), N_LAGS)
    for lag, expected in enumerate(covariances[:4]):
        after, before = bold[:, lag:], bold[:, : 60 - lag]
        sample = np.einsum("nti,ntj->ij", after, before) / N_DRAWS / (60 - lag)
        # 4,000 recordings of 60 samples know a variance within 0.5 %.
        np.testing.assert_allclose(sample, expected, rtol=0, atol=0.02 * np.abs(covariances).max())


def test_another_key_draws_other_recordings():
    response = minute()
    state = state_of(response, **POINT)
    one, other = (response.draw_observation(state, jax.random.key(k), 3)[0] for k in (0, 1))
    assert not np.allclose(one, other, atol=0.05)


def test_the_likelihood_is_close_to_that_of_the_normal_density():
    response, bold = minute(), drawn()[1][:10]
    n_samples = response.n_samples
    centring = np.eye(n_samples) - 1 / n_samples
    basis = np.kron(np.linalg.svd(centring)[0][:, :-1], np.eye(N))  # all but the means

    def both(G):
        state = state_of(response, G=G, w=0.5)
        whole = toeplitz(np.asarray(response.covariances(state, N_LAGS)), n_samples)
        exact = multivariate_normal(cov=basis.T @ whole @ basis)
        likelihood = jax.vmap(lambda series: response.log_likelihood(state, series))
        return exact.logpdf(bold.reshape(10, -1) @ basis), np.asarray(likelihood(bold))

    (exact, whittle), (other_exact, other_whittle) = both(POINT["G"]), both(0.1)
    difference, approximate = exact - other_exact, whittle - other_whittle
    # What the frequencies know of each other is left out: less than recordings differ by.
    assert difference.mean() > 0
    assert abs((approximate - difference).mean()) < difference.std() / 2
    assert (approximate - difference).std() < difference.std() / 2


def test_the_likelihood_is_highest_near_the_true_sigma():
    response, bold = minute(), drawn()[1][0]
    sigmas = 0.00283 * np.linspace(0.8, 1.2, 21)
    values = jax.vmap(
        lambda sigma: response.log_likelihood(state_of(response, **POINT, sigma=sigma), bold)
    )(sigmas)
    # 59 samples of 20 regions know the size of the noise within 1 / sqrt(2 * 1180) = 2 %.
    assert sigmas[values.argmax()] == pytest.approx(0.00283, rel=0.07)


REFUSED = {
    "its coupling has delays": MODELS["delays"][0],
    "its noise depends on the state": MODELS["multiplicative noise"][0],
    "its noise depends on the state or on time": {"noise": RankNoise(sigma=0.003, apply_to="S")},
    "it has no noise": {"noise": None, "free": MODELS["linear"][0]["free"]},
    "its node model or its noise reads other regions": {
        "dynamics": WithInhibition(w=0.5, I_o=0.32, INITIAL_STATE=(0.3,))
    },
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_covered_is_refused_at_the_first_use_in_a_sentence(reason):
    study = wong_wang(**REFUSED[reason])
    response = LinearResponse(study)
    sentence = f"does not cover the study made-up, because {reason}.*: simulate .*`observation`"
    with pytest.raises(ValueError, match=sentence):
        response.expected_observation(study.state)
    with pytest.raises(ValueError, match=sentence):
        jax.jit(lambda G: response.expected_observation(study.vary(study.state, G=G)))(0.1)


def test_states_that_mean_nothing_are_refused_in_a_sentence():
    response = linear()
    rest = jnp.zeros((1, N))
    with pytest.raises(ValueError, match=r"steady state is unstable .*: simulate .*`observation`"):
        response.expected_observation(state_of(response, G=0.006), near=rest)
    with pytest.raises(ValueError, match="no steady state is found: simulate"):
        response.expected_observation(state_of(response, G=0.1))
    with pytest.raises(ValueError, match=r"Not finite: w\. Give numbers"):
        minute().expected_observation(state_of(minute(), w=np.nan))
    with pytest.raises(ValueError, match=r"Not finite: sigma\. Give numbers"):
        minute().expected_observation(state_of(minute(), sigma=np.nan))
    with pytest.raises(ValueError, match="BOLD has no positive variance: simulate"):
        minute().expected_observation(state_of(minute(), sigma=0.0))


def test_an_asymmetric_state_of_a_symmetric_study_is_refused_with_the_remedy():
    state, weights = minute().study.state, minute().study.weights * np.linspace(0.5, 1, N)
    state = eqx.tree_at(lambda s: s.graph.weights, state, jnp.asarray(weights))
    with pytest.raises(
        ValueError, match=r"not symmetric.*LinearResponse\(study, symmetric=False\)"
    ):
        minute().expected_observation(state)
    assert np.isfinite(general().expected_observation(state)).all()
