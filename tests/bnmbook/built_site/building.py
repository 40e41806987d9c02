"""Build the site in a copy of the project, and serve it on this machine."""

import contextlib
import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NOT_SOURCES = shutil.ignore_patterns(
    ".*", "_site", "__pycache__", "*.egg-info", "*.nc", "build", "data"
)
REDUCED = "import bnmbook.site as site; site.find_quarto = lambda: None; site.main()"


@dataclass
class Site:
    """A built site: how it was built, where it lies, what the build said and what it left."""

    engine: str
    folder: Path
    url: str
    said: str
    stray: set

    def pages(self):
        """Return the addresses of all pages, from the top of the site."""
        files = sorted(self.folder.rglob("*.html"))
        names = [path.relative_to(self.folder).as_posix() for path in files]
        return [name for name in names if not name.startswith("site_libs/")]

    def chapters(self):
        """Return the pages of the chapters, in order."""
        return [page for page in self.pages() if page.startswith("chapters/")]

    def slides(self):
        """Return the pages that are decks."""
        return [page for page in self.pages() if page.startswith("slides/")]

    def source(self, page):
        """Return the text of the source of a page, a notebook's cells one after the other."""
        path = self.folder.parent / page
        if not path.with_suffix(".ipynb").exists():
            text = path.with_suffix(".qmd").read_text(encoding="utf-8")
            include = re.search(r"\{\{< include (\S+) >\}\}", text)
            return text if not include else text + (path.parent / include[1]).read_text()
        cells = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        return "\n\n".join("".join(cell["source"]) for cell in cells)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, *args):
        """Log nothing."""


class InFolder(QuietHandler):
    """Serve a site in a folder of the server, and its own page for addresses that do not exist."""

    def translate_path(self, path):
        """Find the file of an address, if that is in the folder."""
        inside = path.startswith("/some/folder/")
        return super().translate_path(path.removeprefix("/some/folder") if inside else "/nothing")

    def send_error(self, code, *args):
        """Answer with the site's page."""
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write((Path(self.directory) / "404.html").read_bytes())


@contextlib.contextmanager
def served(handler, folder):
    """Serve a folder on this machine; give the address."""
    handler = functools.partial(handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def files_in(folder):
    """Return the files of a project, without what git ignores."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    ignored = {"_site", ".quarto", "__pycache__", ".gitignore"}
    return {path.as_posix() for path in found if not ignored & set(path.parts)}


def copy_project(folder):
    """Copy what the site is built from, as a clean checkout has it, into a new folder."""
    shutil.copytree(ROOT, folder, ignore=NOT_SOURCES)
    return folder


def run_python(folder, *arguments):
    """Run Python in a folder; return the finished process with its output as text."""
    return subprocess.run(
        [sys.executable, *arguments], check=False, cwd=folder, capture_output=True, text=True
    )
