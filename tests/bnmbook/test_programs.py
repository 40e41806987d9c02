"""Compiled programs are kept between processes, but for those of what is measured."""

from bnmbook import programs
from bnmbook.programs import keep_programs

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
from bnmbook.programs import keep_programs
keep_programs()
from bnmfit.devices import use_devices
use_devices(2)
import jax
print(jax.jit(lambda x: 2 * x + 1)(0.0))
"""
MEASURED = """
import os
from bnmbook.programs import compiling_anew
with compiling_anew():
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    assert float(jax.jit(lambda x: 3 * x + 2)(0.0)) == 2
"""
AFTER = "assert float(jax.jit(lambda x: 4 * x + 3)(0.0)) == 3"


def test_the_second_process_compiles_nothing_but_what_it_measures(tmp_path):
    kept = [_kept_after(SCRIPT + more, tmp_path) for more in ("", "", MEASURED, MEASURED + AFTER)]
    assert kept[0]
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[3] - kept[2]) == 1


def _kept_after(script, folder):
    own = {"PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", script], env=own, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0\n", "")
    return {path.name for path in folder.iterdir() if path.name.endswith("-cache")}


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
