"""The zip of the book installs as a wheel, and a chapter runs with it from an empty folder."""

from bnmbook.bundle import FIRST_LINES, NAME, write_bundle
from bnmbook.releases import BROUGHT, lacking, pack

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
from bnmfit.devices import use_devices

use_devices(2)

import bnmfit.study
import numpy as np
from tvboptim.experimental.network_dynamics.coupling import LinearCoupling
from tvboptim.experimental.network_dynamics.dynamics.tvb import ReducedWongWang
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise

rng = np.random.default_rng(0)
weights, series = rng.uniform(size=(8, 8)), rng.standard_normal((60, 8))
study = bnmfit.study.Study(
    "from an empty folder",
    weights + weights.T,
    np.corrcoef(series.T),
    dynamics=ReducedWongWang(INITIAL_STATE=(0.3,)),
    coupling={"instant": LinearCoupling(incoming_states="S", G=0.05)},
    noise=AdditiveNoise(sigma=0.003, apply_to="S"),
    dt=5.0,
    duration=30_000.0,
    tr=1000.0,
)
print(bnmfit.study.__file__)
print(float(study.loss(study.state)))
"""


RUN_CHAPTER = """
import sys
from bnmbook.kernels import execute
from importlib.util import find_spec
from pathlib import Path

import nbformat

nbformat.write(execute(Path.cwd() / sys.argv[1], BOOK_RESULTS="require"), "executed.ipynb")
print(*(find_spec(name).origin for name in ("_common", "bnmbook", "bnmfit")), sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel, built from the zip file that the site offers."""
    folder = tmp_path_factory.mktemp("wheel")
    bundle = write_bundle(ROOT, folder)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, bundle], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A new environment with the wheel; what it depends on is that of this environment.

    Returns
    -------
    pathlib.Path
        Its Python.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = next(
        path for path in (folder / "bin/python", folder / "Scripts/python.exe") if path.exists()
    )
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--no-index", wheel], check=True)
    (packages,) = folder.rglob("site-packages")
    # The book of this environment is not among these: an editable package is found otherwise.
    (packages / "dependencies.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    return python


def run_in(folder, python, *arguments):
    """Run a Python in a folder that it does not share with the book."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_the_wheel_holds_the_rooms_and_what_chapters_need(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"_common.py", "_people.py", "bnmfit/study.py", "bnmbook/results.py"} <= names
    assert all(any(ROOT.glob(pattern)) for pattern in BROUGHT)
    assert lacking(wheel, ROOT) == []
    assert not [name for name in names if name.startswith(("tests", "chapters", "benchmarks"))]


def test_the_sources_of_a_release_make_the_same_wheel(wheel, tmp_path):
    with zipfile.ZipFile(write_bundle(ROOT, tmp_path)) as bundle:
        bundle.extractall(tmp_path)
    _, of_sources = pack(tmp_path / NAME, tmp_path / "packed")
    of_zip, of_sources = (
        {file.filename: file.CRC for file in zipfile.ZipFile(path).infolist()}
        for path in (wheel, of_sources)
    )
    assert of_sources == of_zip


def test_a_study_can_be_built_from_an_empty_folder(elsewhere, tmp_path):
    run = run_in(tmp_path, elsewhere, "-c", SCRIPT)
    where, loss = run.stdout.split("\n")[:2]
    assert Path(where).is_relative_to(elsewhere.parents[1]), run.stderr
    assert 0 < float(loss) < 1


def test_a_chapter_runs_in_an_empty_folder_with_the_wheel_alone(elsewhere, tmp_path):
    """With its stored results, which the wheel brings, and without leaving anything behind."""
    name = "15-bayes-in-one-picture.ipynb"
    shutil.copy(ROOT / "chapters" / name, tmp_path)
    run = run_in(tmp_path, elsewhere, "-c", RUN_CHAPTER, name)
    assert run.returncode == 0, run.stderr[-3000:]
    assert all(Path(p).is_relative_to(elsewhere.parents[1]) for p in run.stdout.split())
    executed = nbformat.read(tmp_path / "executed.ipynb", as_version=4)
    pictures = [
        o for c in executed.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    assert pictures
    assert {path.name for path in tmp_path.iterdir()} == {name, "executed.ipynb"}
    (packages,) = elsewhere.parents[1].rglob("site-packages")
    assert not (packages / "bnmbook" / "book" / "img").exists()


@pytest.mark.parametrize("module", ["_common", "_people"])
def test_without_the_book_a_chapter_says_in_one_sentence_how_to_get_it(tmp_path, module):
    first = FIRST_LINES.replace("MODULE", module)
    run = run_in(tmp_path, sys.executable, "-I", "-S", "-c", first)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: Install the book that this chapter needs, then run this cell again: "
        "%pip install ADDRESS (of its zip file, or of its repository)"
    )


@pytest.mark.parametrize(
    "chapter", sorted(ROOT.glob("chapters/*.ipynb")), ids=lambda path: path.stem
)
def test_every_chapter_begins_by_looking_for_the_book(chapter):
    cells = nbformat.read(chapter, as_version=4).cells
    first = next(cell.source for cell in cells if cell.cell_type == "code")
    module = "_people" if "from _people import" in first else "_common"
    lines = "".join(line for line in first.splitlines(True) if not line.startswith("#|"))
    assert lines.startswith(FIRST_LINES.replace("MODULE", module))
