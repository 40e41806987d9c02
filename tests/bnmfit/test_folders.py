"""A folder with a brain's data: each form reads the same, is put right with a word, or refused."""

from bnmfit.data import check_connectome, check_target
from bnmfit.folders import Folder, FolderError, read_folder, write_settings
from bnmfit.settings import DEFAULTS, Settings, read_settings

import bz2
import dataclasses
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
import yaml
from arrays import put

LABELS = ("L.A", "L.B", "L.C", "L.D", "R.A", "R.B", "R.C", "R.D")
N = len(LABELS)
rng = np.random.default_rng(0)
SERIES = rng.standard_normal((60, N)) + rng.standard_normal((60, 1))
FC = np.corrcoef(SERIES.T)
FC = (FC + FC.T) / 2 * (1 - np.eye(N))
WEIGHTS = rng.uniform(0.1, 0.9, (N, N))
WEIGHTS = (WEIGHTS + WEIGHTS.T) / 2 * (1 - np.eye(N))
WEIGHTS[1, 2] = WEIGHTS[2, 1] = 1
LENGTHS = 100 * WEIGHTS
MAPS = pd.DataFrame({"myelin": np.arange(N) / 4, "thickness": SERIES[0]}, LABELS)
CENTRES = np.column_stack(
    [np.repeat([-30.5, 30.5], 4), *np.random.default_rng(1).uniform(-60, 60, (2, N)).round(1)]
)
TIMES = 0.72 * np.arange(60)
MINUS = [1, 2, 3, 4, 6, 7]  # without L.A and R.B
KNOWN = "tr: 720\nduration: 600480\n"


def table(array, rows=LABELS, columns=None):
    return pd.DataFrame(array, rows, rows if columns is None else columns)


def of_series(array=SERIES):
    return pd.DataFrame(array, columns=LABELS)


def of_centres(labels=LABELS):
    return pd.DataFrame(CENTRES, labels, list("xyz"))


