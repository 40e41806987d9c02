"""Data at the door: put right with a word, refused in one sentence, never changed in silence."""

from bnmfit.data import (
    check_bounds,
    check_connectome,
    check_maps,
    check_series,
    check_target,
    check_timing,
)

import copy
import io
import itertools
import pathlib
import re
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr
from arrays import put
from tvboptim.data import load_functional_connectivity, load_structural_connectivity
from tvboptim.observations.observation import compute_fc

ROOT = pathlib.Path(__file__).parents[2]
LABELS = ("L.A", "L.B", "L.C", "R.A", "R.B")
OTHERS = ("L.A", "L.B", "L.C", "R.A", "R.X")
N = len(LABELS)
rng = np.random.default_rng(0)
SERIES = rng.standard_normal((60, N)) + rng.standard_normal((60, 1))
CORRELATIONS = np.corrcoef(SERIES.T)
CORRELATIONS = (CORRELATIONS + CORRELATIONS.T) / 2
FC = CORRELATIONS * (1 - np.eye(N))
WEIGHTS = rng.uniform(0.1, 0.9, (N, N))
WEIGHTS = (WEIGHTS + WEIGHTS.T) / 2 * (1 - np.eye(N))
WEIGHTS[1, 2] = WEIGHTS[2, 1] = 1
LENGTHS = 100 * WEIGHTS
MAP = np.arange(N) / 4
TIMES = 0.72 * np.arange(60)


def table(array, rows=LABELS, columns=None):
    return pd.DataFrame(array, rows, rows if columns is None else columns)


def backwards(frame):
    return frame.iloc[::-1, ::-1]


def from_csv(*to, **how):
    """Write a labelled connectome, and read it in some way."""
    text = table(WEIGHTS).to_csv(**dict(to))
    return pd.read_csv(io.StringIO(text), **how)


def weights(given, **more):
    return check_connectome(given, **more).weights


def lengths(given):
    return check_connectome(table(WEIGHTS), given).lengths


def target(given):
    return check_target(given, LABELS).fc


def series(given, tr=None):
    return check_series(given, LABELS, tr).series


def of_map(given):
    return check_maps({"m": given}, LABELS).maps["m"]


def maps(given):
    return check_maps(given, LABELS).maps


