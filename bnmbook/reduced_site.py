"""Build the site in a reduced form, without slides, by smalldocs: for where Quarto is missing."""

from bnmbook.bundle import finish
from bnmbook.paths import ROOT
from bnmbook.reduced_pages import resolve_page, section_pages

import re
import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from pybtex.database import parse_file
from smalldocs.config import BuildError
from smalldocs.site import build

SITE = ROOT / "_site"
SKIP = (
    '<nav aria-label="Past the navigation">'
    '<a class="skip-link" href="#quarto-document-content">Skip to content</a></nav>'
)


def reduced_config(config):
    """Return `_quarto.yml` without what smalldocs cannot do: deck, 404, Sass, filters, scripts."""
    left_out = ("slides/", "404.qmd")
    pages = [page for page in config["project"]["render"] if not page.startswith(left_out)]
    website, navbar = config["website"], config["website"]["navbar"]
    links = [item for item in navbar.get("left", []) if not item["href"].startswith("slides/")]
    project = {"type": "website", "render": pages, "resources": config["project"]["resources"]}
    return {
        "project": project,
        "lang": config["lang"],
        "website": website | {"navbar": navbar | {"left": links}},
        "format": {
            "html": config["format"]["html"] | {"theme": {"light": "default", "dark": "default"}}
        },
    }


def build_reduced():
    """Build the reduced site in a temporary folder, then put it in place of the old one."""
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    bibliography = parse_file(str(ROOT / config["bibliography"]))
    config = reduced_config(config)
    (ROOT / ".quarto").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".quarto") as folder:
        copy = Path(folder) / "book"
        for name in ("assets", "img"):
            if (ROOT / name).exists():
                shutil.copytree(ROOT / name, copy / name)
        (copy / "_quarto.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        pages = [page for pattern in config["project"]["render"] for page in ROOT.glob(pattern)]
        sections = section_pages(page for page in pages if page.suffix == ".ipynb")
        for page in pages:
            target = copy / page.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(page, target)
            resolve_page(target, bibliography, sections)
        try:
            site = build(copy, quiet=True)
        except BuildError as error:
            raise SystemExit(f"The site was not built: {error}") from error
        for page, link in site.broken:
            print(f"warning: {page} links to {link}, which does not exist", file=sys.stderr)
        for page in pages:
            if page.suffix == ".ipynb":
                shutil.copy(page, copy / "_site" / page.relative_to(ROOT))
        for page in (copy / "_site").rglob("*.html"):
            text = page.read_text(encoding="utf-8")
            page.write_text(re.sub("<body[^>]*>", rf"\g<0>{SKIP}", text, count=1), encoding="utf-8")
        # smalldocs copies the images of Markdown only, not those of an output in HTML.
        shutil.copytree(copy / "img", copy / "_site" / "img", dirs_exist_ok=True)
        finish(ROOT, copy / "_site")
        if SITE.exists():
            SITE.rename(Path(folder) / "old")
        (copy / "_site").rename(SITE)


def build_page(page, target):
    """Build one notebook that is no page of the book.

    Parameters
    ----------
    page : pathlib.Path
        The notebook, which shows the outputs that are stored in it.
    target : pathlib.Path
        Folder for the page and what it needs; one that is there is replaced.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page"
        copy.mkdir()
        config = {
            "project": {"type": "website", "render": [page.name]},
            "website": {"title": "Study"},
        }
        (copy / "_quarto.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        shutil.copy(page, copy)
        build(copy, quiet=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(copy / "_site", target)
