"""The posterior of a measured series: its spectrum, what scaling takes out, and known truths."""

import _common  # noqa: F401  (devices and float64 first)
from bnmfit import recipe
from bnmfit.linear_response import LinearResponse
from bnmfit.noise import SharedNoise
from bnmfit.recordings import expected_periodogram
from bnmfit.series import WORST, SeriesModel, without_gains
from bnmfit.study import Free

import jax
import numpy as np
import pytest
from scipy.special import logsumexp
from small_studies import wong_wang

N_SAMPLES = 400
TRUTH = np.array([-0.6, 0.2, 0.1, -1.2, -1.5])  # logits


@pytest.fixture(scope="module")
def model():
    free = {
        "G": Free(lambda state: state.coupling.instant.G, 0.001, 0.4),
        "w": Free(lambda state: state.dynamics.w, 0.001, 0.7),
        "I_o": Free(lambda state: state.dynamics.I_o, 0.2, 0.45),
        "rho": Free(lambda state: state.noise.rho, 0.0, 0.9),
    }
    noise = SharedNoise(sigma=0.00283, rho=0.0, apply_to="S")
    study = wong_wang(12, free=free, noise=noise)
    return SeriesModel(LinearResponse(study), tuple(free), N_SAMPLES)


def draw(model, n, seed=0):
    return np.asarray(model.draw_coefficients(TRUTH, jax.random.key(seed), n))


def test_only_the_band_counts(model):
    hertz = (model.some + 1) / N_SAMPLES  # TR 1 s
    assert hertz.min() >= 0.01
    assert hertz.max() <= 0.1
    assert len(hertz) == 37
    with pytest.raises(
        ValueError, match=r"has 0 frequencies between 0\.01 and 0\.02 Hz: take a long"
    ):
        SeriesModel(model.response, model.names[:-1], 40, (0.01, 0.02))


def test_the_spectrum_is_the_expected_periodogram_of_scaled_series(model):
    x = np.array(model.values_at(TRUTH))
    x[-1] = 0
    state = recipe.state_at(model.response.study, x[:-1], model.names[:-1])
    covariances = model.response.covariances(state, model.response.n_lags)
    whole = np.asarray(expected_periodogram(covariances, N_SAMPLES))[model.some]
    power = whole[:, range(12), range(12)].real.mean(axis=0)
    scaled = whole / np.sqrt(power)[:, None] / np.sqrt(power)
    np.testing.assert_allclose(model.spectrum_at(x), scaled, atol=1e-12)


def test_gains_and_means_of_regions_do_not_count(model):
    rng = np.random.default_rng(0)
    bold = rng.normal(size=(N_SAMPLES, 12))
    one = model.coefficients(bold)
    other = model.coefficients(bold * rng.uniform(0.1, 10, 12) + rng.normal(size=12))
    np.testing.assert_allclose(one, other, atol=1e-12)
    np.testing.assert_allclose((np.abs(one) ** 2).mean(axis=0), 1)


def test_the_spectrum_is_that_of_drawn_series(model):
    drawn = draw(model, 4000)
    spectrum = np.asarray(model.spectrum_at(model.values_at(TRUTH)))
    np.testing.assert_allclose(spectrum[:, range(12), range(12)].real.mean(axis=0), 1)
    observed = np.einsum("nfi,nfj->fij", drawn, drawn.conj()) / len(drawn)
    assert np.abs(observed - spectrum).max() < 0.1 * np.abs(spectrum).max()


def test_white_noise_takes_its_share_of_all_correlations(model):
    x = np.array(model.values_at(TRUTH))
    quiet, noisy = x.copy(), x.copy()
    quiet[-1], noisy[-1] = 0.0, 0.3
    quiet, noisy = (np.asarray(model.spectrum_at(one)) for one in (quiet, noisy))
    pairs = np.triu_indices(12, 1)
    np.testing.assert_allclose(noisy[:, *pairs], 0.7 * quiet[:, *pairs])


