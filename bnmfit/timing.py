"""Check that the steps of a simulation, its BOLD samples and its duration fit each other."""

import math
from dataclasses import dataclass
from numbers import Real

MIN_SAMPLES = 10  # with fewer BOLD samples, a correlation says nothing


@dataclass(frozen=True)
class Timing:
    """Steps of a simulation, steps per BOLD sample, BOLD samples in all, how many are dropped."""

    n_steps: int
    n_per_sample: int
    n_samples: int
    skip: int
    notes: tuple[str, ...]


def check_timing(dt, tr, duration, skip, kernel_duration):
    """Check that steps, BOLD samples and duration fit each other.

    Parameters
    ----------
    dt, tr, duration : float
        Time step, time between BOLD samples, and simulated time, ms.
    skip : int or None
        Number of first BOLD samples to drop. None: as many as the kernel reaches back over.
    kernel_duration : float
        How far back the haemodynamic kernel reaches, ms; 0 if there is none.

    Returns
    -------
    Timing

    Raises
    ------
    ValueError
        If `tr` is no multiple of `dt`, or `duration` of `tr`, if the kernel reaches back beyond the
        dropped samples, or if fewer than 10 are left; all of it at once, with values that would do.
    """
    times = {"dt": dt, "tr": tr, "duration": duration, "kernel_duration": kernel_duration}
    wrong = [
        f"{name} = {value!r}"
        for name, value in times.items()
        if not (is_time(value) or (name == "kernel_duration" and value == 0))
    ]
    if wrong:
        raise ValueError(f"No positive time in ms: {', '.join(wrong)}; pass one for each.")
    dt, tr, duration, kernel_duration = map(float, times.values())

    problems, notes = [], []
    n_per_sample, good_dt = _steps_per_sample(dt, tr, problems)
    skip = _samples_to_skip(skip, tr, kernel_duration, problems, notes)
    n_samples = _samples(duration, tr, skip, n_per_sample, problems)
    if problems:
        text = "; ".join(problems)
        raise ValueError(
            f"{text[0].upper()}{text[1:]}; dt={good_dt!r}, tr={tr!r}, "
            f"duration={n_samples * tr!r}, skip={skip} would do together."
        )
    return Timing(n_samples * n_per_sample, n_per_sample, n_samples, skip, tuple(notes))


def is_time(value):
    """Whether a value is a positive, finite number."""
    try:
        number = math.nan if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError):
        return False
    return math.isfinite(number) and number > 0


def _is_whole(ratio):
    return round(ratio) >= 1 and abs(ratio - round(ratio)) <= 1e-9 * ratio


def _steps_per_sample(dt, tr, problems):
    """Steps per BOLD sample, and their length: `dt`, or else a shorter one of few digits."""
    if _is_whole(tr / dt):
        return round(tr / dt), dt
    least = math.ceil(tr / dt)
    few_digits = ((n, round(tr / n, 4)) for n in range(least, 2 * least + 1))
    exact = (pair for pair in few_digits if math.prod(pair) == tr)
    n_per_sample, good_dt = next(exact, (least, tr / least))
    choices = dict.fromkeys([f"{tr:.10g} / {least}", f"{good_dt:.10g}"])
    unit = f", or a TR of {1000 * tr:.10g} ms if it was in s" if tr < 10 else ""
    problems.append(
        f"TR {tr:,.10g} ms is no multiple of the step of {dt:.10g} ms: take "
        f"dt = {' or '.join(choices)} ms{unit}"
    )
    return n_per_sample, good_dt


def _samples_to_skip(skip, tr, kernel_duration, problems, notes):
    """First BOLD samples to drop, so many that the kernel sees no history."""
    reach = math.ceil(kernel_duration / tr - 1e-9)
    least = max(reach - 1, 0)
    if skip is None:
        if reach:
            notes.append(
                f"The first {reach} BOLD samples are dropped, because the kernel reaches back over "
                f"{kernel_duration:,.10g} ms."
            )
        return reach
    if isinstance(skip, Real) and float(skip).is_integer() and skip >= least:
        return int(skip)
    problems.append(
        f"skip {skip} keeps samples that the kernel of {kernel_duration:,.10g} ms does not fill: "
        f"take a whole number from {least} on"
    )
    return reach


def _samples(duration, tr, skip, n_per_sample, problems):
    """BOLD samples in a duration, or in the nearest that would do."""
    ratio, least = duration / tr, skip + MIN_SAMPLES
    if _is_whole(ratio) and round(ratio) >= least:
        return round(ratio)
    choices = sorted({max(math.floor(ratio), least), max(math.ceil(ratio), least)})
    times = [f"{n * tr:,.10g} ms ({n * n_per_sample:,} steps)" for n in choices]
    why = [] if _is_whole(ratio) else ["is no multiple of the TR"]
    if ratio < least - 1e-9:
        left = max(math.floor(ratio + 1e-9) - skip, 0)
        why.append(f"leaves {left} samples after the first {skip}, where {MIN_SAMPLES} are needed")
    problems.append(f"duration {duration:,.10g} ms {' and '.join(why)}: take {' or '.join(times)}")
    return min(choices, key=lambda n: abs(n * tr - duration))
