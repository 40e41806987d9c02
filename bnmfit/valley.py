"""The valley of equally good fits in two parameters: its floor, its width, and coordinates in it.

The two parameters are a global coupling G and an excitatory recurrence w, both without unit. What
is found here belongs to one study, whose stored results carry it.
"""

import warnings
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr

# On the floor w + eigenvalue * G is about this, for Reduced Wong-Wang nodes at I_o = 0.32 nA and a
# connectome whose largest weight is 1: a place to begin the search, which then moves.
LEVEL = 1.056


class Valley(NamedTuple):
    """A straight valley, in coordinates x across it (distance in G from its floor) and w along it.

    Its numbers are rounded: a coordinate need not be exact, but has to be the same wherever the
    study is fitted.

    Parameters
    ----------
    intercept, slope : float
        The floor is at G = intercept + slope * w.
    width, taper : float
        Half-width in G, width + taper * w: so far from the floor the loss rises by its own
        standard deviation between draws of the noise.
    low, high : tuple (G, w)
        Corners of the box in which the parameters are searched.
    """

    intercept: float
    slope: float
    width: float
    taper: float
    low: tuple
    high: tuple

    def G_at(self, w):
        """G on the floor, for each w."""
        return self.intercept + self.slope * w

    def distance(self, G, w):
        """Distance x in G from the floor, positive where coupling is stronger."""
        return G - self.intercept - self.slope * w

    def width_at(self, w):
        """Half-width of the valley in G, for each w."""
        return jnp.maximum(self.width + self.taper * w, 0.1 * self.width)

    def scale_at(self, w):
        """Scale of a coordinate across the valley: its half-width, from one digit at w = 0 on."""
        return jnp.maximum(self.unit + self.taper * w, 0.1 * self.unit)

    def on_floor(self, w):
        """Points (G, w) on the floor, shape (n, 2)."""
        w = np.asarray(w, dtype=float)
        return np.stack([self.G_at(w), w], axis=-1)

    def along_box(self, *fractions):
        """Values of w at fractions of the way along the floor inside the box, with two digits."""
        ends = (np.array([self.high[0], self.low[0]]) - self.intercept) / self.slope
        low, high = max(self.low[1], ends[0]), min(self.high[1], ends[1])
        return np.clip(np.round(low + (high - low) * np.array(fractions), 2), low, high)

    @property
    def exchange(self):
        """How many units of w one unit of G is worth: w + exchange * G is constant on the floor."""
        return -1 / self.slope

    @property
    def unit(self):
        """Half-width where the valley is widest, with one digit: the unit of windows across it."""
        return float(f"{self.width:.1g}")

    @property
    def span(self):
        """Lowest and highest x in the box, with two digits."""
        ends = self.low[0] - self.G_at(self.low[1]), self.high[0] - self.G_at(self.high[1])
        return tuple(round(float(end), 2) for end in ends)

    @property
    def along(self):
        """Unit vector (G, w) along the floor, towards higher w."""
        return np.array([self.slope, 1]) / np.hypot(self.slope, 1)

    @property
    def across(self):
        """Unit vector (G, w) across the floor, towards higher G."""
        return np.array([1, -self.slope]) / np.hypot(self.slope, 1)


def leading_eigenvalue(weights):
    """Largest real part of an eigenvalue of the connectome, shape (n_regions, n_regions)."""
    return float(np.linalg.eigvals(np.asarray(weights)).real.max())


def predicted_floor(weights, low, high, n_w=8):
    """Where to look for the floor: w + leading eigenvalue * G is about 1.06.

    Parameters
    ----------
    weights : array, shape (n_regions, n_regions)
        Connectome, its largest weight 1.
    low, high : array, shape (2,)
        Corners (G, w) of the box.
    n_w : int
        Number of w.

    Returns
    -------
    G, w : array, shape (n_w,)
        Predicted G with three digits, for w spread over that part of its bounds in which the
        prediction is inside the box.

    Raises
    ------
    ValueError
        If the prediction is outside the box for every w.
    """
    eigenvalue = leading_eigenvalue(weights)
    margin = 0.1 * (high[0] - low[0])  # the floor may lie beside the prediction
    first = max(low[1], LEVEL - eigenvalue * (high[0] - margin))
    last = min(high[1], LEVEL - eigenvalue * (low[0] + margin))
    if not first < last:
        raise ValueError(
            f"With a leading eigenvalue of {eigenvalue:.2f} the valley is expected near G = "
            f"{LEVEL / eigenvalue:.2f} - {1 / eigenvalue:.2f} w, outside the bounds: widen them."
        )
    w = np.clip(np.round(np.linspace(first, last, n_w), 2), first, last)
    return np.round((LEVEL - w) / eigenvalue, 3), w