def test_gains_are_integrated_out():
    """Against sums over a grid of the gains, for two regions."""
    rng = np.random.default_rng(0)
    n = 40
    seen = rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2))
    seen[:, 1] += seen[:, 0]
    log_gains = np.linspace(-1.5, 1.5, 241)
    grid = np.stack(np.meshgrid(log_gains, log_gains, indexing="ij"), -1).reshape(-1, 2)

    def on_grid(r, seen):
        spectrum = np.array([[1, r], [r, 1]])
        inverse = np.linalg.inv(spectrum)
        scaled = seen[None] / np.exp(grid)[:, None]
        squares = np.einsum("gfi,ij,gfj->g", scaled.conj(), inverse, scaled).real
        heights = -squares - 2 * n * grid.sum(axis=1)
        return logsumexp(heights) - n * np.linalg.slogdet(spectrum)[1]

    def at(r, seen):
        return float(without_gains(np.tile([[1, r], [r, 1 + 0j]], (n, 1, 1)), seen))

    for r in (0.0, 0.5, 0.8):
        expected = on_grid(r, seen) - on_grid(0.3, seen)
        assert at(r, seen) - at(0.3, seen) == pytest.approx(expected, abs=0.01)
    scaled = seen * np.array([0.2, 5.0])
    for r in (0.5, 0.8):
        change = at(r, scaled) - at(0.0, scaled)
        assert change == pytest.approx(at(r, seen) - at(0.0, seen), abs=1e-9)


def test_the_slope_is_that_of_the_likelihood(model):
    (seen,) = draw(model, 1)
    slope = np.array(jax.grad(model.log_density)(TRUTH, seen))
    steps = 1e-4 * np.eye(5)
    ends = [[float(model.log_density(TRUTH + w * s, seen)) for w in (-1, 1)] for s in steps]
    np.testing.assert_allclose(slope, np.diff(ends, axis=1)[:, 0] / 2e-4, rtol=1e-4, atol=1e-4)


def test_what_is_not_finite_has_no_density(model):
    (seen,) = draw(model, 1)
    beyond = np.full(5, np.nan)
    assert float(model.log_density(beyond, seen)) < WORST / 2
    found = model.top(seen, [beyond, TRUTH])
    assert float(found["height"][0]) < WORST / 2 < float(found["height"][1])
    np.testing.assert_array_equal(found["top"], found["z"][1])


def test_truths_come_back_within_what_the_posterior_says(model):
    lower = []
    for seen in draw(model, 8, seed=3):
        found = model.top(seen, [TRUTH])
        lower.append(float(found["height"].max() - model.log_density(TRUTH, seen)))
    assert min(lower) > -1e-3
    assert 1.5 < 2 * np.mean(lower) < 8  # at most 5, the number of parameters, by theory


def test_several_series_share_their_parameters(model):
    seen = np.moveaxis(draw(model, 3, seed=4), 0, -1)
    each = [float(model.log_likelihood(TRUTH, one)) for one in np.moveaxis(seen, -1, 0)]
    assert float(model.log_likelihood(TRUTH, seen)) == pytest.approx(sum(each))
    together, alone = (model.top(one, [TRUTH])["precision"] for one in (seen, seen[..., 0]))
    assert np.linalg.slogdet(together)[1] > np.linalg.slogdet(alone)[1]


def test_draws_are_weighted_to_the_posterior(model):
    (seen,) = draw(model, 1, seed=5)
    found = model.top(seen, [TRUTH, TRUTH + 0.5])
    best = int(found["height"].argmax())
    np.testing.assert_array_equal(found["top"], found["z"][best])
    sampled = model.sample(seen, found, 300)
    weight, values = sampled["weight"].values, sampled["values"].values
    assert weight.sum() == pytest.approx(1)
    assert float(sampled["k_hat"]) < 1  # the mean of the weights is finite
    assert ((values > model.low) & (values < model.high)).all()
    truth = np.asarray(model.values_at(TRUTH))
    mean = weight @ values
    sd = np.sqrt(weight @ (values - mean) ** 2)
    assert (np.abs(mean - truth) < 4 * sd).all()
    assert (sd < 0.3 * (model.high - model.low)).any()
    again = model.sample(seen, found, 300)
    np.testing.assert_array_equal(again["values"], sampled["values"])
