"""The landscape to explore, as a notebook holds it: complete, small, and nothing undrawable."""

from bnmbook.interactive import ASSETS, interactive_landscape

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

CHAPTER = Path(__file__).resolve().parents[2] / "chapters" / "02-grid-scan.ipynb"


@pytest.fixture
def scan():
    G, w = np.linspace(0.1, 0.4, 4), np.linspace(0, 1, 3)
    losses = np.arange(12.0).reshape(4, 3)
    return xr.Dataset({"loss": (("G", "w"), losses)}, {"G": G, "w": w})


def data_in(page):
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def test_the_data_are_losses_by_w_and_then_by_G(scan):
    data = data_in(interactive_landscape(scan, {}).data)
    np.testing.assert_allclose(data["loss"], scan["loss"].T)
    np.testing.assert_allclose(data["G"], scan["G"])
    np.testing.assert_allclose(data["w"], scan["w"])
    assert data["overlays"] == []


def test_overlays_keep_their_order_and_their_path(scan):
    rows = [[0.11111111, 0.2], [0.3, 0.4]]
    overlays = {
        "Path <1>": {"shape": "square", "points": rows[:1], "path": rows},
        "Points": {"shape": "cross", "points": rows},
    }
    page = interactive_landscape(scan, overlays).data
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
    ],
)
def test_what_cannot_be_drawn_is_explained(scan, overlay, message):
    with pytest.raises(ValueError, match=message):
        interactive_landscape(scan, {"a": overlay})


def test_the_chapter_holds_the_figure_as_it_is_today():
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    (cell,) = (cell for cell in cells if "#| label: interactive\n" in cell["source"])
    page = "".join(cell["outputs"][0]["data"]["text/html"])
    assert "\n\n" not in page  # a blank line ends HTML in Markdown
    assert len(json.dumps(data_in(page))) < 60_000
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")  # no foreign host
    for name in ("landscape.css", "landscape.js"):
        lines = (ASSETS / name).read_text(encoding="utf-8").splitlines()
        assert "\n".join(line for line in lines if line.strip()) in page
