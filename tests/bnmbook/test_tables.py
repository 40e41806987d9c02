"""Pages that run no code show the numbers of the stored results."""

from bnmbook import notebooks, tables
from bnmbook.paths import CHAPTERS, ROOT
from bnmbook.producers import producers

import json

import nbformat
import pytest

# Most memory of a result, in GB: 1 in the chapters 1 to 10, 2 in others, and these.
HEAVY = {
    "gradient_cost": 1.2,
    "monitor_variants": 2.1,
    "known_bank": 2.1,
    "map_calibration": 2.2,
    "map_guide_full": 2.1,
    "regional_known_truths": 2.3,
    "group_fits": 2.8,
    "two_people": 2.2,
    "seven_people": 2.2,
    "person_network": 2.8,
}


@pytest.mark.parametrize("page", tables.BLOCKS)
def test_pages_show_what_is_stored(page):
    written = (ROOT / page).read_text(encoding="utf-8")
    assert written == tables.filled(page), "run: make tables"


def test_every_result_is_listed_with_its_cost():
    table = tables.runs_table()
    for name in producers(CHAPTERS):
        attrs = tables.stored(name).attrs
        line = next(line for line in table.splitlines() if f"`{name}`" in line)
        assert f"| {attrs['simulations']:,} | {attrs['gradients']:,} |" in line


def test_no_result_takes_more_memory_than_a_laptop_has():
    above = {}
    for name, producer in producers(CHAPTERS).items():
        most = HEAVY.get(name, 1 if int(producer.chapter.name[:2]) <= 10 else 2)
        gigabytes = tables.stored(name).attrs["peak_memory"] / 1e9
        if round(gigabytes, 1) > most:
            above[name] = gigabytes
    assert above == {}


def test_methods_link_to_the_chapter_that_introduces_them_and_runs_to_theirs():
    rows = tables.methods_table().splitlines()[2:]
    for (method, chapter, name, *_), row in zip(tables.METHODS, rows, strict=False):
        assert f"| [{method}](chapters/{chapter}.ipynb) |" in row
        assert "|  |" not in row
        if name:
            assert f"/{producers(CHAPTERS)[name].chapter.name})" in row


def test_runs_have_as_many_parameters_as_the_table_says():
    said = {method: row[-2] for method, *row in tables.METHODS}
    assert said["grid scan"] == str(len(tables.stored("grid_scan").sizes))
    for method, name in {
        "CMA-ES": "cma_es",
        "gradient descent": "gradient_descent",
        "regional fit": "expected_regional_fit",
        "all connections": "expected_free_connectome",
    }.items():
        assert said[method] == f"{tables.stored(name).sizes['parameter']:,}"
    of_regions, of_maps = tables.stored("regional_posterior"), tables.stored("map_posterior")
    assert said["HMC (NUTS)"] == str(of_regions["posterior"].sizes["coordinate"])
    assert said["SVI"] == str(of_maps["posterior"].sizes["coordinate"])
    assert said["neural posterior"] == str(tables.stored("learned_maps").sizes["parameter"])
    assert said["regional fit"] == str(int(tables.stored("ceiling_by_sampling")["d"].max()))


def test_a_page_without_its_marks_is_refused(tmp_path, monkeypatch):
    (tmp_path / "index.qmd").write_text("<!-- methods -->")
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="methods"):
        tables.filled("index.qmd")


@pytest.mark.parametrize("computes", [False, True])
def test_a_page_is_timed_unless_it_computes_a_result(tmp_path, monkeypatch, computes):
    cell = nbformat.v4.new_code_cell(f"if {computes}: open('new.nc', 'w').close()\n1 + 1")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "page.ipynb")
    noted = tmp_path / "seconds.json"
    noted.write_text('{"gone": 2.0, "other": 1.0}')
    (tmp_path / "other.ipynb").touch()
    for name, value in {"CHAPTERS": tmp_path, "RESULTS": tmp_path, "SECONDS": noted}.items():
        monkeypatch.setattr(notebooks, name, value)
    notebooks.main(["page"])
    seconds = json.loads(noted.read_text())
    assert seconds.pop("other") == 1.0
    assert list(seconds) == (["gone"] if computes else ["page"])
    (cell,) = nbformat.read(tmp_path / "page.ipynb", as_version=4).cells
    assert cell.outputs[0].data["text/plain"] == "2"
