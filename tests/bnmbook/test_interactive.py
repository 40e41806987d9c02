"""The landscape to explore, as a notebook holds it: complete, small, and nothing undrawable."""

from _common import load_result, study
from bnmbook.interactive import ASSETS, PLAYGROUND, interactive_landscape, playground_script

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"


@pytest.fixture
def scan():
    G, w = np.linspace(0.1, 0.4, 4), np.linspace(0, 1, 3)
    losses = np.arange(12.0).reshape(4, 3)
    return xr.Dataset({"loss": (("G", "w"), losses)}, {"G": G, "w": w})


def data_in(page):
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def test_the_data_are_losses_by_w_and_then_by_G(scan):
    data = data_in(interactive_landscape(study, scan, {}).data)
    np.testing.assert_allclose(data["map"]["loss"], scan["loss"].T)
    np.testing.assert_allclose(data["map"]["G"], scan["G"])
    np.testing.assert_allclose(data["map"]["w"], scan["w"])
    assert data["overlays"] == []


def test_overlays_keep_their_order_and_their_path(scan):
    rows = [[0.11111111, 0.2], [0.3, 0.4]]
    overlays = {
        "Path <1>": {"shape": "square", "points": rows[:1], "path": rows},
        "Points": {"shape": "cross", "points": rows},
    }
    page = interactive_landscape(study, scan, overlays).data
    first, second = data_in(page)["overlays"]
    assert first == {
        "label": "Path <1>",
        "shape": "square",
        "points": [[0.1111, 0.2]],
        "path": [[0.1111, 0.2], [0.3, 0.4]],
    }
    assert second["points"] == first["path"]
    assert "path" not in second
    assert "Path <1>" not in page  # which could end the script


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"shape": "star", "points": [[0, 0]]}, "The shape of 'a' is 'star', but can be circle, "),
        ({"shape": "cross", "points": [[0, 0, 0]]}, "The points of 'a' must be finite rows"),
        ({"shape": "cross", "points": [[0, np.nan]]}, "The points of 'a' must be finite rows"),
        ({"shape": "cross", "points": [[0, 0]], "path": [0]}, "The path of 'a' must be finite"),
        ({"shape": "cross", "frames": [[0, 0]]}, "The frames of 'a' must be finite rows"),
        (
            {"shape": "cross", "frames": [[[0, 0]]], "path": [[0, 0], [1, 1]]},
            "The path of 'a' must have a point for each frame",
        ),
    ],
)
def test_what_cannot_be_drawn_is_explained(scan, overlay, message):
    with pytest.raises(ValueError, match=message):
        interactive_landscape(study, scan, {"a": overlay})


def test_a_study_that_the_browser_cannot_compute_is_refused(scan):
    weights = np.array(study.weights)
    weights[0, 1] += 0.1
    directed = study.variant("directed", weights=weights)
    with pytest.raises(ValueError, match="cannot compute the study directed, since its connectome"):
        interactive_landscape(directed, scan, {})


@pytest.mark.parametrize(
    ("name", "label"), [("01-running-example", "fig-play"), ("02-grid-scan", "fig-explore")]
)
def test_the_chapters_hold_the_figure_as_it_is_today(name, label):
    cells = json.loads((CHAPTERS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = (cell for cell in cells if f"#| label: {label}\n" in cell["source"])
    page = "".join(cell["outputs"][0]["data"]["text/html"])
    assert "\n\n" not in page  # a blank line ends HTML in Markdown
    assert len(page) < 200_000
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")  # no foreign host
    for path in ASSETS.glob("live/*.js"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert "\n".join(line for line in lines if line.strip()) in page


def test_the_script_for_other_pages_is_that_of_today():
    script = playground_script(study, load_result("grid_scan"))
    assert PLAYGROUND.read_text(encoding="utf-8") == script


def test_matrices_are_written_exactly():
    data = data_in(interactive_landscape(study, load_result("grid_scan"), {}).data)["study"]
    for name in ("weights", "target"):
        below = np.frombuffer(base64.b64decode(data[name]), "<f8")
        expected = np.asarray(getattr(study, name))[np.tril_indices(study.n_regions, -1)]
        assert np.array_equal(below, expected)