def save(path, content):
    """Write what a file of this name holds: text, a table, an array or several arrays."""
    path.parent.mkdir(exist_ok=True, parents=True)
    separator = {".csv": ",", ".tsv": "\t", ".txt": " "}.get(path.suffix.lower())
    if isinstance(content, str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    elif isinstance(content, pd.DataFrame):
        content.to_csv(path, sep=separator)
    elif separator:
        np.savetxt(path, content, fmt="%.17g", delimiter=separator)
    elif path.suffix == ".npy":
        np.save(path, content)
    elif path.suffix == ".npz":
        np.savez(path, **in_arrays(content, path.stem))
    else:
        scipy.io.savemat(path, in_arrays(content, path.stem))


def in_arrays(content, name):
    return content if isinstance(content, dict) else {name: content}


BRAIN = {"weights.csv": table(WEIGHTS), "fc.csv": table(FC), "study.yml": KNOWN}


def make(folder, files):
    """Fill a folder with a brain, with other files, or without those that are None."""
    for name, content in (BRAIN | files).items():
        if content is not None:
            save(folder / name, content)
    return folder


@pytest.fixture
def read(tmp_path):
    return lambda files: read_folder(make(tmp_path / "brain", files))


def with_bold(content, name="bold.csv"):
    return {"fc.csv": None, name: content}


def said(folder, pattern):
    """Whether exactly one note says so."""
    return sum(bool(re.search(pattern, note)) for note in folder.notes) == 1


def archive(path, prefix="", zipped=False, **files):
    """Write a connectivity of TVB."""
    with zipfile.ZipFile(path, "w") as target:
        for name, text in files.items():
            data = bz2.compress(text.encode()) if zipped else text
            target.writestr(f"{prefix}{name}.txt" + ".bz2" * zipped, data)


def lines(rows):
    return "\n".join(" ".join(map(str, row)) for row in rows) + "\n"


TEXT = (".csv", ".tsv", ".txt", ".CSV")
SUFFIXES = (*TEXT, ".npy", ".npz", ".mat")


@pytest.mark.parametrize(
    ("suffix", "labelled"),
    [(suffix, False) for suffix in SUFFIXES] + [(suffix, True) for suffix in TEXT],
)
def test_every_format_reads_the_same(read, suffix, labelled):
    form = table if labelled else np.asarray
    folder = read(
        {
            "weights.csv": None,
            "fc.csv": None,
            f"Weights{suffix}": form(WEIGHTS),
            f"lengths{suffix}": form(LENGTHS),
            f"FC{suffix}": form(FC),
            f"bold{suffix}": of_series() if labelled else SERIES,
            f"maps{suffix}": MAPS if labelled else MAPS.to_numpy(),
            f"Centres{suffix}": of_centres() if labelled else CENTRES,
            "labels.txt": lines([[label] for label in LABELS]),
        }
    )
    assert isinstance(folder, Folder)
    assert folder.labels == LABELS
    for name, values in {"weights": WEIGHTS, "lengths": LENGTHS, "fc": FC}.items():
        assert np.allclose(getattr(folder, name), values, rtol=0, atol=1e-14)
        assert not getattr(folder, name).flags.writeable
    assert np.array_equal(folder.sessions["bold"], SERIES)
    assert np.array_equal(list(folder.maps.values()), MAPS.to_numpy().T)
    assert np.array_equal(folder.centres, CENTRES)
    assert list(folder.maps) == (list(MAPS) if labelled else ["map 1", "map 2"])
    assert folder.files["weights"] == f"Weights{suffix}"
    assert folder.files["labels"] == "labels.txt"
    assert folder.settings.tr == 720
    assert said(folder, "read in the order of labels.txt: .*maps") != labelled
    assert check_connectome(folder.weights, folder.lengths, folder.labels).notes == ()
    assert check_target(folder.fc, folder.labels).notes == ()


@pytest.mark.parametrize("suffix", [".npy", ".mat", ".csv"])
def test_single_precision_is_said_and_close(read, suffix):
    files = {"fc.csv": None, "fc.npy": FC, "weights.csv": None}
    folder = read(files | {f"weights{suffix}": WEIGHTS.astype("f4")})
    assert np.allclose(folder.weights, WEIGHTS, rtol=0, atol=1e-6)
    assert folder.weights.dtype == np.float64
    assert said(folder, f"weights{suffix}: the weights came as float32") == (suffix != ".csv")


CELLS = np.array([np.array([label]) for label in LABELS], dtype=object)
LABEL_FILES = {
    "labels.txt": lines([[label] for label in LABELS]),
    "labels.tsv": "\t".join(LABELS),
    "labels.csv": "\n".join(["index,name,x", *(f"{k},{x},0" for k, x in enumerate(LABELS))]),
    "Labels.CSV": "region\n" + "\n".join(LABELS),
    "labels.npy": np.array(LABELS),
    "labels.npz": np.array(LABELS),
    "labels.mat": {"labels": CELLS, "volumes": np.arange(3.0)},
}


@pytest.mark.parametrize("name", LABEL_FILES)
def test_labels_come_in_many_forms(read, name):
    folder = read({"weights.csv": None, "weights.txt": WEIGHTS, name: LABEL_FILES[name]})
    assert folder.labels == LABELS


def test_labels_of_a_text_keep_their_spaces(read):
    named = [f"{label} of the cortex" for label in LABELS]
    files = {"weights.csv": WEIGHTS, "fc.csv": FC, "labels.txt": "\n".join(named)}
    assert read(files).labels == tuple(named)


WITH_CENTRES = {
    # files that have them, in several forms
    "headed": ({"centres.csv": of_centres().to_csv(index_label="region")}, ()),
    "headed, in another order": ({"centres.csv": of_centres().iloc[::-1]}, "put into the order"),
    "headed, columns of other things": (
        {"centres.tsv": of_centres().assign(area=1.0)[["area", "z", "y", "x"]]},
        "columns x, y and z were taken",
    ),
    "without head": ({"centres.txt": of_centres().to_csv(sep=" ", header=False)}, ()),
    "without labels": ({"centres.npy": CENTRES}, "Without labels, and read in .*: centres.npy"),
    "beside the labels": (
        {"labels.csv": of_centres().to_csv(index_label="label")},
        "labels.csv: its columns x, y and z were taken as coordinates",
    ),
    "beside the labels of a text": (
        {"labels.txt": of_centres().to_csv(index_label="label", sep=" ")},
        "labels.txt: its columns x, y and z were taken as coordinates",
    ),
    "the only labels": (
        {
            "weights.csv": WEIGHTS,
            "fc.csv": FC,
            "centres.txt": of_centres().to_csv(sep=" ", header=False),
        },
        "Without labels, and read in the order of centres.txt",
    ),
}


@pytest.mark.parametrize("left_out", [(), ("L.A", "R.B")])
@pytest.mark.parametrize(("files", "note"), WITH_CENTRES.values(), ids=WITH_CENTRES)
def test_coordinates_are_found(read, files, note, left_out):
    more = {"study.yml": KNOWN + f"leave_out: [{', '.join(left_out)}]"}
    folder = read(files | more)
    keep = MINUS if left_out else list(range(N))
    assert folder.labels == tuple(LABELS[k] for k in keep)
    assert np.array_equal(folder.centres, CENTRES[keep])
    assert not folder.centres.flags.writeable
    assert not note or said(folder, note)


def test_coordinates_that_a_picture_has_to_know_of_are_said(read):
    assert not said(read({"centres.csv": of_centres()}), "size|side")
    in_metres = read({"centres.csv": of_centres() / 1000})
    assert said(in_metres, r"spread over 0\.\d+ at most, which in mm is no brain's size")
    mirrored = read({"centres.csv": of_centres() * [-1, 1, 1]})
    assert said(mirrored, "by their labels, 8 of 8 regions are on the other side")
    assert np.array_equal(mirrored.centres, CENTRES * [-1, 1, 1])


def test_without_labels_regions_are_numbered(read):
    folder = read({"weights.csv": WEIGHTS, "fc.csv": FC})
    assert folder.labels == tuple(f"region {k + 1}" for k in range(N))
    assert folder.lengths is None
    assert folder.centres is None
    assert folder.sessions == folder.maps == {}
    assert all("G is searched up to" in note for note in folder.notes)


@pytest.mark.parametrize("prefix", ["", "brain/"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("labelled", [True, False])
def test_an_archive_of_tvb_is_read(tmp_path, prefix, zipped, labelled):
    centres = [
        [label] * labelled + row for label, row in zip(LABELS, CENTRES.tolist(), strict=True)
    ]
    make(tmp_path, {"weights.csv": None, "fc.csv": None, "fc.npy": FC})
    archive(
        tmp_path / "connectivity.zip",
        prefix,
        zipped,
        weights=lines(WEIGHTS),
        tract_lengths=lines(LENGTHS),
        centres=lines(centres),
        areas="1",
    )
    folder = read_folder(tmp_path)
    assert np.allclose(folder.weights, WEIGHTS, rtol=0, atol=1e-14)
    assert np.allclose(folder.lengths, LENGTHS, rtol=0, atol=1e-14)
    assert folder.labels == (LABELS if labelled else tuple(f"region {k + 1}" for k in range(N)))
    assert np.array_equal(folder.centres, CENTRES)
    assert folder.files["centres"].endswith("centres.txt.bz2" if zipped else "centres.txt")
    end = ".txt.bz2" if zipped else ".txt"
    assert folder.files["lengths"] == f"connectivity.zip/{prefix}tract_lengths{end}"
    assert ("labels" in folder.files) == labelled
    assert said(folder, f"^Not used: connectivity.zip/{prefix}areas{end}")


def test_the_first_session_is_fitted_and_the_others_are_tests(read):
    files = {"fc.csv": None, "study.yml": "tr: 720"}
    files |= {"bold_2.csv": of_series(SERIES[:40]), "bold-1.npy": SERIES[40:]}
    folder = read(files)
    assert list(folder.sessions) == ["1", "2"]
    assert np.array_equal(folder.sessions["2"], SERIES[:40])
    assert folder.settings.duration == (20 + 28) * 720
    expected = np.corrcoef(SERIES[40:].T) - np.eye(N)
    assert np.allclose(folder.fc, expected, rtol=0, atol=1e-12)
    assert said(folder, "the first session, the others being tests: 20 samples, .* by 0.22")
    assert said(folder, "study.yml: the duration is the recording's and 20 s .*, 34,560 ms")


def test_the_range_of_the_coupling_follows_from_the_weights(read):
    folder = read({"study.yml": KNOWN})
    top = 1.9 / np.linalg.eigvals(folder.weights).real.max()
    assert folder.settings.free["G"] == pytest.approx((top / 1000, top), rel=0.01)
    assert list(folder.settings.free) == ["G", "w", "I_o", "rho"]
    assert said(folder, "study.yml: G is searched up to ")


LEFT_OUT = {
    "labelled": {
        "weights.csv": table(WEIGHTS),
        "lengths.csv": table(LENGTHS).iloc[::-1, ::-1],
        "fc.csv": table(FC),
        "bold.csv": of_series(put(SERIES, (3, 0), np.nan)),
        "maps.csv": MAPS,
    },
    "on their sides": {"bold.csv": of_series().T, "maps.csv": MAPS.T},
    "lacking some already": {
        "fc.csv": table(FC).iloc[1:, 1:],
        "bold.npy": SERIES[:, MINUS],
        "lengths.npy": LENGTHS[np.ix_(MINUS, MINUS)],
    },
    "without labels": {
        "weights.csv": WEIGHTS,
        "lengths.npy": LENGTHS,
        "fc.npy": put(put(FC, 0, np.nan), (slice(None), 0), np.nan),
        "fc.csv": None,
        "bold.mat": SERIES.T,
        "maps/myelin.txt": MAPS["myelin"].to_numpy(),
        "labels.txt": "\n".join(LABELS),
    },
    "head alone": {"weights.csv": of_series(WEIGHTS).to_csv(index=False)},
}


@pytest.mark.parametrize("files", LEFT_OUT.values(), ids=LEFT_OUT)
def test_regions_are_left_out_of_everything(read, files):
    folder = read(files | {"study.yml": KNOWN + "leave_out: [L.A, R.B]"})
    assert folder.labels == tuple(LABELS[k] for k in MINUS)
    square = np.ix_(MINUS, MINUS)
    assert np.allclose(folder.weights, WEIGHTS[square], rtol=0, atol=1e-14)
    assert np.allclose(folder.fc, FC[square], rtol=0, atol=1e-14)
    if folder.lengths is not None:
        assert np.allclose(folder.lengths, LENGTHS[square], rtol=0, atol=1e-14)
    if folder.sessions:
        assert np.array_equal(folder.sessions["bold"], SERIES[:, MINUS])
    for name, values in folder.maps.items():
        assert np.array_equal(values, MAPS[name].to_numpy()[MINUS])
    assert said(folder, "study.yml: left out of all files: L.A and R.B")
    assert said(folder, "bold.npy: it has no labels, and was taken to lack") == (
        "bold.npy" in files
    )


def test_regions_without_labels_are_left_out_by_number(read):
    more = {"weights.csv": WEIGHTS, "fc.csv": FC, "study.yml": KNOWN + "leave_out: [region 2]"}
    folder = read(more)
    assert folder.labels[:2] == ("region 1", "region 3")
    assert folder.fc[0, 1] == pytest.approx(FC[0, 2])


def test_regions_that_one_file_has_alone_can_be_left_out(read):
    more = table(np.eye(N + 1), (*LABELS, "Brainstem"))
    more.iloc[:N, :N] = FC
    folder = read({"fc.csv": more, "study.yml": KNOWN + "leave_out: [Brainstem]"})
    assert folder.labels == LABELS
    assert np.allclose(folder.fc, FC, rtol=0, atol=1e-14)


def test_rising_numbers_of_a_square_table_are_no_labels(read):
    line = 10.0 * np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    folder = read({"weights.csv": WEIGHTS, "fc.csv": FC, "lengths.csv": line})
    assert np.array_equal(folder.lengths, line)


DIRECTED = put(put(WEIGHTS, (0, 1), 0.05), 3, 0)
ROWS = DIRECTED / np.where(DIRECTED.sum(1) > 0, DIRECTED.sum(1), 1)[:, None]
SMALLEST = DIRECTED[DIRECTED > 0].min()
TRANSFORMATIONS = {
    "raw": (DIRECTED, "^$"),
    "log": (np.log(1 + DIRECTED / SMALLEST), r"weights.csv: the weights w became log\(1 \+ w /"),
    "normalised": (ROWS, "weights.csv: each row of the weights was divided by its sum"),
}


@pytest.mark.parametrize("how", TRANSFORMATIONS)
def test_weights_are_transformed_as_the_settings_say(read, how):
    expected, note = TRANSFORMATIONS[how]
    more = {"weights.csv": table(500 * DIRECTED), "study.yml": KNOWN + f"connectome: {how}"}
    folder = read(more)
    assert np.allclose(folder.weights, expected / expected.max(), rtol=0, atol=1e-12)
    assert said(folder, note) == (how != "raw")
    assert said(folder, "L.D receives from no other region")
    assert said(folder, "kept as directed")


HEADS = {
    "as R writes it": re.sub("^,", "", table(WEIGHTS).to_csv()),
    "with a byte order mark": "\ufeff" + table(WEIGHTS).to_csv(),
    "of Windows": table(WEIGHTS).to_csv().replace("\n", "\r\n"),
    "with a corner": table(WEIGHTS).to_csv(index_label="region"),
    "in quotes": table(WEIGHTS).to_csv(quoting=2),
    "after a comment": "# streamlines\n" + table(WEIGHTS).to_csv(),
    "with blank lines": table(WEIGHTS).to_csv() + "\n\n",
    "without index": of_series(WEIGHTS).to_csv(index=False),
    "without head": table(WEIGHTS).to_csv(header=False),
}


@pytest.mark.parametrize("text", HEADS.values(), ids=HEADS)
def test_labels_of_a_table_are_found(read, text):
    folder = read({"weights.csv": text})
    assert folder.labels == LABELS
    assert np.allclose(folder.weights, WEIGHTS, rtol=0, atol=1e-14)
    assert said(folder, "weights.csv: labels were read from the first")


AREAS = ("1", "2", "3a", "3b", "4", "NA", "6", "8")  # areas that look like numbers
IDS = ("1001", "1002", "1003", "1005", "10", "2001", "2002", "49")


@pytest.mark.parametrize("labels", [AREAS, IDS])
def test_labels_can_look_like_numbers(read, labels):
    bold = pd.DataFrame(SERIES, columns=labels)
    folder = read({"weights.csv": table(WEIGHTS, labels), "fc.csv": None, "bold.csv": bold})
    assert folder.labels == labels
    assert np.array_equal(folder.sessions["bold"], SERIES)


@pytest.mark.parametrize(
    "form", [pd.DataFrame(WEIGHTS).to_csv(), pd.DataFrame(WEIGHTS).to_csv(index=False)]
)
def test_numbers_in_order_are_no_labels(read, form):
    folder = read({"weights.csv": form, "fc.npy": FC, "fc.csv": None})
    assert folder.labels[0] == "region 1"
    assert np.allclose(folder.weights, WEIGHTS, rtol=0, atol=1e-14)


ONES = "fc.csv: the diagonal of the FC was 1, and was set to 0"
PUT_RIGHT = {
    # files, what is noted
    "self-connections": (
        {"weights.csv": table(WEIGHTS + np.eye(N))},
        "weights.csv: the diagonal of the weights was 1, and was set to 0",
    ),
    "a missing diagonal": (
        {"weights.csv": table(WEIGHTS + np.diag([np.nan] * N))},
        "weights.csv: the diagonal of the weights was nan, and was set to 0",
    ),
    "a missing diagonal without labels": (
        {"weights.csv": (WEIGHTS + np.diag([np.nan] * N)), "fc.csv": FC},
        "weights.csv: the diagonal of the weights was nan",
    ),
    "counts": ({"weights.csv": table(200 * WEIGHTS)}, "divided by the largest of them, 200"),
    "directed": (
        {"weights.csv": table(put(WEIGHTS, (0, 1), 0.05))},
        "weights.csv: the weights differ between the two directions, .* kept as directed",
    ),
    "a row of zeros": (
        {"weights.csv": table(put(WEIGHTS, 3, 0))},
        "weights.csv: by the weights, L.D receives from no other region",
    ),
    "half a head": (
        {"weights.csv": of_series(WEIGHTS).to_csv(index=False)},
        "weights.csv: only the columns of the weights have labels",
    ),
    "ones in FC": ({"fc.csv": table(FC + np.eye(N))}, ONES),
    "FC in another order": (
        {"fc.csv": table(FC).iloc[::-1, ::-1]},
        "fc.csv: the regions of the FC were put into the order of the connectome",
    ),
    "sparse": (
        {"fc.csv": None, "fc.mat": scipy.sparse.csc_array(FC)},
        "read in the order of weights.csv: fc.mat",
    ),
    "arrays": (
        {"fc.csv": None, "fc.mat": {"fc": FC, "p": FC, "note": "of 2019"}},
        "fc.mat: of its arrays, fc was read, and not p and note",
    ),
    "on its side": (
        with_bold(SERIES.T, "bold.npy"),
        r"bold.npy: the series came as regions by time, \(8, 60\), and was transposed",
    ),
    "on its side, with labels and times": (
        with_bold(table(SERIES.T, LABELS, TIMES)),
        r"bold.csv: the series came as regions by time, \(8, 60\), and was transposed",
    ),
    "FC and BOLD": (
        {"bold.csv": of_series() + SERIES[:, :1]},
        r"fc.csv: it differs by up to 0.\d+ from the FC of the BOLD, and is used",
    ),
    "short": (with_bold(of_series(SERIES[:12])), "12 samples, .* uncertain by 0.29 or more"),
    "lengths of 0": (
        {"lengths.csv": table(put(LENGTHS, ([0, 1], [1, 0]), 0))},
        "lengths.csv: connections with a length of 0, so without delay: 2",
    ),
    "no labels": (
        {"fc.csv": FC},
        "^Without labels, and read in the order of weights.csv: fc.csv",
    ),
    "maps without names": (
        {"maps.txt": MAPS.to_numpy()},
        "maps.txt: its columns have no names, and are called map 1 and map 2",
    ),
    "maps on their side": ({"maps.csv": MAPS.T}, "a column for each region, and was transposed"),
    "another file": ({"notes.docx": "x", "maps.pdf/a.csv": "1"}, "used: maps.pdf/ and notes.docx"),
    "a comment": (
        {"weights.csv": "# of 2019\n" + table(WEIGHTS).to_csv()},
        "weights.csv: row 1, '# of 2019', was taken as a comment",
    ),
}


@pytest.mark.parametrize(("files", "note"), PUT_RIGHT.values(), ids=PUT_RIGHT)
def test_what_can_be_used_is_put_right_with_a_word(read, files, note):
    folder = read(files)
    assert said(folder, note)
    assert all(text[-1] == "." for text in folder.notes)


def test_times_of_samples_are_no_region(read):
    for files in (
        with_bold(pd.DataFrame(SERIES, TIMES, LABELS)),
        with_bold(pd.DataFrame(SERIES, TIMES, LABELS).to_csv(index_label="time")),
    ):
        assert np.array_equal(read(files).sessions["bold"], SERIES)


@pytest.mark.parametrize("labelled", [True, False])
def test_maps_can_be_files(read, labelled):
    files = {
        f"maps/{name}.csv": MAPS[[name]] if labelled else MAPS[name].to_numpy() for name in MAPS
    }
    folder = read(files | {"maps/readme": "x", "maps/.hidden": "x"})
    assert list(folder.maps) == list(MAPS)
    assert np.array_equal(list(folder.maps.values()), MAPS.to_numpy().T)
    assert folder.files["maps/myelin"] == "maps/myelin.csv"
    assert said(folder, "Not used: maps/readme")


LEAVE = r"list them under leave_out in study\.yml\.$"
ISOLATED = put(put(WEIGHTS, 3, 0), (slice(None), 3), 0)
OTHERS = (*LABELS[:-1], "R.X")
OLD_MATLAB = b"MATLAB 7.3".ljust(124) + b"\x00\x02IM" + bytes(400)
REFUSED = {
    # files that are not there or not readable
    "no weights": (
        {"weights.csv": None},
        r"^brain holds no weights: add each as one of .csv, .*mat",
    ),
    "nothing": (
        {"weights.csv": None, "fc.csv": None},
        "^brain holds no weights and no fc or bold: add",
    ),
    "another form": (
        {"weights.csv": None, "weights.xlsx": "x"},
        "^brain holds no weights, but weights.xlsx: add each",
    ),
    "twice": (
        {"weights.npy": WEIGHTS},
        "^weights.csv and weights.npy both hold the weights: keep one of them",
    ),
    "maps twice": (
        {"maps.csv": MAPS, "maps/a.csv": MAPS},
        "^maps.csv and maps/a.csv both hold maps: keep the table or the folder",
    ),
    "BOLD twice": (
        {"bold.csv": of_series(), "bold_1.csv": of_series()},
        "^bold.csv and bold_1.csv can hold the same: keep bold alone, or a file for each session",
    ),
    "several persons": (
        {"bold_sub-01.csv": of_series(), "bold_sub-02.csv": of_series()},
        "^bold_sub-01.csv and bold_sub-02.csv are of several persons: make a folder for each",
    ),
    "persons in an array": (
        with_bold(np.stack([SERIES, SERIES]), "bold.npy"),
        r"^bold.npy: the shape of the array is \(2, 60, 8\), .* save one file for each session",
    ),
    "no zip": (
        {"weights.csv": None, "weights.zip": "x"},
        "^brain holds no weights, but weights.zip: add each",
    ),
    "empty": ({"weights.csv": ""}, "^weights.csv: it is empty: fill it, or remove it"),
    "not UTF-8": (
        {"weights.csv": "µ".encode("latin1")},
        "^weights.csv: it is no text in UTF-8: save it as such",
    ),
    "bytes": ({"weights.csv": bytes(100)}, "^weights.csv: it is no text in UTF-8: save it as such"),
    "damaged": (
        {"weights.csv": None, "weights.mat": "x"},
        "^weights.mat: it cannot be read as .mat: save numbers",
    ),
    "objects": (
        {"weights.csv": None, "weights.npy": WEIGHTS.astype(object)},
        "^weights.npy: it cannot be read as .npy: save numbers alone",
    ),
    "MATLAB 7.3": (
        {"weights.csv": None, "weights.mat": OLD_MATLAB},
        r"^weights.mat: it is of MATLAB's version 7.3: save it with save\(..., '-v7'\)",
    ),
    "several arrays": (
        {"weights.csv": None, "weights.npz": {"a": WEIGHTS, "b": FC}},
        "^weights.npz: it holds a and b: leave one array of numbers in it, or call one weights",
    ),
    "no array": (
        {"fc.csv": None, "fc.mat": {"a": "text"}},
        "^fc.mat: it holds a: leave one array of numbers",
    ),
    "text": (
        {"weights.csv": table(WEIGHTS).to_csv().replace("1.0", "one", 1)},
        "^weights.csv: row 3 has 'one' in column 4, which is no number: write .* decimal point",
    ),
    "semicolons": (
        {"weights.csv": table(WEIGHTS).to_csv(sep=";")},
        "^weights.csv: row 2 has 'L.A;.*, which is no number: .* and commas between them",
    ),
    "ragged": (
        {"weights.csv": "0,1,1\n1,0\n1,1,0"},
        "^weights.csv: row 2 has 2 cells, but row 1 has 3: give all rows as many",
    ),
    "labels alone": (
        {"weights.csv": "L.A,L.B"},
        "^weights.csv: there are labels, but no numbers: add rows",
    ),
    "columns of labels": (
        {"labels.csv": "1,L.A\n2,L.B"},
        "^labels.csv: there are 2 columns: head that of the labels with label, or leave it alone",
    ),
    # labels and shapes
    "few labels": (
        {"weights.csv": WEIGHTS, "labels.txt": "L.A\nL.B"},
        "^labels.txt: there are 2 labels, but 8 regions: pass a list with one label",
    ),
    "labels in another order": (
        {"labels.txt": "\n".join(LABELS[::-1])},
        "^labels.txt: region 1 is L.A in the table of weights, but R.D .*: remove this file, or",
    ),
    "labels twice": (
        {"weights.csv": table(WEIGHTS, ["L.A", *LABELS[:-1]])},
        r"^weights.csv: labels occur twice \(L.A\): give each region its own name",
    ),
    "not square": (
        {"weights.csv": WEIGHTS[:3]},
        r"^weights.csv: the shape of .* \(3, 8\): pass a square",
    ),
    "other size": (
        {"fc.csv": FC[:3, :3]},
        r"^fc.csv: the shape of the FC is \(3, 3\), but the connectome has 8",
    ),
    "other regions": (
        {"fc.csv": table(FC, OTHERS)},
        r"^fc.csv: .* \(without R.D, with R.X\): give both the same labels, or list what only one ",
    ),
    "labels of one alone": (
        {"weights.csv": WEIGHTS},
        r"^fc.csv: the labels of the FC .* with L.A.*: give both the same labels, or list what",
    ),
    "lengths of others": (
        {"lengths.csv": table(LENGTHS, OTHERS)},
        r"^lengths.csv: .* \(without R.D, with R.X\): give both",
    ),
    "maps of one name": (
        {"maps.csv": "region,a,a\n" + "\n".join(f"{label},1,2" for label in LABELS)},
        r"^maps.csv: labels occur twice \(a\)",
    ),
    "other regions of centres": (
        {"centres.csv": of_centres(OTHERS)},
        r"^centres.csv: the labels of the coordinates .* \(without R.D, with R.X\): give both",
    ),
    "centres of another size": (
        {"centres.npy": CENTRES[:3]},
        r"^centres.npy: the shape of the coordinates is \(3, 3\), but the connectome has 8",
    ),
    "two coordinates": (
        {"centres.npy": CENTRES[:, :2]},
        r"^centres.npy: the shape of the coordinates is \(8, 2\): pass x, y and z, a row for",
    ),
    "two coordinates in text": (
        {"centres.csv": of_centres()[["x", "y"]]},
        "^centres.csv: row 1 has no three numbers for x, y and z: give each region as many",
    ),
    "a coordinate too many": (
        {"labels.txt": "label x y z\n" + lines([[label, 1, 2, 3, 4] for label in LABELS])},
        "^labels.txt: row 2 has no three numbers for x, y and z",
    ),
    "centres twice": (
        {"centres.npy": CENTRES, "labels.csv": of_centres().to_csv(index_label="label")},
        "^centres.npy and labels.csv both hold the centres: keep one of them",
    ),
    # numbers
    "centres missing": (
        {
            "centres.csv": of_centres()
            .mask(of_centres() == CENTRES[2, 1])
            .to_csv(index_label="label")
        },
        f"^centres.csv: NaN or infinite coordinates of L.C: fill them in, or {LEAVE}",
    ),
    "centres in one place": (
        {"centres.npy": np.ones((N, 3))},
        "^centres.npy: the coordinates are the same for all regions: pass those of each",
    ),
    "negative": (
        {"weights.csv": table(put(WEIGHTS, (0, 1), -0.3))},
        "^weights.csv: negative entries of the weights: 1, .* -0.3 from L.B to L.A; pass numbers",
    ),
    "missing": (
        {"weights.csv": table(put(WEIGHTS, (2, 4), np.nan))},
        f"^weights.csv: NaN or infinite entries of the weights: 1, all with L.C; .*{LEAVE}",
    ),
    "isolated": (
        {"weights.csv": table(ISOLATED)},
        f"^weights.csv: the weights leave L.D without any connection: {LEAVE}",
    ),
    "half": (
        {"weights.csv": table(np.triu(WEIGHTS))},
        "^weights.csv: only the upper triangle of the weights is filled: pass both",
    ),
    "negative lengths": (
        {"lengths.csv": table(-LENGTHS)},
        "^lengths.csv: negative entries of the lengths: 56, the lowest -100",
    ),
    "FC missing": (
        {"fc.csv": table(put(FC, (1, slice(None)), np.nan))},
        f"^fc.csv: NaN or infinite entries of the FC: 7, all with L.B; fill them in, or {LEAVE}",
    ),
    "covariance": (
        {"fc.csv": table(9 * np.cov(SERIES.T))},
        "^fc.csv: the FC has .* it looks like a covariance",
    ),
    "flat": (
        with_bold(of_series(put(SERIES, (slice(None), 5), 3))),
        f"^bold.csv: the series of R.B does not vary, so it correlates with none: {LEAVE}",
    ),
    "BOLD missing": (
        with_bold(of_series(put(SERIES, (3, 2), np.nan))),
        f"^bold.csv: NaN or infinite entries of the series: 1, in L.C; interp.*, or {LEAVE}",
    ),
    "too short": (
        with_bold(of_series(SERIES[:9])),
        "^bold.csv: the series has 9 samples, too few for a correlation: pass at least 10",
    ),
    "FC called BOLD": (
        with_bold(FC),
        "^bold.csv: the series is a symmetric matrix: call the file fc if it is one",
    ),
    "times": (
        with_bold(pd.DataFrame(SERIES, 2 * TIMES, LABELS)),
        r"^bold.csv: .* are 1.44 apart .*, but the TR is 720 ms: correct tr in study.yml\.$",
    ),
    "map missing": (
        {"maps.csv": MAPS.mask(MAPS == 0.5)},
        f"^maps.csv: NaN or infinite values of the map 'myelin': 1, in L.C; fill .*, or {LEAVE}",
    ),
    "map of another size": (
        {"maps/a.txt": MAPS.to_numpy()[:3, :1]},
        r"^maps/a.txt: .* \(3,\), but the connectome has 8 regions",
    ),
    # what the settings say of files
    "unknown region": (
        {"study.yml": KNOWN + "leave_out: [L.A, R.Z]"},
        "^study.yml: leave_out names R.Z, which no file has: take labels of regions, such as L.A",
    ),
    "number of a region": (
        {"weights.csv": WEIGHTS, "fc.csv": FC, "study.yml": KNOWN + "leave_out: [3]"},
        "^study.yml: leave_out names 3, which no file has: take labels of .*, such as region 1",
    ),
    "no TR": (
        with_bold(of_series()) | {"study.yml": ""},
        "^study.yml: fill in tr, in ms, which the other",
    ),
    "no times": (
        {"study.yml": "tr: null"},
        "^study.yml: fill in tr and duration, in ms, which the other",
    ),
}


def assert_is_one_sentence(text):
    assert text[-1] == "."
    assert ". " not in text.replace("e.g. ", "")


@pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_one_sentence(read, files, message):
    with pytest.raises(FolderError, match=message) as refusal:
        read(files)
    assert_is_one_sentence(str(refusal.value))


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(FolderError, match="no folder: pass one that holds weights, and fc or bold"):
        read_folder(tmp_path / "nowhere")


def test_settings_are_written_once_and_said(tmp_path):
    make(tmp_path, with_bold(of_series()) | {"study.yml": None})
    with pytest.raises(FolderError, match=r"^study\.yml, new in .*: fill in tr, in ms") as refusal:
        read_folder(tmp_path)
    assert_is_one_sentence(str(refusal.value).replace(str(tmp_path), "brain"))
    path = tmp_path / "study.yml"
    assert path.read_text() == DEFAULTS
    path.write_text(DEFAULTS.replace("tr: null", "tr: 720"))
    folder = read_folder(tmp_path)
    assert "tr: 720" in path.read_text()
    assert folder.settings.duration == (60 + 28) * 720
    with pytest.raises(FileExistsError):
        write_settings(tmp_path)
    assert "tr: 720" in path.read_text()


def test_each_key_has_a_default_below_a_comment(tmp_path):
    write_settings(tmp_path)
    keys = [field.name for field in dataclasses.fields(Settings)]
    assert list(yaml.safe_load(DEFAULTS)) == keys
    for key in keys:
        assert re.search(rf"\n\n# .*(\n# .*)*\n{key}:", DEFAULTS)
    assert read_settings(tmp_path) == Settings(
        name=tmp_path.name,
        tr=None,
        duration=None,
        kernel="double-gamma",
        connectome="raw",
        shared_noise=True,
        free={"G": None, "w": (0.001, 0.7), "I_o": (0.2, 0.45), "rho": (0.0, 0.9)},
        seed=0,
        leave_out=(),
    )
    (tmp_path / "study.yml").write_text("")
    assert read_settings(tmp_path).free["w"] == (0.001, 0.7)


def test_settings_are_read(read):
    text = """
    name: my brain
    kernel: double-gamma
    shared_noise: true
    free: {I_o: [0.3, 4e-1], G: [0, 1]}
    seed: 7
    """
    settings = read({"study.yml": KNOWN + text.replace("\n    ", "\n")}).settings
    assert (settings.name, settings.kernel, settings.seed) == ("my brain", "double-gamma", 7)
    assert settings.free == {"I_o": (0.3, 0.4), "G": (0, 1), "rho": (0, 0.9)}
    assert list(settings.free) == ["I_o", "G", "rho"]


BAD_SETTINGS = {
    "TR: 720": "There is no key TR: the keys are name, tr, duration, .* and leave_out",
    "tr: 0.72": "value of tr is 0.72, but has to be a time in ms, as 720, not 0.72",
    "tr: fast": "value of tr is 'fast', but has to be a time in ms",
    "tr: true": "value of tr is True, but has to be a time in ms",
    "duration: -1": "value of duration is -1, but has to be a time in ms, as 600000, or null",
    "tr: 720\nduration: 600000": "multiple of tr, 720 ms, and at least 10 of it: take 599760",
    "tr: 720\nduration: 600": "duration, 600 ms, has to be a multiple .*: take 7200",
    "name: 12": "value of name is 12, but has to be text, if need be quoted",
    "kernel: gamma": "value of kernel is 'gamma', but has to be volterra or double-gamma",
    "kernel:": "value of kernel is empty, but has to be volterra or double-gamma",
    "connectome: [raw]": r"connectome is \['raw'\], but has to be raw, log or normalised",
    "shared_noise: 1": "value of shared_noise is 1, but has to be true or false",
    "seed: 0.5": "value of seed is 0.5, but has to be a whole number of 0 or more",
    "leave_out: L.A": r"leave_out is 'L.A', but has to be a list of labels, as \[L.A, R.A\]",
    "leave_out: [no]": r"leave_out is \[False\], but has to be .*, if need be quoted",
    "free: [G, w]": r"free is \['G', 'w'\], but has to be a list of parameters with bounds, as G: ",
    "free: {g: [0, 1], w: [0, 1]}": "nder free is g: the parameters are G, w, I_o, sigma and rho",
    "free: {G: [1, 0], w: [0, 1]}": r"bounds of G, \(1, 0\), must rise",
    "free: {G: 1, w: [0, 1]}": "bounds of G, 1, must be two numbers",
    "shared_noise: false\nfree: {G: [0, 1]}": "nder free is G: give at least two, as G and w",
    "shared_noise: false\nfree: {G: [0, 1], sigma: [0, 1]}": (
        "nder free is G and sigma: give at least two, as G and w; sigma, .* does not count"
    ),
    "shared_noise: false\nfree: {G: [0, 1], rho: [0, 1]}": (
        "rho, but no noise is shared: set shared_noise to true"
    ),
    "- tr": "It has no keys: write key, colon, space and value",
    "name: brain\ntr: [": "Line 2 is no YAML: write key, colon, space and value",
}


@pytest.mark.parametrize(("text", "message"), BAD_SETTINGS.items(), ids=BAD_SETTINGS)
def test_bad_settings_are_refused(read, text, message):
    with pytest.raises(FolderError, match=f"(?i)^study.yml: .*{message}") as refusal:
        read({"study.yml": text})
    assert_is_one_sentence(str(refusal.value))
