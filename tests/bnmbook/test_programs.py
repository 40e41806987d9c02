"""Compiled programs are kept between processes, but for runs that measure what results cost."""

from bnmbook import programs
from bnmbook.programs import keep_programs

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
from bnmbook.programs import keep_programs
keep_programs()
from bnmfit.devices import use_devices
use_devices(2)
import jax
print(jax.jit(lambda x: 2 * x + 1)(0.0))
"""


@pytest.mark.parametrize(("mode", "keeps"), [("", True), ("require", True), ("refresh:a", False)])
def test_the_second_process_compiles_nothing_unless_it_measures(tmp_path, mode, keeps):
    own = {
        "PYTHONPATH": str(ROOT),
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "BOOK_RESULTS": mode,
    }
    kept = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=own, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "1.0\n", "")
        kept.append({path.name for path in tmp_path.iterdir() if path.name.endswith("-cache")})
    assert kept[0] == kept[1]
    assert bool(kept[0]) == keeps


def test_they_lie_in_the_book_s_own_folder_unless_a_user_has_another(monkeypatch):
    environment = {}
    keep_programs(environment)
    assert environment["JAX_COMPILATION_CACHE_DIR"] == str(ROOT / ".cache" / "programs")
    environment["JAX_COMPILATION_CACHE_DIR"] = "mine"
    keep_programs(environment)
    assert environment["JAX_COMPILATION_CACHE_DIR"] == "mine"
    monkeypatch.setattr(programs, "IN_WHEEL", True)
    environment = {}
    keep_programs(environment)
    assert environment == {}
