"""Where the book keeps its things."""

from pathlib import Path


def _root():
    """Folder of the book: around this package or the caller, else what the wheel brings of it."""
    package = Path(__file__).resolve().parents[1]
    here = Path.cwd()
    for folder in (package, here, *here.parents):
        if (folder / "_quarto.yml").exists() and (folder / "_common.py").exists():
            return folder
    brought = package / "bnmbook" / "book"
    return brought if brought.exists() else package


ROOT = _root()
IN_WHEEL = not (ROOT / "_quarto.yml").exists() and ROOT.parent == Path(__file__).resolve().parent
ASSETS = ROOT / "assets"
CHAPTERS = ROOT / "chapters"
RESULTS = ROOT / "inference_demos"
FIGURES = ROOT / "img" / "section-4"
