"""Figures have one type size at the width at which they are shown, and cells that one can read."""

import ast
import re
import statistics
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
DRAWING = sorted((ROOT / "bnmbook").glob("*.py"))
# 7.4 inches, or 10 in a wide column, at 100 pixels per inch, and the margin that Jupyter adds.
WIDEST, WIDEST_IN_COLUMN = 755, 1015
SMALLEST = 10  # points
SIZES = {"fontsize", "labelsize", "titlesize", "title_fontsize", "legend_fontsize"}
WORDS = {"small", "x-small", "xx-small", "smaller"}
TEXTS = {"text", "annotate", "figtext", "suptitle", "supxlabel", "supylabel"}  # they take a size
TEXTS |= {"set_title", "set_xlabel", "set_ylabel", "set_label"}


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def cells(request):
    notebook = nbformat.read(request.param, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def options(cell):
    return dict(re.findall(r"^#\|\s*([\w-]+):\s*(.+)$", cell.source, re.MULTILINE))


def too_small(source):
    """Sizes of text, with their lines, that are below ten points."""
    found = []
    for node in ast.walk(ast.parse(source)):
        given = []
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", "")
            names = SIZES | ({"size"} if called in TEXTS else set())
            given += [word.value for word in node.keywords if word.arg in names]
            if called in ("set_fontsize", "set_size"):
                given += node.args
        elif isinstance(node, ast.Dict):
            keys = [getattr(key, "value", None) for key in node.keys]
            given += [
                value
                for key, value in zip(keys, node.values, strict=True)
                if isinstance(key, str) and key.rpartition(".")[2] in SIZES
            ]
        for value in given:
            size = getattr(value, "value", None)
            if size in WORDS or (isinstance(size, (int, float)) and size < SMALLEST):
                found.append((node.lineno, size))
    return found


@pytest.mark.parametrize(
    "source",
    [
        'ax.annotate("w", (0, 0), fontsize=9)',
        "ax.tick_params(labelsize=8.5)",
        'ax.text(0, 0, "w", size=7)',
        'ax.legend(fontsize="small")',
        'ax.legend(prop={"fontsize": 8})',
        'rcParams.update({"xtick.labelsize": 8})',
        "label.set_fontsize(6)",
    ],
)
def test_small_text_is_found(source):
    assert too_small(source)


def test_text_of_ten_points_and_other_sizes_may_be():
    source = 'ax.text(0, 0, "w", fontsize=10)\nrng.uniform(size=3)\nax.set(title="w")'
    assert not too_small(source)


def test_no_text_of_a_chapter_is_small(cells):
    for cell in cells:
        assert not too_small(cell.source), options(cell)["label"]


@pytest.mark.parametrize("path", DRAWING, ids=lambda path: path.stem)
def test_no_text_of_shared_figures_is_small(path):
    assert not too_small(path.read_text(encoding="utf-8"))


def test_figures_are_as_wide_as_their_column(cells):
    """Or the page would shrink them, and their text with them."""
    for cell in cells:
        wide = options(cell).get("column") == "page-right"
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                width = output.metadata.get("image/png", {}).get("width")
                assert width, f"{options(cell)['label']} has no width: execute the chapter"
                assert width <= (WIDEST_IN_COLUMN if wide else WIDEST), options(cell)["label"]


def test_visible_cells_are_short_in_the_median(cells):
    lines = [
        sum(bool(line.strip()) and not line.startswith("#|") for line in cell.source.splitlines())
        for cell in cells
        if not {"code-fold", "echo", "include"} & set(options(cell))
        and not options(cell)["label"].startswith("solution")
    ]
    assert statistics.median(lines) <= 7, sorted(lines)
