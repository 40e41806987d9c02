"""Check that the book can be released, build what a release attaches, and tag it.

python -m bnmbook.releases          check, build on trial, and make the tag
python -m bnmbook.releases build    build sources, wheel and the zip of the site into dist/
"""

from bnmbook.paths import ROOT

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import yaml

# Files that a wheel brings along, beside modules, so that a chapter runs where no sources are.
BROUGHT = ("chapters/*.ipynb", "inference_demos/*.nc", "assets/**/*.css", "assets/**/*.js")


def version_of(root):
    """Version of the sources in a folder: `pyproject.toml` has it, all others are held to it."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["project"]["version"]


def latest_entry(changelog):
    """Heading and text of the first entry of a changelog, such as `[1.0.0] - 2026-11-27`."""
    _, heading, text = re.split(r"^## (.+)$", changelog, maxsplit=2, flags=re.MULTILINE)[:3]
    return heading, text.strip()


def faults(root):
    """What keeps a repository from being released.

    Parameters
    ----------
    root : pathlib.Path
        Its work tree.

    Returns
    -------
    list of str
        Sentences, each with what to do.
    """
    version, found = version_of(root), []
    if _git(root, "status", "--porcelain"):
        found.append("There are changes that are not committed: commit or remove them.")
    if _git(root, "tag", "--list", f"v{version}"):
        found.append(f"The tag v{version} exists: give pyproject.toml a newer version.")
    cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    if str(cited) != version:
        found.append(f"CITATION.cff has version {cited}, and pyproject.toml {version}.")
    heading, _ = latest_entry((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    dated = re.fullmatch(rf"\[{re.escape(version)}\] - (\d{{4}}-\d\d-\d\d)", heading)
    if not dated or not _is_date(dated[1]):
        found.append(
            f"CHANGELOG.md begins with '{heading}': it has to be '[{version}] - {date.today()}'."
        )
    return found


def pack(sources, folder):
    """Build an archive of the sources, and from it a wheel.

    Parameters
    ----------
    sources : pathlib.Path
        Folder with `pyproject.toml`.
    folder : pathlib.Path
        Where they go.

    Returns
    -------
    sdist, wheel : pathlib.Path
    """
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, sources]
    done = subprocess.run(build, capture_output=True, text=True)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise SystemExit(f"The wheel could not be built:\n{said}")
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def lacking(wheel, sources):
    """Names of files among the sources that a wheel ought to bring, and does not."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    brought = (path for pattern in BROUGHT for path in sources.glob(pattern))
    names = {path.relative_to(sources).as_posix() for path in brought}
    return sorted(name for name in names if f"bnmbook/book/{name}" not in inside)


def release(root):
    """Make the tag of a version, once everything fits.

    Parameters
    ----------
    root : pathlib.Path
        Work tree of the repository.

    Returns
    -------
    str
        Name of the tag.

    Raises
    ------
    SystemExit
        With what is wrong.
    """
    if found := faults(root):
        raise SystemExit("\n".join(found))
    with tempfile.TemporaryDirectory() as temporary:
        sources, packed = Path(temporary) / "sources", Path(temporary) / "packed"
        _write_commit(root, sources)
        sdist, wheel = pack(sources, packed)
        if missing := lacking(wheel, sources):
            raise SystemExit(f"The wheel lacks {', '.join(missing)}.")
        megabytes = [f"{path.name} ({path.stat().st_size / 1e6:.0f} MB)" for path in (sdist, wheel)]
        print("Built on trial:", ", ".join(megabytes))
    tag = f"v{version_of(root)}"
    _, text = latest_entry((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    # Verbatim, since headings begin with the sign of a comment.
    _git(root, "tag", "--annotate", "--cleanup=verbatim", "--message", f"{tag}\n\n{text}\n", tag)
    print(f"Made the tag {tag}. This publishes it: git push origin {tag}")
    return tag


def build(root, site, folder):
    """Write what a release attaches: sources, wheel, and the built site as a zip.

    Parameters
    ----------
    root, site, folder : pathlib.Path
        Work tree, folder of the built site, and where they go.

    Returns
    -------
    list of pathlib.Path
        Each with the version in its name.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        sources = Path(temporary) / "sources"
        _write_commit(root, sources)
        packed = pack(sources, folder)
    base = folder / f"brain-network-inference-site-{version_of(root)}"
    zipped = shutil.make_archive(base, "zip", site.parent, site.name)
    return [*packed, Path(zipped)]


def _git(root, *arguments):
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return done.stdout.strip()


def _write_commit(root, folder):
    """Write the files of the last commit: nothing else of the work tree gets into a release."""
    archive = folder.with_suffix(".zip")
    _git(root, "archive", "--format=zip", f"--output={archive}", "HEAD")
    shutil.unpack_archive(archive, folder)


def _is_date(text):
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


if __name__ == "__main__":
    if sys.argv[1:] == ["build"]:
        for path in build(ROOT, ROOT / "_site", ROOT / "dist"):
            print(path.relative_to(ROOT))
    else:
        release(ROOT)
