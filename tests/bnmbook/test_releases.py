"""A version is tagged once everything agrees, and what it attaches can be used."""

from bnmbook.releases import build, faults, lacking, latest_entry, release

import os
import shutil
import subprocess
import zipfile
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="There is no git.")
FILES = {
    ".gitignore": "_site/\n*.egg-info\n",
    "CHANGELOG.md": "# Changelog\n\n## [1.2.0] - 2026-11-27\n\n### Added\n\n- This.\n\n"
    "## [1.1.0] - 2026-11-20\n\n- That.\n",
    "CITATION.cff": "version: 1.2.0\n",
    "README.md": "A book.\n",
    "_common.py": "answer = 42\n",
    "_people.py": "",
    "bnmfit/__init__.py": "",
    "bnmbook/__init__.py": "",
    "assets/a.css": "a {}\n",
    "assets/live/a.js": "1;\n",
    "chapters/01-a.ipynb": "{}\n",
    "inference_demos/a.nc": "numbers\n",
}


def git(folder, *arguments):
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A small book with the real one's settings, all of it committed."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # of a hook that runs tests
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "book"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    mine = settings.split('version = "')[1].partition('"')[0]
    write(root, "pyproject.toml", settings.replace(f'"{mine}"', '"1.2.0"', 1))
    git(root, "init", "--quiet")
    for name in ("name", "email"):
        git(root, "config", f"user.{name}", "nobody")
    commit(root)
    return root


def write(root, name, text):
    (root / name).write_text(text, encoding="utf-8")


def commit(root):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "All of it")


def test_a_version_is_tagged_with_its_entry_of_the_changelog(repository, capsys):
    assert faults(repository) == []
    assert release(repository) == "v1.2.0"
    assert git(repository, "cat-file", "-t", "v1.2.0").strip() == "tag"
    message = git(repository, "tag", "--list", "--format=%(contents)", "v1.2.0").strip()
    assert message == "v1.2.0\n\n### Added\n\n- This."
    assert "git push origin v1.2.0" in capsys.readouterr().out
    assert git(repository, "status", "--porcelain") == ""
    with pytest.raises(SystemExit, match=r"The tag v1\.2\.0 exists"):
        release(repository)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("CITATION.cff", "version: 1.1.0\n", "CITATION.cff has version 1.1.0, and pyproject.toml"),
        ("CHANGELOG.md", "## [Unreleased]\n", f"has to be '[1.2.0] - {date.today()}'"),
        ("CHANGELOG.md", "## [1.1.0] - 2026-11-20\n", "begins with '[1.1.0] - 2026-11-20'"),
        ("CHANGELOG.md", "## [1.2.0] - 2026-13-01\n", "begins with '[1.2.0] - 2026-13-01'"),
        ("CHANGELOG.md", "## [1.2.0]\n", "begins with '[1.2.0]'"),
    ],
)
def test_what_disagrees_is_said_and_nothing_tagged(repository, name, text, fault):
    write(repository, name, text)
    commit(repository)
    (found,) = faults(repository)
    assert fault in found
    with pytest.raises(SystemExit):
        release(repository)
    assert git(repository, "tag") == ""


@pytest.mark.parametrize("name", ["README.md", "new.py"])
def test_what_is_not_committed_is_not_released(repository, name):
    write(repository, name, "changed\n")
    (found,) = faults(repository)
    assert "not committed" in found


def test_a_wheel_that_lacks_what_chapters_need_is_not_tagged(repository):
    settings = (repository / "pyproject.toml").read_text(encoding="utf-8")
    write(repository, "pyproject.toml", settings.replace('"**/*.css", ', ""))
    commit(repository)
    with pytest.raises(SystemExit, match=r"The wheel lacks assets/a\.css\."):
        release(repository)
    assert git(repository, "tag") == ""


def test_sources_that_make_no_wheel_are_not_tagged(repository):
    shutil.rmtree(repository / "bnmfit")
    commit(repository)
    with pytest.raises(SystemExit, match="The wheel could not be built"):
        release(repository)
    assert git(repository, "tag") == ""


def test_what_a_release_attaches_has_the_version_in_its_names(repository, tmp_path):
    (repository / "_site").mkdir()
    write(repository, "_site/index.html", "<p>A book.</p>")
    write(repository, "chapters/99-mine.ipynb", "not committed")
    paths = build(repository, repository / "_site", tmp_path / "dist")
    assert sorted(path.name for path in paths) == [
        "brain-network-inference-site-1.2.0.zip",
        "brain_network_inference-1.2.0-py3-none-any.whl",
        "brain_network_inference-1.2.0.tar.gz",
    ]
    assert set(paths) == set((tmp_path / "dist").iterdir())
    _, wheel, site = paths
    assert "_site/index.html" in zipfile.ZipFile(site).namelist()
    assert lacking(wheel, repository) == ["chapters/99-mine.ipynb"]


def test_the_entry_of_a_version_ends_where_the_one_before_begins():
    assert latest_entry(FILES["CHANGELOG.md"]) == ("[1.2.0] - 2026-11-27", "### Added\n\n- This.")
    assert latest_entry("# Log\n\n## [0.1.0] - 2026-01-01\n\n- A.\n")[1] == "- A."
