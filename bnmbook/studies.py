"""A study of the reader's own brain: from a folder with data to a page, in one command.

    python -m bnmbook.studies DATA [TEST]

runs `studies/study.ipynb` on a folder (see `bnmfit.folders`), in `studies/NAME/`, where results are
kept as they come: interrupted, it goes on where it stopped. The page is `_site/studies/NAME/`.
"""

from bnmbook.kernels import execute
from bnmbook.paths import ROOT
from bnmbook.reduced_site import build_page
from bnmbook.site import find_quarto, run_quarto
from bnmfit.folders import read_folder

import linecache
import os
import re
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat

TEMPLATE = ROOT / "studies" / "study.ipynb"


def main(data, test=None):
    """Run a study, and print the page to open."""
    folder = read_folder(data)
    if test:
        read_folder(test)
    here = ROOT / "studies" / _as_name(folder.settings.name)
    (here / "results").mkdir(parents=True, exist_ok=True)
    page = here / "index.ipynb"
    notebook = _about(folder.settings, data, test)
    nbformat.write(notebook, page)
    os.chdir(here)
    _fill_captions(notebook, _run(notebook))
    nbformat.write(notebook, page)
    from bnmbook.measuring import release_memory  # with JAX, whose devices the run sets before

    release_memory()
    nbformat.write(execute(page), page)
    print(f"Open {os.path.relpath(_rendered(page), ROOT)}", flush=True)


def _run(notebook):
    """Run the cells in this process, whose progress can be seen; what takes long is stored."""
    matplotlib.use("Agg")
    namespace = {"__name__": "study"}
    for k, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            source, name = cell.source, f"<cell {k} of the study>"
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            exec(compile(source, name, "exec"), namespace)
            plt.close("all")
    return {name: value for name, value in namespace.items() if isinstance(value, str)}


def _fill_captions(notebook, words):
    """Put words that the run has found, by name, where captions and alternative texts name them."""
    for cell in notebook.cells:
        cell.source = re.sub(
            r"^#\| (?:fig|tbl)-(?:cap|alt): .*$",
            lambda line: re.sub(r"\{(\w+)\}", lambda m: words.get(m[1], m[0]), line[0]),
            cell.source,
            flags=re.M,
        )


def _as_name(name):
    """A folder's name of the name of a study."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "study"


def _about(settings, data, test):
    """The notebook, about these folders, without what two parameters leave nothing to say of."""
    notebook = nbformat.read(TEMPLATE, as_version=4)
    name, n_global = settings.name, len(set(settings.free) - {"sigma"})
    if n_global == 2:  # the landscape shows all that an index would count
        notebook.cells = [cell for cell in notebook.cells if "screening" not in cell.source]
    notebook.cells[0].source = notebook.cells[0].source.replace(
        "A study of one brain", f"Study: {name}"
    )
    folders = notebook.cells[1]
    for key, path in (("DATA", data), ("TEST", test)):
        value = repr(str(Path(path).resolve())) if path else "None"
        folders.source = re.sub(
            rf"^{key} = \S+", lambda _, v=value, k=key: f"{k} = {v}", folders.source, flags=re.M
        )
    return notebook


def _rendered(page):
    """The page that a browser opens: by Quarto, or else by smalldocs."""
    target = ROOT / "_site" / page.relative_to(ROOT).with_suffix(".html")
    quarto = find_quarto()
    if not quarto:
        build_page(page, target.parent)
    elif run_quarto(quarto, "render", str(page.relative_to(ROOT))):
        raise SystemExit("Quarto could not render the page.")
    return target


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        raise SystemExit("Name a folder with data: make study DATA=folder")
    try:
        main(*sys.argv[1:])
    except ValueError as error:
        raise SystemExit(str(error)) from None
