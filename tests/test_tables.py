"""Pages that run no code show the numbers of the stored results."""

from _helpers import results, tables

import pytest


@pytest.mark.parametrize("page", tables.BLOCKS)
def test_pages_show_what_is_stored(page):
    written = (results.ROOT / page).read_text(encoding="utf-8")
    assert written == tables.filled(page), "run: make tables"


def test_every_result_is_listed_with_its_cost():
    table = tables.runs_table()
    for name in results.producers():
        attrs = results.read_result(name).attrs
        line = next(line for line in table.splitlines() if f"`{name}`" in line)
        assert f"| {attrs['simulations']:,} | {attrs['gradients']:,} |" in line


def test_methods_link_to_the_chapter_that_computes_the_numbers():
    for _, chapter, name, *_ in tables.METHODS:
        assert (results.CHAPTERS / f"{chapter}.ipynb").exists()
        if name:
            assert results.producers()[name][0].stem == chapter


def test_a_page_without_its_marks_is_refused(tmp_path, monkeypatch):
    (tmp_path / "index.qmd").write_text("<!-- methods -->")
    monkeypatch.setattr(results, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="methods"):
        tables.filled("index.qmd")
