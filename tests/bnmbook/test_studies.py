"""A study of a made-up brain by the command: its page, its results, and how it goes on."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from budgets import with_budgets
from small_brains import two_sessions

ROOT = Path(__file__).resolve().parents[2]
BUDGETS = {
    "regime": {"n_grid": 7},
    "screening": {"n_base": 16},
    "global_fits": {"n_starts": 2},
    "regional_fits": {"n_random": 1},
    "verified": {"n_draws": 2},
    "calibration": {"n_points": 200, "n_data": 32, "slack": 0.2},
    "predictive": {"n_draws": 20},
}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A copy of what a study needs of the book, with small budgets."""
    book = tmp_path_factory.mktemp("study") / "book"
    for name in ("bnmfit", "bnmbook"):
        shutil.copytree(ROOT / name, book / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "_quarto.yml", book)
    (book / "studies").mkdir()
    notebook, met = nbformat.read(ROOT / "studies" / "study.ipynb", as_version=4), set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            options = [line for line in cell.source.splitlines() if line.startswith("#|")]
            cell.source = "\n".join([*options, with_budgets(cell.source, BUDGETS, met)])
    assert met == set(BUDGETS)
    nbformat.write(notebook, book / "studies" / "study.ipynb")
    return book


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with two sessions of a made-up person."""
    folder = tmp_path_factory.mktemp("person")
    labels, weights, sessions = two_sessions()
    pd.DataFrame(weights, labels, labels).to_csv(folder / "weights.csv")
    for name, series in sessions.items():
        pd.DataFrame(series, columns=labels).to_csv(folder / f"bold_{name}.tsv", sep="\t")
    return folder


def run(book, *folders):
    """The command, where there is no Quarto."""
    own = {"PYTHONPATH": str(book), "PATH": "/usr/bin:/bin"}
    nowhere = os.environ | own | {"TQDM_DISABLE": "1", "BOOK_RESULTS": ""}
    return subprocess.run(
        [sys.executable, "-m", "bnmbook.studies", *map(str, folders)],
        cwd=book,
        env=nowhere,
        capture_output=True,
        text=True,
    )


def test_a_study_goes_from_a_folder_to_a_page(book, data):
    first = run(book, data)
    assert first.returncode == 1
    assert first.stderr.startswith("study.yml, new in ")
    assert "fill in tr" in first.stderr
    (data / "study.yml").write_text("name: A. Person\ntr: 1000\nkernel: volterra\n", "utf-8")
    done = run(book, data)
    assert done.returncode == 0, done.stderr[-3000:]
    here = book / "studies" / "A.-Person"
    results = {path.stem for path in (here / "results").iterdir()}
    assert results == set(BUDGETS) | {"wide_posterior", "posterior"}
    regional = pd.read_csv(here / "regional_parameters.csv", index_col="region")
    assert list(regional.index) == two_sessions()[0]
    fits = xr.load_dataset(here / "fits.nc", engine="h5netcdf")
    chosen = fits.isel(start=fits.attrs["chosen"])
    for name in ("w", "I_o"):
        assert np.allclose(chosen[name].to_series(), regional[name], rtol=0, atol=1e-9)
    assert list(fits["parameter"].values) == ["G", "w", "I_o", "rho"]
    assert set(fits.sizes) == {"start", "region", "parameter", "score"}
    draws = pd.read_csv(here / "posterior_draws.csv")
    in_netcdf = xr.load_dataset(here / "posterior_draws.nc", engine="h5netcdf")
    assert np.allclose(in_netcdf.to_dataframe(), draws, rtol=0, atol=1e-9)
    assert list(draws) == ["G", "w", "I_o", "rho"]
    for dataset in (fits, in_netcdf):
        assert dataset.attrs["study"] == "A. Person"
        assert json.loads(dataset.attrs["settings"])["tr"] == 1000
    page = book / "_site" / "studies" / "A.-Person" / "index.html"
    assert done.stdout.splitlines()[-1].startswith("Open ")
    html = page.read_text(encoding="utf-8")
    for words in (
        "Study: A. Person",
        "session two",
        "What may be concluded",
        "Simulations confirm",
        "How much of the loss each parameter accounts for",
        "the others at their start values",
        "Nothing is known of where the regions are",
        "fits.nc",
    ):
        assert words in html
    assert "Traceback" not in html
    assert not re.search(
        r"\{\w+\}", "".join(re.findall(r"<figcaption.*?</figcaption>", html, re.S))
    )

    stored = {path: path.stat().st_mtime_ns for path in (here / "results").iterdir()}
    again = run(book, data)
    assert again.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in (here / "results").iterdir()} == stored


def test_an_fc_alone_two_parameters_and_another_person(book, tmp_path):
    labels, weights, sessions = two_sessions()
    for name, series in sessions.items():
        (tmp_path / name).mkdir()
        centres = np.random.default_rng(0).uniform(-60, 60, (len(labels), 3))
        tables = {"weights": weights, "fc": np.corrcoef(series.T), "centres": centres}
        for what, values in tables.items():
            columns = list("xyz") if what == "centres" else labels
            pd.DataFrame(values, labels, columns).to_csv(tmp_path / name / f"{what}.csv")
        text = (
            f"name: FC {name}\ntr: 1000\nduration: 170000\nkernel: volterra\nshared_noise: false\n"
        )
        text += "free: {G: null, w: [0.001, 0.7]}\n"
        (tmp_path / name / "study.yml").write_text(text, "utf-8")
    done = run(book, tmp_path / "one", tmp_path / "two")
    assert done.returncode == 0, done.stderr[-3000:]
    results = {path.stem for path in (book / "studies" / "FC-one" / "results").iterdir()}
    assert results == set(BUDGETS) - {"screening"} | {"wide_posterior", "posterior"}
    html = (book / "_site" / "studies" / "FC-one" / "index.html").read_text(encoding="utf-8")
    for words in ("FC two: RMSE", "There is no BOLD", "A dot is the centre of a region"):
        assert words in html
    for words in ("accounts for", "start values, brighter", "Traceback"):
        assert words not in html


def test_a_folder_that_cannot_be_used_is_refused_in_one_sentence(book, tmp_path):
    done = run(book, tmp_path / "nowhere")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no folder" in done.stderr
