"""What comparing outputs does not catch: notebooks executed once, in order, clean, and complete."""

import _common
import _people
from bnmbook.paths import RESULTS
from bnmbook.producers import producers

import json
import re
from pathlib import Path

import nbformat
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def options(cell):
    return dict(re.findall(r"^#\|\s*([\w-]+):\s*(.+)$", cell.source, re.MULTILINE))


def pictures(cell):
    return [output for output in cell.outputs if "image/png" in output.get("data", {})]


def test_there_are_chapters():
    numbers = [int(path.stem[:2]) for path in CHAPTERS]
    assert numbers == list(range(1, len(CHAPTERS) + 1))
    assert len(CHAPTERS) >= 20


def test_every_code_cell_ran_once_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_empty_cells(notebook):
    assert all(cell.source.strip() for cell in notebook.cells)


def test_no_errors_and_nothing_on_stderr(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.get("text")


def test_what_a_cell_prints_is_one_output(notebook):
    for cell in code_cells(notebook):
        printed = [output for output in cell.outputs if output.output_type == "stream"]
        assert len(printed) <= 1, cell.source


def test_metadata_is_clean(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    assert all(cell.metadata == {} for cell in notebook.cells)


def test_every_cell_has_a_label_of_its_own(notebook):
    labels = [options(cell).get("label") for cell in code_cells(notebook)]
    assert None not in labels
    assert len(set(labels)) == len(labels)


def test_no_option_of_a_cell_is_given_twice(notebook):
    for cell in code_cells(notebook):
        keys = re.findall(r"^#\| ([\w-]+):", cell.source, re.MULTILINE)
        assert len(keys) == len(set(keys)), cell.source[:80]


def test_every_figure_has_label_caption_and_alt_text(notebook):
    figures = [cell for cell in code_cells(notebook) if pictures(cell)]
    assert figures
    for cell in figures:
        given = options(cell)
        assert given["label"].startswith("fig-")
        assert re.match(r'^"\*\*.+[.?]\*\*', given["fig-cap"]), "a caption opens with its claim"
        assert len(given["fig-alt"]) > 80
        assert given["code-fold"] == "true"


def test_every_animation_has_a_caption_and_a_still(notebook):
    for cell in code_cells(notebook):
        shown = "".join(str(output.get("data", {}).get("text/html")) for output in cell.outputs)
        if '<div class="animation">' in shown:
            assert options(cell)["label"].startswith("fig-")
            assert options(cell)["fig-cap"].startswith('"**')
            (name,) = re.findall(r"section-4/(\w+)\.gif", shown)
            assert f"section-4/{name}.png" in shown


def test_prior_icons_are_transparent():
    for name in ("uniform", "weak", "strong"):
        with Image.open(ROOT / "img" / "section-4" / f"prior_{name}.png") as icon:
            assert icon.mode == "RGBA"
            assert icon.getpixel((0, 0))[3] == 0
            assert icon.getextrema()[3][1] > 200


def test_animations_are_small_and_hold_their_last_frame():
    animations = list((ROOT / "img" / "section-4").glob("*.gif"))
    assert animations
    for path in animations:
        assert path.stat().st_size < 3e6
        with Image.open(path) as gif:
            durations = []
            for k in range(gif.n_frames):
                gif.seek(k)
                durations.append(gif.info["duration"])
        assert len(durations) >= 20
        assert durations[-1] >= 4 * durations[0]


def test_every_table_has_a_caption(notebook):
    for cell in code_cells(notebook):
        if any("<table class" in str(output.get("data", "")) for output in cell.outputs):
            assert options(cell)["label"].startswith("tbl-")
            assert options(cell)["tbl-cap"]


def test_visible_cells_are_short_and_narrow(notebook):
    for cell in code_cells(notebook):
        lines = [
            line for line in cell.source.splitlines() if line.strip() and not line.startswith("#|")
        ]
        if not {"code-fold", "echo"} & set(options(cell)):
            assert len(lines) <= 25, cell.source
            assert max(map(len, lines)) <= 78, max(lines, key=len)


def test_skeleton(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type != "code")
    code = "\n".join(cell.source for cell in code_cells(notebook))
    for part in ("::: {.question}", "## Check", "## What this cannot tell you", "## Exercises"):
        assert part in text
    assert text.count('title="Solution"') in (2, 3)
    assert "check(" in code
    assert not re.search(r"^\s*assert\b", code, re.MULTILINE)  # which a flag of Python skips
    assert "cost_box(" in code
    assert notebook.cells[0].cell_type == "raw"
    assert "title:" in notebook.cells[0].source
    assert "description:" in notebook.cells[0].source


@pytest.mark.parametrize(
    "page", [*CHAPTERS, *ROOT.glob("*.qmd"), *ROOT.glob("slides/*.qmd")], ids=str
)
def test_images_in_pages_exist(page):
    text = page.read_text()
    if page.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    for image in IMAGE.findall(text):
        folders = (page.parent, ROOT, ROOT / "slides")  # an include's paths are those of its deck
        assert any((folder / image).exists() for folder in folders), image


def test_every_saved_figure_is_there(notebook):
    for cell in code_cells(notebook):
        for name in re.findall(r'save_figure\(\s*\w+, "(\w+)"', cell.source):
            assert (ROOT / "img" / "section-4" / f"{name}.png").exists()


def test_figures_that_the_book_is_known_for():
    names = {path.stem for path in (ROOT / "img" / "section-4").iterdir()}
    expected = {"loss_surface_2d", "loss_surface_2d_only", "parallelism_grid", "loss_surface_1d"}
    expected |= {"random_search", "sensitivity_sobol", "cma_es_snapshots", "cma_es_evolution"}
    expected |= {"method_ceiling", "gradient_trajectory", "method_ceiling_measured"}
    expected |= {"prior_uniform", "prior_weak", "prior_strong", "bayes_shrinkage"}
    expected |= {"posteriors_compare", "posterior_trusted", "calibration", "posteriors_trusted"}
    expected |= {"pipeline_overview", "scaling_out"}
    assert expected <= names


def test_every_stored_result_has_its_chapter_and_is_fresh():
    stored = {path.stem for path in RESULTS.iterdir()}
    known = producers(_common.store.chapters)
    assert stored == set(known)
    for name in stored:
        is_of_people = "from _people import" in known[name].chapter.read_text(encoding="utf-8")
        (_people if is_of_people else _common).load_result(name)  # BOOK_RESULTS=require


def test_stored_results_are_small():
    assert sum(path.stat().st_size for path in RESULTS.iterdir()) < 20e6


def test_every_cited_work_is_listed_and_every_listed_work_is_cited():
    pages = [*CHAPTERS, *ROOT.glob("*.qmd"), *ROOT.glob("slides/*.qmd")]
    text = "\n".join(page.read_text() for page in pages)
    listed = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "references.bib").read_text(), re.MULTILINE))
    cited = {
        key
        for key in re.findall(r"@([a-z][a-z0-9]+)\b", text)
        if key in listed or key[-4:].isdigit()
    }
    assert cited == listed
