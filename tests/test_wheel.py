"""What one can use outside the book installs as a wheel, and works from an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "_common.py",
        "_people.py",
        "bnmfit",
        "bnmbook",
    ):
        (source / name).symlink_to(ROOT / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, source], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_rooms(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"_common.py", "_people.py", "bnmfit/study.py", "bnmbook/results.py"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "chapters", "benchmarks"))]


def test_a_study_can_be_built_from_an_empty_folder(wheel, tmp_path):
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(installed)  # which is all that installing it does
    environment = os.environ | {"PYTHONPATH": str(installed)}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=empty, env=environment, capture_output=True, text=True
    )
    where, loss = run.stdout.split("\n")[:2]
    assert Path(where).is_relative_to(installed), run.stderr
    assert 0 < float(loss) < 1
