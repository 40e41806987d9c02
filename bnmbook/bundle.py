"""Put the book into one file of the site, so that a chapter that is downloaded alone can run.

Quarto runs this file after rendering, with whichever Python there is, so it needs no package.
"""

import os
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "brain-network-inference"
# Folders that are no sources, beside those whose name has a dot. Nobody may pass the data on.
LEFT_OUT = {"_site", "build", "dist", "__pycache__", "data"}


def write_bundle(root, site):
    """Write the sources of the book, its chapters and its stored results as a zip file.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the book.
    site : pathlib.Path
        Folder of the built site.

    Returns
    -------
    pathlib.Path
        The file, which unpacks into one folder.
    """
    path = site / f"{NAME}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for folder, inner, files in os.walk(root):
            inner[:] = sorted(name for name in inner if name not in LEFT_OUT and "." not in name)
            if Path(folder) == root / "studies":  # those of readers are theirs
                inner.clear()
            for name in sorted(files):
                if not name.startswith(".") and not name.endswith((".log", ".pyc")):
                    source = Path(folder) / name
                    bundle.write(source, Path(NAME) / source.relative_to(root))
    return path


if __name__ == "__main__":
    write_bundle(ROOT, Path(os.environ.get("QUARTO_PROJECT_OUTPUT_DIR") or ROOT / "_site"))
