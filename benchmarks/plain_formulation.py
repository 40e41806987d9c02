"""The running example spelled out with tvboptim alone: what `_common` has to equal, and to beat.

The noise is drawn in the call, the BOLD monitor convolves the whole trajectory, and derivatives are
plain reverse mode.
"""

from _common import bold_monitor, compute_fc, fc_target, model, rmse, state

plain_state = state.copy()
plain_state._internal.noise_samples = None  # draw the noise of state.noise.key in each call


def plain_observation(state):
    """Simulated FC, shape (n_regions, n_regions)."""
    return compute_fc(bold_monitor(model(state)), skip_t=20)


def plain_loss(state):
    """RMSE between simulated and empirical FC."""
    return rmse(plain_observation(state), fc_target)
