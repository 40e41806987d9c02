"""Save a figure that changes as an animation, and show it with a still for those who stop it."""

from bnmbook.figures import is_kept, keep_file, save_figure
from bnmbook.paths import FIGURES
from bnmbook.style import PIXELS_PER_INCH, STYLE, for_saving

import html
import io

from IPython.display import HTML
from PIL import Image

FRAME_DPI = 1.5 * PIXELS_PER_INCH  # finer than the page, and still a small file


def save_animation(figure, draw, n_frames, name, seconds=0.4, hold=4.0, colors=256):
    """Save `img/section-4/NAME.gif`, which repeats, and its last frame as `NAME.png`.

    Its type has the size of other figures on a page, and can be read beside the text of a slide, if
    the figure is at most 5.6 inches wide and 4.1 high.

    Runs that only check (BOOK_RESULTS=require) leave the files alone.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Figure without artists that `draw` adds; its layout is settled with the first frame.
    draw : callable
        `draw(k)` changes the figure to frame k, from 0 to n_frames - 1.
    n_frames : int
    name : str
        File name without its ending.
    seconds, hold : float
        How long each frame, and the last one, is shown, in s.
    colors : int
        Size of the palette, at most 256, which all frames share.

    Raises
    ------
    ValueError
        If there is no frame.
    """
    if n_frames < 1:
        raise ValueError(f"An animation needs at least one frame, not {n_frames}.")
    if not is_kept():
        return
    frames = [_frame(figure, draw, k) for k in range(n_frames)]
    save_figure(figure, name)
    palette = _palette(frames, colors)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [1000 * seconds] * (n_frames - 1) + [1000 * hold]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
    )
    keep_file(f"{name}.gif", buffer.getvalue())


def show_animation(name, alt):
    """Show a saved animation, and its last frame to those who print or prefer no motion.

    Parameters
    ----------
    name : str
        Name that `save_animation` gave to its files.
    alt : str
        What one would see, for those who do not.

    Returns
    -------
    IPython.display.HTML
    """
    source, size = f"../img/section-4/{name}", _size_on_page(name)
    alt = html.escape(alt)
    return HTML(
        f'<div class="animation"><img class="moving" src="{source}.gif" alt="{alt}"{size}>'
        f'<img class="still" src="{source}.png" alt="{alt}"{size} style="display: none">'
        '<label><input type="checkbox"> Stop at the last frame</label></div>'
    )


def _palette(frames, colors):
    """Colours of the first, the last and some frames between them, so that marks keep theirs."""
    some = frames[:: max(1, len(frames) // 8)] + frames[-1:]
    width, height = frames[0].size
    together = Image.new("RGB", (width, height * len(some)))
    for k, frame in enumerate(some):
        together.paste(frame, (0, height * k))
    return together.quantize(colors, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _size_on_page(name):
    """Width and height of a saved animation, as attributes: an inch is as long as elsewhere."""
    path = FIGURES / f"{name}.png"
    if not path.exists():
        return ""
    with Image.open(path) as still:
        width, height = (round(PIXELS_PER_INCH * n / STYLE["savefig.dpi"]) for n in still.size)
    return f' width="{width}" height="{height}"'


def _frame(figure, draw, k):
    draw(k)
    if k == 0:
        figure.canvas.draw()
        figure.set_layout_engine("none")  # or the axes would move with their titles
    buffer = io.BytesIO()
    with for_saving():
        figure.savefig(buffer, format="png", dpi=FRAME_DPI)
    return Image.open(buffer).convert("RGB")
