"""Where the book keeps its things."""

from pathlib import Path


def _root():
    """Folder of the book: of this package or, if that is installed elsewhere, around the caller."""
    package = Path(__file__).resolve().parents[1]
    here = Path.cwd()
    folders = (package, here, *here.parents)
    return next((folder for folder in folders if (folder / "_quarto.yml").exists()), package)


ROOT = _root()
CHAPTERS = ROOT / "chapters"
RESULTS = ROOT / "inference_demos"
FIGURES = ROOT / "img" / "section-4"