def find_floor(losses_at, G, w, low, high, step, n_steps=15, most_moves=20):
    """Find the lowest mean loss across the valley, for each w, in windows that move to hold it.

    Parameters
    ----------
    losses_at : callable
        Function of arrays G and w, shape (n_points,), that returns losses under some draws of the
        noise, shape (n_draws, n_points).
    G, w : array, shape (n_w,)
        Where to begin.
    low, high : float
        Bounds of G.
    step : float
        Distance between neighbouring G of a window.
    n_steps : int
        Number of G in a window, odd.
    most_moves : int
        How often windows may move.

    Returns
    -------
    xarray.Dataset
        `loss` over `draw`, `w` and `step`, with the coordinate `G` over `w` and `step`. The lowest
        mean over draws is inside every window. The attribute `simulations` counts what it took.

    Raises
    ------
    ValueError
        If for some w the loss is lowest at a bound of G, or no window holds its minimum.
    """
    half = n_steps // 2
    offsets = step * np.arange(-half, half + 1)
    middle, w = np.array(G, dtype=float), np.asarray(w, dtype=float)
    n_simulations = 0
    for _ in range(most_moves + 1):
        middle = np.clip(middle, low + step * half, high - step * half)
        points = middle[:, None] + offsets
        losses = np.asarray(losses_at(points.ravel(), np.repeat(w, n_steps)))
        n_simulations += losses.size
        losses = losses.reshape(-1, *points.shape)
        best = losses.mean(axis=0).argmin(axis=1)
        at_edge = (best == 0) | (best == n_steps - 1)
        if not at_edge.any():
            return xr.Dataset(
                {"loss": (("draw", "w", "step"), losses)},
                {"w": w, "G": (("w", "step"), points)},
                {"simulations": n_simulations},
            )
        found = points[np.arange(len(w)), best]
        at_bound = at_edge & (np.isclose(found, low) | np.isclose(found, high))
        if at_bound.any():
            where = ", ".join(f"{x:g}" for x in w[at_bound])
            raise ValueError(
                f"For w = {where} the loss is lowest at a bound of G, {low} or {high}: widen it."
            )
        middle = np.where(at_edge, found, middle)
    where = ", ".join(f"{x:g}" for x in w[at_edge])
    raise ValueError(
        f"For w = {where} no window of G holds the minimum after {most_moves} moves: look at the "
        "grid scan, and begin nearer to its valley."
    )


def best_of(floor):
    """Losses at the best G for each w, by draw: the lowest mean over draws of `find_floor`."""
    return floor["loss"].isel(step=floor["loss"].mean("draw").argmin("step"))


def monte_carlo_error_on(floor):
    """Standard deviation of the loss between draws of the noise, on the floor, mean over w."""
    return float(best_of(floor).std("draw", ddof=1).mean("w"))


def valley_of(floor, low, high):
    """Fit a straight valley to what `find_floor` found.

    Parameters
    ----------
    floor : xarray.Dataset
    low, high : tuple (G, w)
        Corners of the box.

    Returns
    -------
    Valley

    Raises
    ------
    ValueError
        If the floor does not fall as w rises, so that no exchange of w for G describes it.
    """
    slope, intercept = np.polyfit(floor["w"], best_of(floor)["G"], 1)
    taper, width = np.polyfit(floor["w"], _half_widths(floor, monte_carlo_error_on(floor)), 1)
    if not slope < 0:
        raise ValueError(
            f"Along the floor G changes by {slope:.3f} per unit of w, but a valley in which the "
            "two stand in for each other falls: look at the grid scan."
        )
    numbers = (round(float(x), 3) for x in (intercept, slope, width, taper))
    return Valley(*numbers, tuple(map(float, low)), tuple(map(float, high)))


def _half_widths(floor, rise):
    """Half the distance between where the mean loss has risen by this on both sides, for each w."""
    widths = []
    for k in range(floor.sizes["w"]):
        row = floor["loss"].isel(w=k).mean("draw").values
        G, above, best = floor["G"].isel(w=k).values, row - row.min() - rise, row.argmin()
        right = _crossing(G[best:], above[best:])
        left = _crossing(G[best::-1], above[best::-1])
        widths.append((right - left) / 2)
    return widths


def _crossing(G, above):
    """First G at which a value that begins negative is zero, or the last G if it never is."""
    if not (above >= 0).any():
        return G[-1]
    after = int(np.argmax(above >= 0))
    share = above[after] / (above[after] - above[after - 1])
    return G[after] - share * (G[after] - G[after - 1])


def warn_if_coarse(valley, step):
    """Warn where a grid's step is wider than the valley, so that its rows can miss the floor.

    Parameters
    ----------
    valley : Valley
    step : float
        Distance between neighbouring G.
    """
    w = np.linspace(valley.low[1], valley.high[1], 201)
    coarse = w[2 * np.asarray(valley.width_at(w)) < step]
    if coarse.size:
        warnings.warn(
            f"The grid's step in G, {step:.3f}, is wider than the valley from w = {coarse[0]:.2f} "
            f"on: to see its floor take {2 * float(valley.width_at(valley.high[1])):.3f}.",
            stacklevel=2,
        )
