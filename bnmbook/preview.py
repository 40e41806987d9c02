"""Serve the reduced site on this machine, and build it again whenever a source changes."""

from bnmbook.paths import ROOT

import functools
import http.server
import subprocess
import sys
import threading
import time

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


def newest_change():
    """Return the time of the latest change to a source of the site."""
    return max(path.stat().st_mtime for pattern in SOURCES for path in ROOT.glob(pattern))


def serve(folder, port=4200):
    """Serve a folder on this machine, in the background, at a port or the next that is free.

    Parameters
    ----------
    folder : pathlib.Path
    port : int
        The first of a hundred ports to try.

    Returns
    -------
    http.server.ThreadingHTTPServer
        Its attribute `server_port` says at which port.
    """
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    for candidate in range(port, port + 100):
        try:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", candidate), handler)
        except OSError:  # busy, or not allowed
            continue
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server
    raise SystemExit(f"The site cannot be served: no port from {port} to {port + 99} is free.")


def preview():
    """Serve the reduced site on this machine, and rebuild it whenever a source changes."""
    address = f"http://127.0.0.1:{serve(SITE).server_port}/"
    print(f"Serving {address} (end with Ctrl-C; reload the page after a change)", flush=True)
    built = newest_change()
    while True:
        time.sleep(1)
        if newest_change() > built:
            built = newest_change()
            # In a process of its own, so that a broken page does not end the preview.
            subprocess.run([sys.executable, "-m", "bnmbook.site"], check=False, cwd=ROOT)
