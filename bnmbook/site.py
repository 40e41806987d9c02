"""Build the site: with Quarto where it works, otherwise reduced, without slides, by smalldocs.

python -m bnmbook.site            build into _site/
python -m bnmbook.site preview    build, serve on this machine, rebuild when a source changes
"""

from bnmbook.paths import ROOT
from bnmbook.preview import preview
from bnmbook.reduced_site import SITE, build_reduced

import locale
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


def run_quarto(quarto, command, *pages):
    """Run a command of Quarto on the book, whatever language and profile the user has set.

    Parameters
    ----------
    quarto : path
    command : str
        `render` or `preview`.
    *pages : str
        Only these, if any are named.

    Returns
    -------
    int
        Its exit status.
    """
    environment = {key: value for key, value in os.environ.items() if key != "QUARTO_PROFILE"}
    before = locale.setlocale(locale.LC_CTYPE)
    for name in ("C.UTF-8", "en_US.UTF-8"):  # pandoc encodes the names of files as the locale says
        try:
            locale.setlocale(locale.LC_CTYPE, name)
        except locale.Error:
            continue
        environment["LC_ALL"] = name
        break
    locale.setlocale(locale.LC_CTYPE, before)
    return subprocess.run(
        [quarto, command, *pages], check=False, cwd=ROOT, env=environment
    ).returncode


def main(command="build"):
    """Build the site, or preview it."""
    if command not in {"build", "preview"}:
        raise SystemExit(f"Unknown command {command!r}: use `python -m bnmbook.site [preview]`.")
    quarto = find_quarto()
    if quarto and command == "preview":
        raise SystemExit(run_quarto(quarto, "preview"))
    if quarto:
        status = run_quarto(quarto, "render")
        if status:
            raise SystemExit(status)
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
