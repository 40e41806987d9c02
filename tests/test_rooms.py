"""The arrows point down: what is used outside the book imports nothing of what makes it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FIT, BOOK = (sorted((ROOT / room).rglob("*.py")) for room in ("bnmfit", "bnmbook"))
MODULES = [*FIT, *BOOK, ROOT / "_common.py", ROOT / "_people.py"]
# From the top: a module imports from its own row or from those below it.
ROWS = """
_common _people
bnmbook: studies printed site preview tables notebooks compute releases
bnmbook: reduced_site reduced_pages bundle kernels
bnmbook: results producers provenance measuring files
bnmbook: animations brains checks displays drawing figures interactive style
bnmbook: programs
bnmbook: paths
bnmfit: arc from_folder global_posterior series components kept
bnmfit: recipe regional
bnmfit: calibration chains descent discrepancy learned likelihoods maps posteriors searches valley
bnmfit: linear_response
bnmfit: recordings spectra haemodynamics steady_states
bnmfit: batches clusters workers local guard devices progress
bnmfit: study networks simulation flow locality identity predictors noise coverage fcd diagnostics
bnmfit: folders open_data
bnmfit: brain_folders contents settings tables data matrices timing reading regions places
"""


def rows():
    """Names of the modules in each row."""
    for row in ROWS.strip().splitlines():
        room, _, names = row.partition(": ")
        yield [f"{room}.{name}" for name in names.split()] or room.split()


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path):
    """Modules of this project that a file imports, inside of functions, too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names & {name_of(other) for other in MODULES}


@pytest.mark.parametrize("path", FIT, ids=name_of)
def test_what_one_can_use_elsewhere_imports_nothing_of_the_book(path):
    assert all(name.startswith("bnmfit") for name in imports_of(path))


@pytest.mark.parametrize("path", BOOK, ids=name_of)
def test_what_makes_the_book_imports_no_page_of_it(path):
    assert "_common" not in imports_of(path)


def test_imports_point_to_the_same_row_or_below():
    row = {name: k for k, names in enumerate(rows()) for name in names}
    assert set(row) == {name_of(path) for path in MODULES} - {"bnmfit", "bnmbook"}
    for path in MODULES:
        for target in imports_of(path) & set(row):
            assert row[target] >= row[name_of(path)], f"{name_of(path)} imports {target}"


def test_no_import_runs_in_a_circle():
    arrows = {name_of(path): imports_of(path) - {name_of(path)} for path in MODULES}
    below = {name for name, targets in arrows.items() if not targets}
    while below != set(arrows):
        free = {name for name, targets in arrows.items() if targets <= below} - below
        assert free, f"in a circle: {sorted(set(arrows) - below)}"
        below |= free


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_begins_by_saying_its_job(path):
    first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
    assert first.endswith((".", ":"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_grows_beyond_one_job(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420
