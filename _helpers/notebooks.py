"""Execute chapters in place: fresh kernel, top to bottom, outputs and clean metadata kept."""

from _helpers.results import CHAPTERS, execute

import sys

import nbformat

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
        notebook = execute(chapters[name], TQDM_DISABLE="1")
        notebook.metadata = METADATA
        for cell in notebook.cells:
            cell.metadata = {}
        nbformat.write(notebook, chapters[name])


if __name__ == "__main__":
    main(sys.argv[1:])
