"""Where the book keeps its things."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = ROOT / "chapters"
RESULTS = ROOT / "inference_demos"
FIGURES = ROOT / "img" / "section-4"