DIRECTED = put(WEIGHTS, (0, 1), 0.05)
ISOLATED = put(put(WEIGHTS, 3, 0), (slice(None), 3), 0)
REFUSED = {
    # what cannot be read
    "path": (weights, "sc.csv", r"'sc.csv' .* weights: read .* pandas.read_csv\(path, index_col=0"),
    "mat file": (weights, pathlib.Path("sc.mat"), r"read the file .* scipy.io.loadmat"),
    "npy file": (target, "fc.npy", r"'fc.npy' was passed for the FC: .* numpy.load"),
    "mat": (
        weights,
        {"__header__": b"", "SC": WEIGHTS, "FC": FC},
        r"dictionary of SC and FC .* one",
    ),
    "mat series": (series, {"bold": SERIES}, r"dictionary of bold .* for the series: pass one of"),
    "text": (weights, WEIGHTS.astype(str), r"weights are of the type str, such as '0.0': pass num"),
    "objects": (target, FC.astype(object), r"FC are of the type object, such as 0.0: pass numbers"),
    "none": (weights, None, r"of the type object, such as None: pass numbers alone"),
    "gap in list": (weights, [[0, None], [1, 0]], r"of the type object, such as None"),
    "complex": (target, FC + 0j, r"FC are complex: pass their real part or their absolute value"),
    "ragged": (weights, [[0, 1], [1]], r"rows of the weights differ in length: pass a full array"),
    "csv without index": (
        weights,
        from_csv(),
        r"Column 'Unnamed: 0' .* such as 'L.A': .*index_col",
    ),
    "csv header in data": (weights, from_csv(header=None), r"Column 0 of .* 'L.A': pass numbers"),
    # shapes and labels
    "not square": (weights, WEIGHTS[:3], r"shape of the weights is \(3, 5\): pass a square matrix"),
    "3-D": (weights, WEIGHTS[None], r"shape of the weights is \(1, 5, 5\): pass a square matrix"),
    "empty": (weights, [], r"shape of the weights is \(0,\): pass a square matrix"),
    "one region": (weights, [[0]], r"\(1, 1\): .* at least 2 regions"),
    "other size": (target, FC[:3, :3], r"FC is \(3, 3\), but the connectome has 5 regions: pass"),
    "lengths of other size": (lengths, LENGTHS[:3, :3], r"lengths is \(3, 3\), but .* 5 regions"),
    "sides differ": (
        weights,
        table(WEIGHTS, columns=LABELS[::-1]),
        r"Row 1 .* L.A, .* 1 is R.B: pa",
    ),
    "labels twice": (
        weights,
        table(WEIGHTS, [*LABELS[:4], "L.A"]),
        r"occur twice \(L.A\): give each",
    ),
    "other regions": (target, table(FC, OTHERS), r"FC are not .* \(without R.B, with R.X\): pass"),
    "fewer regions": (
        target,
        table(FC).iloc[1:, 1:],
        r"FC are not .* \(without L.A\): pass the same",
    ),
    "labels of lengths": (
        lengths,
        table(LENGTHS, OTHERS),
        r"lengths are not .* \(without R.B, with",
    ),
    # entries of connectomes
    "NaN": (
        weights,
        put(WEIGHTS, ([1, 2], [2, 4]), np.nan),
        r"NaN .* weights: 2, all with region 3;",
    ),
    "infinite": (
        weights,
        put(WEIGHTS, (0, 1), np.inf),
        r"infinite .* weights: 1, all with region 1;",
    ),
    "masked": (
        weights,
        np.ma.masked_equal(WEIGHTS, 1),
        r"NaN .* weights: 2, all with region 2; fill",
    ),
    "NaN of pandas": (
        weights,
        table(WEIGHTS).mask(WEIGHTS == 1).astype("Float64"),
        r"2, all with L.B",
    ),
    "negative": (
        weights,
        put(WEIGHTS, (0, 1), -0.3),
        r"Neg.* weights: 1, .* -0.3 from region 2 to re",
    ),
    "half": (weights, np.triu(WEIGHTS), r"Only the upper .* pass both, as weights \+ weights.T"),
    "isolated": (
        weights,
        ISOLATED,
        r"leave region 4 without any connection: leave such regions out",
    ),
    "zeros": (
        weights,
        np.zeros((9, 9)),
        r"leave region 1, .* region 5 and 4 more without any conn",
    ),
    "lengths NaN": (
        lengths,
        put(LENGTHS, (0, 1), np.nan),
        r"NaN .* lengths: 1, all with L.A; fill",
    ),
    "lengths negative": (
        lengths,
        -LENGTHS,
        r"Neg.* lengths: 20, .* -100 from L.C to L.B; pass num",
    ),
    # entries of FC
    "FC with NaN": (target, put(FC, (1, slice(None)), np.nan), r"NaN .* FC: 4, all with L.B; fill"),
    "FC directed": (target, put(FC, (0, 1), 0.9), r"not symmetric, 0.9 and .* L.A and L.B: .* / 2"),
    "FC half": (target, np.tril(FC), r"Only the lower triangle of the FC .* as fc \+ fc.T"),
    "covariance": (
        target,
        9 * np.cov(SERIES.T),
        r"between .* beyond \[-1, 1\]: it looks like a cov",
    ),
    "Fisher's z": (target, np.arctanh(FC) * 4, r"beyond \[-1, 1\]: pass corr.* numpy.tanh\(fc\)"),
    "FC zero": (target, np.zeros((N, N)), r"FC is 0 for all pairs .* nothing to fit: pass corr"),
    "FC constant": (target, np.ones((N, N)), r"FC is 1 for all pairs of regions, which leaves"),
    # series
    "no axis": (series, SERIES[:, :3], r"series is \(60, 3\), but .* 5 regions: pass \(time, 5\)"),
    "one region's series": (
        series,
        SERIES[:, 0],
        r"shape of the series is \(60,\): pass \(time, 5\)",
    ),
    "short": (series, SERIES[:9], r"series has 9 samples, too few .*: pass at least 10"),
    "flat": (
        series,
        SERIES * [1, 0, 1, 1, 0] + 1e6,
        r"series of L.B and R.B does not vary, .* out",
    ),
    "series with NaN": (
        series,
        put(SERIES, (3, 2), np.nan),
        r"NaN .* series: 1, in L.C; interpolate",
    ),
    "series of others": (
        series,
        pd.DataFrame(SERIES, columns=OTHERS),
        r"series are not .* with R.X",
    ),
    "gap in time": (
        series,
        pd.DataFrame(SERIES, TIMES**1.1, LABELS),
        r"do not rise in equal steps: ",
    ),
    # maps
    "map of other size": (of_map, MAP[:3], r"map 'm' is \(3,\), but the connectome has 5 regions"),
    "map with NaN": (of_map, put(MAP, 2, np.nan), r"NaN .* map 'm': 1, in L.C; fill them in"),
    "map of pairs": (of_map, FC, r"shape of the map 'm' is \(5, 5\): pass one value for each of 5"),
    "map of others": (
        of_map,
        pd.Series(MAP, OTHERS),
        r"map 'm' are not .* \(without R.B, with R.X",
    ),
    "map of text": (of_map, list(LABELS), r"map 'm' are of the type str, such as 'L.A': pass num"),
    "maps without names": (
        maps,
        MAP,
        r"came as ndarray, without names: pass a dictionary of names",
    ),
    "maps in a file": (
        maps,
        "maps.csv",
        r"'maps.csv' was passed for the maps: read the file first",
    ),
}


