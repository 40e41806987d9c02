"""Execute chapters in place: fresh kernel, top to bottom, outputs and clean metadata kept.

How long a page took goes into `reference/page_seconds.json`, unless it also computed a result.
"""

from bnmbook.kernels import execute
from bnmbook.paths import CHAPTERS, RESULTS, ROOT

import json
import re
import sys
import time

import nbformat
from nbclient.exceptions import CellExecutionError

SECONDS = ROOT / "reference" / "page_seconds.json"

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main(names):
    """Execute the named chapters (file names without `.ipynb`), or all of them, in place."""
    chapters = {path.stem: path for path in sorted(CHAPTERS.glob("*.ipynb"))}
    unknown = sorted(set(names) - set(chapters))
    if unknown:
        raise SystemExit(f"No chapter {', '.join(unknown)}; there are: {', '.join(chapters)}.")
    for name in names or chapters:
        print(f"{name} ...", flush=True)
        try:
            _renew(chapters[name])
        except CellExecutionError as error:
            raise SystemExit(f"{name} was not stored, since a cell failed:\n{error}") from None
        except OSError as error:
            raise SystemExit(f"{name} was not stored: {error}.") from None


def _renew(chapter):
    """Execute a chapter and store it, if it shows all its figures."""
    stored, start = _stored(), time.perf_counter()
    notebook = execute(chapter)
    seconds = time.perf_counter() - start
    _refuse_lost_figures(nbformat.read(chapter, as_version=4), notebook, chapter.stem)
    notebook.metadata = METADATA
    for cell in notebook.cells:
        cell.metadata = {}
    new = chapter.with_suffix(".new")
    nbformat.write(notebook, new)
    new.replace(chapter)
    if _stored() == stored:
        _note_seconds(chapter.stem, seconds)


def _refuse_lost_figures(before, after, name):
    """A page without its figures is no page, whatever has kept them away."""
    empty = [_label(cell) for cell in after.cells if not _has_figure(cell)]
    lost = [label for label in empty if label.startswith("fig-")]
    if any(map(_has_figure, before.cells)) and not any(map(_has_figure, after.cells)):
        lost = lost or ["all cells"]
    if lost:
        raise SystemExit(f"{name} was not stored, since there is no figure in {', '.join(lost)}.")


def _label(cell):
    return "".join(re.findall(r"^#\|\s*label:\s*(\S+)", cell.source, re.MULTILINE)[:1])


def _has_figure(cell):
    """Whether a cell shows a picture, or HTML with one."""
    shown = [output.get("data", {}) for output in cell.get("outputs", [])]
    return any(
        kind.startswith("image/") or (kind == "text/html" and "<img" in content)
        for data in shown
        for kind, content in data.items()
    )


def _stored():
    return {path: path.stat().st_mtime_ns for path in RESULTS.glob("*.nc")}


def _note_seconds(name, seconds):
    noted = json.loads(SECONDS.read_text(encoding="utf-8")) | {name: round(seconds, 1)}
    noted = {key: value for key, value in noted.items() if (CHAPTERS / f"{key}.ipynb").exists()}
    SECONDS.write_text(json.dumps(noted, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
