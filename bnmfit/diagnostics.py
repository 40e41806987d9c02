"""What draws and weights are worth: ArviZ's numbers, the same in each of its versions.

ArviZ 1 needs Python 3.12, and 0.23 is the last that runs on 3.11. All that differs is here: the
tails' effective sample size wants its two probabilities, `from_numpyro` returns a tree instead of
`InferenceData`, and `psislw` is gone. What took its place counts the tail otherwise, which moves
k-hat in the second decimal, so that `psislw` is written out here, as ArviZ 0.23 has it.
"""

import warnings

import numpy as np
from scipy.special import boxcox1p, logsumexp

warnings.filterwarnings("ignore", message="\nArviZ is undergoing", category=FutureWarning)
import arviz  # noqa: E402
from arviz import bfmi, mcse, rhat  # noqa: E402

__all__ = ["bfmi", "ess", "from_numpyro", "mcse", "psislw", "rhat"]


def ess(draws, method="bulk"):
    """Effective sample size of draws, shape (n_chains, n_draws).

    Parameters
    ----------
    draws : array, shape (n_chains, n_draws)
    method : str
        `bulk`; `tail`, the smaller one of those of the quantiles at 5 % and 95 %; or another one
        of ArviZ's that takes no probability.

    Returns
    -------
    float
    """
    return float(arviz.ess(draws, method=method, prob=(0.05, 0.95) if method == "tail" else None))


def from_numpyro(mcmc):
    """Draws and statistics of a `numpyro.infer.MCMC` that has run.

    Returns
    -------
    xarray.DataTree
        With ArviZ's groups `posterior`, `sample_stats` and `observed_data`.
    """
    found = arviz.from_numpyro(mcmc, log_likelihood=False)
    return found.to_datatree() if hasattr(found, "to_datatree") else found


def psislw(log_weights):
    """Smooth the largest importance weights, and say how heavy their tail is.

    A generalised Pareto distribution is fitted to the tail, whose weights become its quantiles
    (Vehtari et al., 2024).

    Parameters
    ----------
    log_weights : array, shape (n,)
        Up to a constant.

    Returns
    -------
    log_weights : array, shape (n,)
        Smoothed, and normalised: the weights sum to 1.
    k_hat : float
        Shape of the tail; infinite where fewer than five weights stand out.
    """
    x = np.array(log_weights, dtype=float)
    x -= x.max()
    order, n_tail = np.argsort(x), int(np.ceil(min(len(x) / 5, 3 * np.sqrt(len(x)))))
    cutoff = max(x[order[-n_tail - 1]], np.log(np.finfo(float).tiny))
    tail, k_hat = order[x[order] > cutoff], np.inf
    if len(tail) > 4:
        k_hat, sigma = _pareto_fit(np.exp(x[tail]) - np.exp(cutoff))
        if np.isfinite(k_hat):
            at = np.arange(0.5, len(tail)) / len(tail)
            quantiles = -sigma * boxcox1p(-at, -k_hat)
            x[tail] = np.minimum(np.log(quantiles + np.exp(cutoff)), 0)
    return x - logsumexp(x), float(k_hat)


def _pareto_fit(x):
    """Shape and scale of a generalised Pareto distribution (Zhang and Stephens, 2009).

    The shape is drawn a little towards 1/2, as Vehtari et al. (2024) do.
    """
    n, n_points = len(x), 30 + int(np.sqrt(len(x)))
    b = 1 - np.sqrt(n_points / (np.arange(n_points) + 0.5))
    b = b / (3 * x[int(n / 4 + 0.5) - 1]) + 1 / x[-1]
    k = np.log1p(-b[:, None] * x).mean(axis=1)
    log_density = n * (np.log(-b / k) - k - 1)
    mass = np.exp(log_density - logsumexp(log_density))
    mass[mass < 10 * np.finfo(float).eps] = 0
    b = b @ mass / mass.sum()
    k = np.log1p(-b * x).mean()
    return (n * k + 5) / (n + 10), -k / b
