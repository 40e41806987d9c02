"""Finish a rendered site: put the book into one file of it, and say in notebooks where that is.

A chapter that is downloaded alone can then run. Quarto runs this file after rendering, with
whichever Python there is, so it needs no package.
"""

import os
import re
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "brain-network-inference"
# Folders that are no sources, beside those whose name has a dot. Nobody may pass the data on.
LEFT_OUT = {"_site", "_pdf", "build", "dist", "__pycache__", "data"}
# Of what begins with a dot, what `make test` and `make lint` look at.
KEPT = {".binder", ".github", ".gitignore", ".pre-commit-config.yaml", ".zenodo.json"}
# What the first cell of a chapter says as long as nobody knows where the book lies.
UNKNOWN = "ADDRESS (of its zip file, or of its repository)"
# The first lines of a chapter; MODULE is `_common` or `_people`.
FIRST_LINES = f"""\
from importlib.util import find_spec

if not find_spec("MODULE"):
    raise ModuleNotFoundError(
        "Install the book that this chapter needs, then run this cell again: "
        "%pip install {UNKNOWN}"
    )
"""


def configured(root, key):
    """Return what the site's configuration says for a key, such as `site-url`, or None.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the book. Its `_quarto.yml.local` goes before its `_quarto.yml`.
    key : str
        A key whose value is one word.

    Returns
    -------
    str or None
    """
    for path in (root / "_quarto.yml.local", root / "_quarto.yml"):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if found := re.search(rf"^ *{key}: *[\"']?([^\s\"'#]+)", text, re.MULTILINE):
            return found[1].rstrip("/")
    return None


def launch_links(root, name):
    """Return where a chapter can be opened and run: by service, the address.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the book.
    name : str
        File name of the notebook.

    Returns
    -------
    dict of str to str
        Empty unless the configuration has a `repo-url` on GitHub, from which these services read.
    """
    repository = re.fullmatch(
        r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?", configured(root, "repo-url") or ""
    )
    if not repository:
        return {}
    branch = configured(root, "repo-branch") or "main"
    colab, binder = "https://colab.research.google.com/github", "https://mybinder.org/v2/gh"
    return {
        "Colab": f"{colab}/{repository[1]}/blob/{branch}/chapters/{name}",
        "Binder": f"{binder}/{repository[1]}/{branch}?labpath=chapters/{name}",
    }


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
        The file, which unpacks into one folder, and which pip can install.
    """
    path = site / f"{NAME}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for folder, inner, files in os.walk(root):
            inner[:] = sorted(n for n in inner if n not in LEFT_OUT and ("." not in n or n in KEPT))
            if Path(folder) == root / "studies":  # those of readers are theirs
                inner.clear()
            for name in sorted(files):
                hidden = name.startswith(".") and name not in KEPT
                if not hidden and not name.endswith((".log", ".pyc", ".yml.local")):
                    source = Path(folder) / name
                    bundle.write(source, Path(NAME) / source.relative_to(root))
    return path


def say_where(root, site):
    """Write the address of the book into the site's notebooks, where it is configured.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the book.
    site : pathlib.Path
        Folder of the built site.
    """
    address, repository = configured(root, "site-url"), configured(root, "repo-url")
    known = f"{address}/{NAME}.zip" if address else repository and f"git+{repository}"
    if known:
        for path in site.glob("chapters/*.ipynb"):
            path.write_bytes(path.read_bytes().replace(UNKNOWN.encode(), known.encode()))


def finish(root, site):
    """Do both."""
    say_where(root, site)
    write_bundle(root, site)


if __name__ == "__main__":
    finish(ROOT, Path(os.environ.get("QUARTO_PROJECT_OUTPUT_DIR") or ROOT / "_site"))