@pytest.mark.parametrize(("check", "given", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_one_sentence(check, given, message):
    with pytest.raises(ValueError, match=message) as refusal:
        check(given)
    text = str(refusal.value)
    assert text[-1] == "."
    assert ". " not in text.replace("e.g. ", "")


ONES = r"diagonal of the FC was 1, and was set to 0"
DIVIDED = r"^The weights were divided by the largest of them, 200\.$"
ORDERED = r"were put into the order of the connectome"
MANY_TIMES = pd.to_timedelta(TIMES, unit="s")
PUT_RIGHT = {
    # (check, what is given, what comes out, notes)
    "array": (check_connectome, WEIGHTS, WEIGHTS, []),
    "lists": (check_connectome, WEIGHTS.tolist(), WEIGHTS, []),
    "sparse": (check_connectome, scipy.sparse.coo_array(WEIGHTS), WEIGHTS, []),
    "jax": (check_connectome, jnp.asarray(WEIGHTS), WEIGHTS, []),
    "table": (check_connectome, table(WEIGHTS), WEIGHTS, []),
    "table of pandas' own numbers": (
        check_connectome,
        table(WEIGHTS).astype("Float64"),
        WEIGHTS,
        [],
    ),
    "csv": (check_connectome, from_csv(index_col=0), WEIGHTS, []),
    "csv with a header alone": (
        check_connectome,
        from_csv(("index", False)),
        WEIGHTS,
        ["Only the columns of the weights have labels"],
    ),
    "counts": (check_connectome, 200 * WEIGHTS, WEIGHTS, [DIVIDED]),
    "integers": (
        check_connectome,
        (200 * WEIGHTS).astype(int),
        (200 * WEIGHTS).astype(int) / 200,
        [DIVIDED],
    ),
    "single": (check_connectome, WEIGHTS.astype("f4"), WEIGHTS.astype("f4"), ["weights.*float32"]),
    "largest 1 but for rounding": (
        check_connectome,
        WEIGHTS.astype("f4") * np.float32(0.99999994),
        WEIGHTS.astype("f4") * np.float32(0.99999994),
        ["float32"],
    ),
    "adjacency": (check_connectome, WEIGHTS > 0, (WEIGHTS > 0) * 1.0, ["true or false"]),
    "self-connections": (
        check_connectome,
        WEIGHTS + np.eye(N),
        WEIGHTS,
        ["weights was 1, and was set to 0"],
    ),
    "NaN on the diagonal": (
        check_connectome,
        WEIGHTS + np.diag([np.nan] * N),
        WEIGHTS,
        ["weights was nan, and was set to 0"],
    ),
    "directed": (
        check_connectome,
        DIRECTED,
        DIRECTED,
        [r"up to 0.\d+ of the largest, .* directed"],
    ),
    "nearly symmetric": (
        check_connectome,
        put(WEIGHTS, (1, 2), 1 - 5e-9),
        put(WEIGHTS, ([1, 2], [2, 1]), 1 - 2.5e-9),
        ["weights were made symmetric, which moved them by 5e-09 at most"],
    ),
    "rounding": (check_connectome, put(WEIGHTS, (1, 2), 1 - 1e-15), WEIGHTS, []),
    "no input": (
        check_connectome,
        put(WEIGHTS, 3, 0),
        put(WEIGHTS, 3, 0),
        ["region 4 receives from no other region", "as directed"],
    ),
    "FC": (check_target, FC, FC, []),
    "FC with ones": (check_target, CORRELATIONS, FC, [ONES]),
    "FC with something": (
        check_target,
        FC + np.diag([1, 0, 1, 1, 0]),
        FC,
        [r"diagonal of the FC was mixed, 0 and 1, and was set to 0: .* never counts\.$"],
    ),
    "FC with variances": (
        check_target,
        FC + np.diag([1, 2, 1, 1, 3]),
        FC,
        [r"was mixed, 1, 2 and 3, .* if this is a covariance or Fisher's z, pass correlations"],
    ),
    "FC nearly symmetric": (
        check_target,
        put(FC, (0, 1), FC[0, 1] + 2e-8),
        put(FC, ([0, 1], [1, 0]), FC[0, 1] + 1e-8),
        ["FC was made symmetric, which moved it by 1e-08 at most"],
    ),
    "FC single": (check_target, FC.astype("f4"), FC.astype("f4"), ["FC came as float32"]),
    "FC in another order": (check_target, backwards(table(CORRELATIONS)), FC, [ORDERED, ONES]),
    "FC of xarray": (check_target, xr.DataArray(backwards(table(FC))), FC, [ORDERED]),
    "series": (check_series, SERIES, SERIES, []),
    "series on its side": (
        check_series,
        SERIES.T,
        SERIES,
        [r"regions by time, \(5, 60\), and was tr"],
    ),
    "series with labels": (check_series, pd.DataFrame(SERIES, columns=LABELS), SERIES, []),
    "series in another order": (
        check_series,
        pd.DataFrame(SERIES, columns=LABELS).iloc[:, ::-1],
        SERIES,
        ["regions of the series were put into the order of the connectome"],
    ),
    "series on its side, in another order": (
        check_series,
        pd.DataFrame(SERIES.T, LABELS).iloc[::-1],
        SERIES,
        ["was transposed", ORDERED],
    ),
    "map": (check_maps, {"m": MAP}, MAP, []),
    "map as list": (check_maps, {"m": MAP.tolist()}, MAP, []),
    "map as column": (check_maps, {"m": MAP[:, None]}, MAP, [r"\(5, 1\), and was made one row"]),
    "map by label": (check_maps, {"m": pd.Series(MAP, LABELS)[::-1]}, MAP, [f"map 'm' {ORDERED}"]),
    "map as dictionary": (check_maps, {"m": dict(zip(LABELS, MAP, strict=True))}, MAP, []),
    "maps as table": (check_maps, pd.DataFrame({"m": MAP}, LABELS), MAP, []),
    "maps as table on its side": (
        check_maps,
        pd.DataFrame({"m": MAP}, LABELS).T,
        MAP,
        ["a column for each region, and was transposed"],
    ),
}


@pytest.mark.parametrize(("check", "given", "expected", "notes"), PUT_RIGHT.values(), ids=PUT_RIGHT)
def test_what_can_be_used_is_put_right_with_a_word(check, given, expected, notes):
    before = copy.deepcopy(given)
    checked = check(given) if check is check_connectome else check(given, LABELS)
    values = next(iter(vars(checked).values()))
    values = values["m"] if check is check_maps else values
    assert values.dtype == np.float64
    assert not values.flags.writeable
    assert np.allclose(values, expected, rtol=0, atol=1e-12)
    assert len(checked.notes) == len(notes)
    for note, pattern in zip(checked.notes, notes, strict=True):
        assert re.search(pattern, note)
        assert note[-1] == "."
    assert_unchanged(given, before)


def assert_unchanged(given, before):
    if isinstance(given, dict):
        for name in given:
            assert_unchanged(given[name], before[name])
    elif hasattr(given, "toarray"):
        assert_unchanged(given.toarray(), before.toarray())
    elif isinstance(given, pd.DataFrame | pd.Series):
        assert given.equals(before)
    else:
        assert np.array_equal(np.asarray(given), np.asarray(before), equal_nan=True)


def test_what_comes_out_is_a_copy():
    given = WEIGHTS.copy()
    checked = check_connectome(given, given)
    given[:] = 0
    assert np.array_equal(checked.weights, WEIGHTS)
    assert np.array_equal(checked.lengths, WEIGHTS)


LABEL_FORMS = {
    "list": list(LABELS),
    "array": np.array(LABELS),
    "index": pd.Index(LABELS),
    "bytes": [label.encode() for label in LABELS],
    "cells of a .mat file": np.array([np.array([x]) for x in LABELS], dtype=object),
}


@pytest.mark.parametrize("labels", LABEL_FORMS.values(), ids=LABEL_FORMS)
def test_labels_come_in_many_forms(labels):
    assert check_connectome(WEIGHTS, labels=labels).labels == LABELS


def test_labels_of_the_table_or_numbers():
    assert check_connectome(table(WEIGHTS)).labels == LABELS
    assert check_connectome(table(WEIGHTS), labels=LABELS).labels == LABELS
    numbers = tuple(f"region {k}" for k in range(1, N + 1))
    assert check_connectome(WEIGHTS).labels == numbers
    assert check_connectome(pd.DataFrame(WEIGHTS)).labels == numbers


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:3], "There are 3 labels, but 5 regions: pass a list with one label for each"),
        ("L.A", "There are 1 labels, but 5 regions"),
        (set(LABELS), "There are 1 labels, but 5 regions"),  # a set has no order
        (("L.A", *LABELS[:4]), r"Labels occur twice \(L.A\): give each region its own name"),
        ((*LABELS[:4], ""), "Label 5 is empty: give each region a name"),
        ((*LABELS[:4], np.nan), "Label 5 is empty"),
        (LABELS[::-1], "Region 1 is L.A in the table of weights, but R.B in the labels: leave"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        check_connectome(table(WEIGHTS), labels=labels)


def test_unlabelled_weights_refuse_labelled_data():
    """The order of the regions could not be checked."""
    labels = check_connectome(WEIGHTS).labels
    with pytest.raises(ValueError, match="both with these labels or both without any"):
        check_target(table(FC), labels)


def test_lengths_follow_the_connectome():
    checked = check_connectome(table(WEIGHTS), backwards(table(LENGTHS)))
    assert np.array_equal(checked.lengths, LENGTHS)
    assert not checked.lengths.flags.writeable
    assert len(checked.notes) == 1
    assert "lengths were put into the order" in checked.notes[0]
    assert check_connectome(WEIGHTS).lengths is None
    short = put(LENGTHS, ([0, 1], [1, 0]), 0)
    assert (
        "without delay: 2, the first from L.B to L.A"
        in check_connectome(WEIGHTS, short, LABELS).notes[0]
    )


def test_a_square_series_is_read_by_its_rows():
    labels = [f"region {k}" for k in range(20)]
    square = rng.standard_normal((20, 20))
    checked = check_series(square, labels)
    assert np.array_equal(checked.series, square)
    assert "(20, 20), and its rows were taken as time" in checked.notes[0]
    by_label = check_series(pd.DataFrame(square.T, labels), labels)
    assert np.array_equal(by_label.series, square)
    with pytest.raises(ValueError, match="symmetric matrix: pass an FC as the target"):
        check_series(square + square.T, labels)


def test_series_correlate_as_in_simulations():
    fc = check_series(SERIES, LABELS).fc
    assert not fc.flags.writeable
    assert np.array_equal(fc, fc.T)
    assert np.allclose(fc, compute_fc(jnp.asarray(SERIES)), rtol=0, atol=1e-12)
    assert check_target(fc, LABELS).notes == ()


@pytest.mark.parametrize("times", [TIMES, 1000 * TIMES, MANY_TIMES, range(20, 80)])
def test_times_that_fit_the_tr_are_fine(times):
    assert check_series(pd.DataFrame(SERIES, times, LABELS), LABELS, tr=720).notes == ()


@pytest.mark.parametrize("times", [TIMES, MANY_TIMES])
def test_times_that_contradict_the_tr_are_refused(times):
    with pytest.raises(
        ValueError, match=r"are .*72.* apart \(s or ms\), but the TR is 1000 ms: pa"
    ):
        check_series(pd.DataFrame(SERIES, times, LABELS), LABELS, tr=1000)


@pytest.mark.parametrize("tr", [0, -1, np.nan, "1000"])
def test_a_tr_is_a_time(tr):
    with pytest.raises(ValueError, match=r"The TR is .*, but has to be a positive time in ms"):
        check_series(SERIES, LABELS, tr)


def test_no_maps():
    assert check_maps(None, LABELS).maps == check_maps({}, LABELS).maps == {}


def test_the_running_example_comes_through_as_it_is():
    raw, lengths, labels = load_structural_connectivity("dk_average")
    weights, fc = raw / raw.max(), load_functional_connectivity("dk_average")
    connectome = check_connectome(weights, lengths, labels)
    assert np.array_equal(connectome.weights, weights)
    assert np.array_equal(connectome.lengths, lengths)
    assert connectome.labels == tuple(labels)
    assert np.array_equal(check_target(fc, labels).fc, fc)
    # JAX divides float32 with an error of one unit in the last place.
    assert np.allclose(check_connectome(raw).weights, weights, rtol=2e-7)


def test_counts_of_streamlines_come_through():
    counts, lengths, labels = load_structural_connectivity("dTOR")
    checked = check_connectome(counts, lengths, labels)
    assert np.allclose(checked.weights, np.asarray(counts) / 38083, rtol=1e-15)
    assert any("largest of them, 38083" in note for note in checked.notes)


def test_the_times_of_the_running_example():
    timing = check_timing(4.0, 1000.0, 120_000.0, None, 20_000.0)
    assert (timing.n_steps, timing.n_per_sample, timing.n_samples) == (30_000, 250, 120)
    assert timing.skip == 20
    assert timing.notes == (
        "The first 20 BOLD samples are dropped, because the kernel reaches back over 20,000 ms.",
    )
    assert check_timing(4.0, 1000.0, 120_000.0, 19, 20_000.0).notes == ()
    assert check_timing(0.1, 720, 120_240, None, 20_000).n_per_sample == 7200
    assert check_timing(1, 1, 100, None, 0).skip == 0


SKIP = "Skip {} keeps samples that the kernel of 20,000 ms does not fill: take .* from 19 on"
BAD_TIMES = {  # dt, TR, duration and skip, with a kernel of 20 s
    (4, 735, 120_000, None): (
        r"^TR 735 ms is no multiple of the step of 4 ms: take dt = 735 / 184 or 3.75 ms; duration "
        r"120,000 ms is no multiple of the TR: take 119,805 ms \(31,948 steps\) or 120,540 ms "
        r"\(32,144 steps\); dt=3.75, tr=735.0, duration=119805.0, skip=28 would do together\.$"
    ),
    (4, 720, 120_000, 28): (
        r"^Duration 120,000 ms is no multiple of the TR: take 119,520 ms \(29,880 steps\) or "
        r"120,240 ms \(30,060 steps\); "
    ),
    (4, 2200, 120_000, None): r"118,800 ms \(29,700 steps\) or 121,000 ms \(30,250 steps\)",
    (4, 0.735, 120_000, None): "or a TR of 735 ms if it was in s",
    (4, 1000, 29_000, None): (
        r"^Duration 29,000 ms leaves 9 samples after the first 20, where 10 are needed: take "
        r"30,000 ms \(7,500 steps\)"
    ),
    (4, 1000, 120_000, 119): "leaves 1 samples after the first 119, where 10 are needed",
    (4, 1000, 120_000, 18): SKIP.format(18),
    (4, 1000, 120_000, 20.5): SKIP.format(20.5),
    (4, 1000, 120_000, -1): SKIP.format(-1),
    (4, 735, 1000, 2): (
        r"^TR 735 ms .*; skip 2 keeps .*; duration 1,000 ms is no multiple of the TR and leaves 0"
    ),
}


@pytest.mark.parametrize(("times", "message"), BAD_TIMES.items(), ids=str)
def test_times_that_do_not_fit_are_refused_all_at_once(times, message):
    with pytest.raises(ValueError, match=message):
        check_timing(*times, 20_000)


def test_the_times_that_are_proposed_would_do():
    trs = [645, 720, 735, 800.5, 1000, 1490, 2000, 2199, 2200, 3001]
    for dt, tr, duration, skip in itertools.product([0.3, 4], trs, [5000, 123_456], [None, 1]):
        with pytest.raises(ValueError, match="would do together") as refusal:
            check_timing(dt, tr, duration, skip, 20_000)
        proposed = re.search(r"dt=(\S+), tr=(\S+), duration=(\S+), skip=(\d+)", str(refusal.value))
        times = [float(x) for x in proposed.groups()[:3]]
        assert 0.5 * dt <= times[0] <= dt
        timing = check_timing(*times, int(proposed[4]), 20_000)
        assert timing.n_samples - timing.skip >= 10
        assert timing.n_steps * times[0] == pytest.approx(times[2], rel=1e-12)


def test_times_have_to_be_times():
    message = r"time in ms: dt = '4', tr = -1, duration = nan, kernel_duration = None; pass one"
    with pytest.raises(ValueError, match=message):
        check_timing("4", -1, np.nan, None, None)


def test_bounds():
    given = {"G": [0, np.float32(0.5)], "w": np.array([0.001, 0.7])}
    assert check_bounds(given) == {"G": (0.0, 0.5), "w": (0.001, 0.7)}
    assert check_bounds({"w": ["9e-2", "1e-1"]}) == {"w": (0.09, 0.1)}  # as YAML reads them


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"w": (0.7, 0.001)}, r"^The bounds of w, \(0.7, 0.001\), must rise\.$"),
        ({"G": (0, 1), "w": (0.1, 0.1)}, r"The bounds of w, \(0.1, 0.1\), must rise"),
        ({"w": (0, np.inf)}, r"The bounds of w, \(0, inf\), must be finite"),
        ({"w": (np.nan, 1)}, r"The bounds of w, \(nan, 1\), must be finite"),
        ({"w": (0.1, None)}, r"The bounds of w, \(0.1, None\), must be two numbers"),
        ({"w": 0.7}, "The bounds of w, 0.7, must be two numbers"),
        ([(0, 1)], "The bounds have to be a dictionary"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(ValueError, match=message):
        check_bounds(bounds)


def test_data_are_read_without_jax():
    """So that a script can look at its data before devices are set."""
    code = (
        "import sys, bnmfit.folders, bnmfit.open_data, bnmfit.predictors; "
        "print('jax' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
