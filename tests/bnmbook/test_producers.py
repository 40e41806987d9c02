"""A result of another chapter: read if its code is as it was, else computed, and nothing beside."""

import _common
from bnmbook import compute
from bnmbook.compute import is_small, next_of, selected
from bnmbook.files import ATTRIBUTES, ResultError, write_result
from bnmbook.producers import producers, results_read
from bnmbook.results import Store

import json
import sys
import textwrap
from types import MappingProxyType

import numpy as np
import pytest
import xarray as xr

IMPORTS = "import numpy as np\nimport xarray as xr\nfrom store_of_the_test import store"
HELPER = """
def dataset(values):
    costs = {"simulations": len(values), "gradients": 0, "seed": 0}
    return xr.Dataset({"loss": ("G", values)}, {"G": np.linspace(0.1, 0.3, len(values))}, costs)
"""
DEMO = """
stored_result = store.stored_result
@stored_result("demo")
def demo(n=3):
    return dataset(np.arange(n) + shift)
"""
CALL = "result = demo()"
AFTER = "shift = 100.0\nraise RuntimeError('a check that fails, on a page that nobody asked for')"
PAGE = (IMPORTS, HELPER, "shift = 1.0", "broken = 1 / 0", DEMO, CALL, AFTER)


class AlwaysTheSame:
    """A study without a simulation."""

    identity = MappingProxyType({"weights": "some"})

    def probe_losses(self):
        """Losses that never change."""
        return (0.1, 0.2, 0.3)


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A store over a book of some chapters, each a list of cells, and a way to write them."""
    (tmp_path / "chapters").mkdir()
    store = Store(AlwaysTheSame(), tmp_path / "results", tmp_path / "chapters", {"n_regions": 84})
    module = type(json)("store_of_the_test")
    module.store = store
    monkeypatch.setitem(sys.modules, "store_of_the_test", module)
    monkeypatch.setenv("BOOK_RESULTS", "")

    def write(*cells, chapter="01-demo"):
        cells = [{"cell_type": "code", "source": textwrap.dedent(cell)} for cell in cells]
        content = json.dumps({"cells": cells, "padding": "x" * np.random.default_rng().integers(9)})
        (store.chapters / f"{chapter}.ipynb").write_text(content)

    store.write = write
    return store


def test_a_result_is_computed_without_the_rest_of_its_page(book):
    book.write(*PAGE)
    assert book.load_result("demo")["loss"].values.tolist() == [1.0, 2.0, 3.0]
    assert (book.folder / "demo.nc").exists()
    assert book.load_result("demo").sizes["G"] == 3


def test_values_are_those_before_the_first_call_and_changes_count(book):
    cells = (IMPORTS, HELPER, "box = {}\nbox['a'] = 4.0\nshift = box['a']", DEMO, CALL, AFTER)
    book.write(*cells)
    assert book.load_result("demo")["loss"].values[0] == 4.0


def test_a_result_that_needs_another_takes_that_from_the_store(book):
    other = """
    stored_result = store.stored_result
    @stored_result("twice")
    def twice():
        values = store.load_result("demo")["loss"].values
        return dataset(2 * values)
    """
    book.write(*PAGE)
    book.write(IMPORTS, HELPER, other, "twice()", chapter="02-other")
    assert book.load_result("twice")["loss"].values.tolist() == [2.0, 4.0, 6.0]
    assert sorted(path.name for path in book.folder.iterdir()) == ["demo.nc", "twice.nc"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.arange(n)", "np.arange(n) ** 2"),  # the function
        ("n=3", "n=4"),  # its arguments
        ("np.linspace(0.1, 0.3", "np.linspace(0.1, 0.4"),  # a helper beside it
    ],
)
def test_it_notices_that_the_producing_code_changed(book, monkeypatch, old, new):
    book.write(*PAGE)
    book.load_result("demo")
    book.write(*(cell.replace(old, new) for cell in PAGE))
    monkeypatch.setenv("BOOK_RESULTS", "require")
    with pytest.raises(
        ResultError, match=r"code or the arguments behind 'demo' changed.*Run: make"
    ):
        book.load_result("demo")


def test_it_notices_other_values_of_the_study(book, monkeypatch):
    needs = DEMO.replace("+ shift", "+ shift + n_regions")
    book.write(IMPORTS, HELPER, "shift = 1.0", "n_regions = 84", needs, CALL)
    book.load_result("demo")
    monkeypatch.setattr(book, "values", {"n_regions": 83})
    monkeypatch.setenv("BOOK_RESULTS", "require")
    with pytest.raises(ResultError, match="code or the arguments behind 'demo' changed"):
        book.load_result("demo")


def test_ignore_computes_without_reading_or_writing(book, monkeypatch):
    book.write(*PAGE)
    monkeypatch.setenv("BOOK_RESULTS", "ignore")
    assert book.load_result("demo").sizes["G"] == 3
    assert not book.folder.exists()


def test_unknown_results_are_refused_with_those_there_are(book):
    book.write(*PAGE)
    with pytest.raises(ResultError, match="computes a result named 'nothing'; there are: demo"):
        book.load_result("nothing")


def test_results_of_the_book_are_found_in_its_chapters(monkeypatch):
    monkeypatch.setenv("BOOK_RESULTS", "require")
    assert _common.load_result("grid_scan").sizes == {"G": 32, "w": 32}
    assert producers(_common.store.chapters)["grid_scan"].chapter.stem == "02-grid-scan"


def test_results_are_computed_by_name_by_chapter_or_all():
    known = producers(_common.store.chapters)
    assert selected(["random_search"], known) == ["random_search"]
    named = selected(["06-random-search", "grid_scan"], known)
    assert named[0] == "grid_scan"  # in the order of the book
    assert set(named[1:]) == {"random_search", "random_pool"}
    assert selected([], known) == list(known)
    with pytest.raises(SystemExit, match="No chapter computes, or is named, nothing; there are: "):
        selected(["grid_scan", "nothing"], known)


def test_what_a_result_reads_is_found_in_its_page_and_in_what_that_needs():
    known = producers(_common.store.chapters)
    assert results_read(known["same_parameters"], known) == {"series_posteriors"}  # called
    assert results_read(known["guide_flow"], known) == {"noise_aware_grid"}  # read on the page
    assert results_read(known["grid_scan"], known) == set()


def test_small_results_go_two_at_a_time_after_what_they_read_and_others_alone():
    reads = {"a": set(), "b": {"a"}, "c": set(), "d": {"b"}, "e": set()}
    small = {"a", "b", "d", "e"}

    def begun(waiting, *running):
        return next_of(list(waiting), running, reads, small)

    assert begun("abcde") == "a"
    assert begun("bcde", "a") == "e"  # b reads a, c is large, d waits for b
    assert begun("bcd", "a", "e") is None
    assert begun("bcd", "e") == "b"
    assert begun("cd", "b") is None
    assert begun("cd") == "c"
    assert begun("d", "c") is None
    assert begun("d") == "d"
    assert begun("") is None


def test_a_result_is_small_by_what_it_kept_at_work_unless_it_holds_times(tmp_path, monkeypatch):
    monkeypatch.setattr(compute, "RESULTS", tmp_path)
    attrs = dict.fromkeys(ATTRIBUTES, "") | {"cores": 1.05}
    result = xr.Dataset({"x": ("n", [1.0])}, attrs=attrs)
    timed = result.rename(x="batch_seconds")
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), "/timed": timed})
    write_result(tmp_path / "one.nc", result)
    write_result(tmp_path / "two.nc", result.assign_attrs(cores=1.8))
    write_result(tmp_path / "timed.nc", timed)
    write_result(tmp_path / "tree.nc", tree)
    assert is_small("one")
    assert not any(is_small(name) for name in ("two", "timed", "tree", "not there"))
