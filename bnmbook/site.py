"""Build the site: with Quarto where it works, otherwise reduced, without slides, by smalldocs.

python -m bnmbook.site            build into _site/
python -m bnmbook.site preview    build, serve on this machine, rebuild when a source changes
"""

from bnmbook.paths import ROOT
from bnmbook.preview import preview
from bnmbook.reduced_site import SITE, build_reduced

import os
import shutil
import subprocess
import sys
from pathlib import Path


def find_quarto():
    """Return the path of a Quarto that runs, on the PATH or in this environment, or None."""
    for quarto in (shutil.which("quarto"), Path(sys.executable).parent / "quarto"):
        try:
            subprocess.run([quarto, "--version"], check=True, capture_output=True)
        except (OSError, TypeError, subprocess.CalledProcessError):
            continue
        return quarto
    return None


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
        try:
            build_reduced()
        except OSError as error:
            raise SystemExit(f"The site was not built: {error}.") from error
    print(f"Open {os.path.relpath(SITE / 'index.html')}", flush=True)
    if command == "preview":
        preview()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
