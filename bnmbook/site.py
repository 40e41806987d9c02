"""Build the site: with Quarto where it works, otherwise reduced, without slides, by smalldocs.

python -m bnmbook.site            build into _site/
python -m bnmbook.site preview    build, serve on this machine, rebuild when a source changes
"""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_site"
SOURCES = (
    "_quarto.yml",
    "*.qmd",
    "*.bib",
    "chapters/*.ipynb",
    "reference/*.qmd",
    "assets/*",
    "img/*/*",
)


def find_quarto():
    """Return the path of a Quarto that runs, on the PATH or in this environment, or None."""
    for quarto in (shutil.which("quarto"), Path(sys.executable).parent / "quarto"):
        try:
            subprocess.run([quarto, "--version"], check=True, capture_output=True)
        except (OSError, TypeError, subprocess.CalledProcessError):
            continue
        return quarto
    return None


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
    from bnmbook.reduced_pages import resolve_page, section_pages

    from pybtex.database import parse_file
    from smalldocs.config import BuildError
    from smalldocs.site import build

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
            target.parent.mkdir(exist_ok=True)
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
        # smalldocs copies the images of Markdown only, not those of an output in HTML.
        shutil.copytree(copy / "img", copy / "_site" / "img", dirs_exist_ok=True)
        if SITE.exists():
            SITE.rename(Path(folder) / "old")
        (copy / "_site").rename(SITE)


def newest_change():
    """Return the time of the latest change to a source of the site."""
    return max(path.stat().st_mtime for pattern in SOURCES for path in ROOT.glob(pattern))


def preview_reduced(port=4200):
    """Serve the reduced site on this machine, and rebuild it whenever a source changes."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"Serving http://127.0.0.1:{port}/ (end with Ctrl-C; reload the page after a change)")
    built = newest_change()
    while True:
        time.sleep(1)
        if newest_change() > built:
            built = newest_change()
            # In a process of its own, so that a broken page does not end the preview.
            subprocess.run([sys.executable, "-m", "bnmbook.site"], check=False, cwd=ROOT)


def main(command="build"):
    """Build the site, or preview it."""
    if command not in {"build", "preview"}:
        raise SystemExit(f"Unknown command {command!r}: use `python -m bnmbook.site [preview]`.")
    quarto = find_quarto()
    if quarto and command == "preview":
        raise SystemExit(subprocess.run([quarto, "preview"], check=False, cwd=ROOT).returncode)
    if quarto:
        done = subprocess.run([quarto, "render"], check=False, cwd=ROOT)
        if done.returncode:
            raise SystemExit(done.returncode)
    else:
        print("Quarto was not found: building the reduced site with smalldocs, without slides.")
        build_reduced()
    print(f"Open {os.path.relpath(SITE / 'index.html')}", flush=True)
    if command == "preview":
        preview_reduced()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
