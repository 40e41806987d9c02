"""A made-up person, small enough for a test."""

import numpy as np


def two_sessions(n_regions=10, n_samples=150, seed=0):
    """Labels, a connectome, and BOLD of two sessions, "one" and "two"."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.lognormal(0, 1, (n_regions, n_regions)), 1)
    weights = weights + weights.T
    mixing = np.eye(n_regions) + weights / weights.max()
    sessions = {
        name: rng.normal(size=(n_samples, n_regions)) @ mixing + rng.normal(size=(n_samples, 1)) / 2
        for name in ("one", "two")
    }
    return [f"R{k + 1}" for k in range(n_regions)], weights, sessions
