"""Execute chapters in place: fresh kernel, top to bottom, outputs and clean metadata kept.

How long a page took goes into `reference/page_seconds.json`, unless it also computed a result.
"""

from bnmbook.results import CHAPTERS, FOLDER, ROOT, execute

import json
import sys
import time

import nbformat

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
        stored, start = _stored(), time.perf_counter()
        notebook = execute(chapters[name], TQDM_DISABLE="1")
        if _stored() == stored:
            _note_seconds(name, time.perf_counter() - start)
        notebook.metadata = METADATA
        for cell in notebook.cells:
            cell.metadata = {}
        nbformat.write(notebook, chapters[name])


def _stored():
    return {path: path.stat().st_mtime_ns for path in FOLDER.glob("*.nc")}


def _note_seconds(name, seconds):
    noted = json.loads(SECONDS.read_text()) | {name: round(seconds, 1)}
    SECONDS.write_text(json.dumps(noted, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
