"""Nothing is welded to the example: chapters execute on a made-up brain of 40 regions.

The book is copied, its `_common.py` is given another brain, as a reader would, and budgets are cut.
What a page claims of the running example may be untrue here, and is then said; an error is not.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from budgets import with_budgets

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ("02", "06", "08", "10", "11", "17", "18", "19")
DATA = """
from small_studies import brain
weights, fc_target, tract_lengths = brain(40)
region_labels = [f"region {k}" for k in range(40)]
"""
CHANGES = {  # in _common.py: another brain, another name, shorter and coarser simulations
    'weights, tract_lengths, region_labels = load_structural_connectivity("dk_average")': DATA,
    'fc_target = load_functional_connectivity("dk_average")': "",
    'name="running-example"': 'name="made-up"',
    "duration=120_000.0": "duration=32_000.0",
    "dt=4.0": "dt=10.0",
}
BUDGETS = {  # defaults of functions in chapters
    "grid_scan": {"n_grid": 16},
    "valley_floor": {"n_draws": 8},
    "random_search": {"n_samples": 60},
    "random_pool": {"n_samples": 400},
    "sobol_design": {"n_base": 32},
    "cma_es_repeats": {"n_runs": 2},
    "gradient_descent": {"max_steps": 30},
    "gradient_check": {},
    "many_starts": {"n_starts": 8, "n_descent": 20},
    "fisher": {"n_draws": 2},
    "cma_es_starts": {"n_runs": 2},
    "ceiling_by_sampling": {"n_runs": 2, "most": 256},
    "ceiling_by_descent": {"n_runs": 2, "most": 256},
    "ceiling_simulated": {"n_runs": 2, "n_evaluations": 40, "n_draws": 2},
    "regional_fit": {"n_updates": 10},
    "steady_states": {"n_G": 6},
    "ridge_states": {"n_w": 3, "n_G": 3},
    "expected_scan": {"n_grid": 15},
    "response_agreement": {"n_draws": 4},
    "ridge_lines": {"n_w": 3, "n_G": 9},
    "expected_cost": {"n_turns": 2, "n_draws": 20},
    "response_failure": {"n_side": 3, "n_random": 4, "n_draws": 3},
    "expected_regional_fit": {"n_starts": 2, "n_draws": 4},
    "expected_free_connectome": {"n_steps": 20, "n_draws": 4},
    "regional_recovery": {"n_truths": 1, "n_draws": 4},
    "held_out_pairs": {"n_splits": 1},
    "metric_scan": {"n_grid": 9},
    "optimum": {"n_starts": 2},
    "monitor_variants": {"n_draws": 20},
    "floor_line": {"n_G": 9},
    "delayed_fc": {"n_draws": 2},
    "wide_scan": {"n_G": 9, "n_w": 9},
    "shared_profile": {"n_rho": 3, "n_starts": 1},
    "shared_fit": {"n_draws": 4},
    "shared_regional_fit": {"n_starts": 2, "n_draws": 4},
    "shared_held_out_pairs": {"n_splits": 1},
    "nuts": {"n_warmup": 4, "n_draws": 8},
    "nuts_expected": {"n_warmup": 4, "n_draws": 8},
    "svi": {"n_steps": 20, "block": 10},
    "synthetic_likelihood": {"n_draws": 60, "n_own": 2},
    "log_density_cost": {"n_repeats": 1},
    "fc_variability": {"n_draws": 60},
    "calibration_bank": {"n_data": 128, "n_draws": 2},
    "noise_aware_nuts": {"n_warmup": 2, "n_draws": 8},
    "fitted": {"n_steps": 10, "n_draws": 200},
    "posterior_predictive": {"n_draws": 40},
}
COARSER = {"n_grid=64": "n_grid=12"}  # a posterior's grid in a chapter
DEFAULTS = {  # in bnmfit/posteriors.py: weights of a guide, and other posteriors' grids
    "n_weights=1000": "n_weights=400",
    "n_grid=24": "n_grid=12",
}
RUN = """
import json, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import linecache
import _common
print("STUDY", _common.study)
for path in sys.argv[1:]:
    namespace = {"__name__": path}
    for k, cell in enumerate(json.load(open(path, encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            source, name = "".join(cell["source"]), f"<{path} cell {k}>"
            linecache.cache[name] = (len(source), None, source.splitlines(True), name)
            exec(compile(source, name, "exec"), namespace)
            plt.close("all")
    print("DONE", path, flush=True)
"""


@pytest.fixture(scope="module")
def other_book(tmp_path_factory):
    """A copy of the book about another brain, without stored results."""
    book = tmp_path_factory.mktemp("other") / "book"
    book.mkdir()
    for name in ("bnmfit", "bnmbook", "assets", "tests/bnmfit"):
        shutil.copytree(ROOT / name, book / name, ignore=shutil.ignore_patterns("__pycache__"))
    common = (ROOT / "_common.py").read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        assert old in common
        common = common.replace(old, new)
    (book / "_common.py").write_text(common, encoding="utf-8")
    posteriors = book / "bnmfit" / "posteriors.py"
    source = posteriors.read_text(encoding="utf-8")
    for old, new in DEFAULTS.items():
        assert old in source
        source = source.replace(old, new)
    posteriors.write_text(source, encoding="utf-8")
    (book / "chapters").mkdir()
    met = set()
    for chapter in (ROOT / "chapters").glob("*.ipynb"):
        notebook = json.loads(chapter.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                source = "".join(cell["source"])
                for old, new in COARSER.items():
                    met |= {old} if old in source else set()
                    source = source.replace(old, new)
                cell["source"] = with_budgets(source, BUDGETS, met)
        (book / "chapters" / chapter.name).write_text(json.dumps(notebook), encoding="utf-8")
    assert met == {*BUDGETS, *COARSER}
    return book


def test_chapters_execute_on_another_brain(other_book):
    wanted = [p for p in sorted((other_book / "chapters").iterdir()) if p.name[:2] in CHAPTERS]
    path = os.pathsep.join(map(str, (other_book, other_book / "tests" / "bnmfit")))
    environment = os.environ | {"PYTHONPATH": path, "BOOK_RESULTS": "", "TQDM_DISABLE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", RUN, *wanted],
        cwd=other_book / "chapters",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-6000:]}"
    assert "STUDY <Study made-up: 40 regions" in run.stdout
    assert run.stdout.count("DONE") == len(wanted) == len(CHAPTERS)
    stored = {path.stem for path in (other_book / "inference_demos").iterdir()}
    assert {"grid_scan", "valley_floor", "calibration_bank", "noise_aware_nuts"} <= stored
