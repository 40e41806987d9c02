"""Save figures under the names that the deck uses."""

from bnmbook.paths import CHAPTERS, FIGURES, IN_WHEEL
from bnmbook.style import for_saving

import functools
import io
import os
import warnings

FOLDER = FIGURES


def save_figure(figure, name, size=None):
    """Save a figure as `img/section-4/NAME.png` at 200 dpi, for a slide.

    Text of a slide can be read from the last row if a figure is at most 8.6 inches wide and 3.6
    high, or 4.3 where the slide says nothing below it.

    Runs that only check (BOOK_RESULTS=require) leave the files alone, and so do those of a package
    without its book. Where the folder cannot be written, a warning says so once.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        File name without its ending.
    size : pair of float, optional
        Width and height in inches, where a slide needs others than the page.
    """
    if is_kept():
        buffer = io.BytesIO()
        of_page = figure.get_size_inches().copy()
        with for_saving():
            figure.set_size_inches(of_page if size is None else size)
            figure.savefig(buffer, format="png", metadata={"Software": None})
            figure.set_size_inches(of_page)
        keep_file(f"{name}.png", buffer.getvalue())


def is_kept():
    """Whether figures are saved: not by runs that only check, nor where there is no book."""
    return CHAPTERS.is_dir() and not IN_WHEEL and os.environ.get("BOOK_RESULTS") != "require"


def keep_file(name, content):
    """Write a file beside the saved figures, or warn once where that cannot be done.

    Parameters
    ----------
    name : str
        Name of the file.
    content : bytes
    """
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_bytes(content)
    except OSError as error:
        _warn_once(f"Figures are shown and not saved: {FOLDER}: {error.strerror}.")


@functools.cache
def _warn_once(message):
    warnings.warn(message, stacklevel=4)
