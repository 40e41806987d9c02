"""Print the book: one PDF, set by Quarto's Typst from the pages of the site.

python -m bnmbook.printed            all pages
python -m bnmbook.printed NAME ...   only these chapters, by file name without ending

Quarto prints a book of one folder, so the pages are copied into one.
"""

from bnmbook.paths import ROOT
from bnmbook.site import find_quarto

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ON_SCREEN = {"play"}  # pages that only a browser can show
PDF = ROOT / "_pdf" / "brain-network-inference.pdf"


def why_not():
    """Return in a sentence why the book cannot be printed here, or None.

    Typst is part of Quarto; QUARTO_TYPST names another one, as for Quarto itself.
    """
    quarto = find_quarto()
    if not quarto:
        return "The book is printed by Quarto, which was not found."
    version = [os.environ["QUARTO_TYPST"]] if os.environ.get("QUARTO_TYPST") else [quarto, "typst"]
    try:
        subprocess.run([*version, "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "The book is set by Typst, which this Quarto does not bring."
    return None


def book_config(config, names=()):
    """Return the configuration of the printed book.

    Parameters
    ----------
    config : dict
        That of the site, with its sidebar.
    names : sequence of str
        Chapters to print, by file name without ending; none means all.

    Returns
    -------
    dict
        For Quarto's project type `book`, with every page in one folder.
    """

    def pages(items):
        found = [Path(item["href"]) for item in items]
        wanted = {"index", *names} if names else {p.stem for p in found} - ON_SCREEN
        return [p.name for p in found if p.stem in wanted]

    items = config["website"]["sidebar"]["contents"]
    chapters = [page for item in items for page in pages(item.get("contents", [item]))]
    website = config["website"]
    return {
        "project": {"type": "book", "output-dir": "_pdf"},
        "lang": config["lang"],
        "execute": config["execute"],
        "book": {"title": website["title"], "chapters": chapters, "output-file": PDF.stem},
        "bibliography": config["bibliography"],
        "link-citations": True,
        "filters": [
            *config["filters"],
            {"at": "pre-ast", "path": "bnmbook/filters/print.lua"},
        ],
        "format": {
            "typst": {
                "toc": True,
                "toc-depth": 2,
                "number-sections": False,
                "papersize": "a4",
                "html-table-processing": "none",  # done by print.lua, without fetching anything
                "css-property-processing": "none",
                "fig-cap-location": "bottom",
                "tbl-cap-location": "top",
            }
        },
    }


def with_own_labels(texts):
    """Return pages, by name without ending, with labels that no two of them share.

    Parameters
    ----------
    texts : dict of str to str

    Returns
    -------
    dict of str to str
        A label has the name of its page in it, and so have all references to it.
    """
    defined = r"(?:\{#|label: *)((?:sec|fig|tbl|eq)-[\w-]+)"
    labels = {name: set(re.findall(defined, text)) for name, text in texts.items()}
    used = r"(?<![\w-])(?:([\w-]+)\.(?:ipynb|qmd)#)?((?:sec|fig|tbl|eq)-[\w-]+)"

    def renamed(text, here):
        def own(match):
            owners = (match[1] or here, *labels)
            owner = next((name for name in owners if match[2] in labels.get(name, ())), None)
            kind, _, rest = match[2].partition("-")
            return f"{match[0][: -len(match[2])]}{kind}-{owner}-{rest}" if owner else match[0]

        return re.sub(used, own, text)

    return {name: renamed(text, name) for name, text in texts.items()}


def with_html_kept(text):
    """Return a notebook whose HTML outputs print.lua sees; else Quarto prints their plain text."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                html = "".join(output["data"]["text/html"])
                output["data"] = {"text/markdown": f"```{{=html}}\n{html}\n```\n"}
    return json.dumps(notebook)


def copy_pages(folder, names):
    """Copy the pages and what they show into one folder, and give it a configuration."""
    config, citation = (
        yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for name in ("_quarto.yml", "CITATION.cff")
    )
    book = book_config(config, names)
    book["book"]["author"] = citation["authors"][0]["name"].replace('"', "")  # Typst's own mark
    for name in ("bnmbook", "assets", "img"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / config["bibliography"], folder)
    items = config["website"]["sidebar"]["contents"]
    pages = [ROOT / page["href"] for item in items for page in item.get("contents", [item])]
    texts = with_own_labels({page.stem: page.read_text(encoding="utf-8") for page in pages})
    for page in pages:
        text = texts[page.stem].replace("../img/", "img/")
        if page.suffix == ".qmd":  # only chapters have numbers, those of the site
            text = re.sub(r'\A---\ntitle: "(.*)"\n(?:.*\n)*?---\n', r"# \1 {.unnumbered}\n", text)
        if page.suffix == ".ipynb":
            text = with_html_kept(text)
        (folder / page.name).write_text(text, encoding="utf-8")
    (folder / "_quarto.yml").write_text(yaml.safe_dump(book, sort_keys=False), encoding="utf-8")


def main(names):
    """Print the book, or some chapters of it."""
    if reason := why_not():
        raise SystemExit(f"{reason} Install Quarto 1.10 from quarto.org, then run this again.")
    (ROOT / ".quarto").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".quarto") as temporary:
        folder = Path(temporary) / "book"
        folder.mkdir()
        copy_pages(folder, names)
        environment = {k: v for k, v in os.environ.items() if k != "QUARTO_PROFILE"}
        command = [find_quarto(), "render", "--to", "typst"]
        status = subprocess.run(command, check=False, cwd=folder, env=environment).returncode
        if status:
            raise SystemExit(status)
        PDF.parent.mkdir(exist_ok=True)
        shutil.move(folder / "_pdf" / PDF.name, PDF)
    print(f"Open {os.path.relpath(PDF)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
