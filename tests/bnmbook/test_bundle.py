"""Where a chapter can be had and opened: the zip, and links once an address is known."""

from bnmbook import reduced_pages
from bnmbook.bundle import FIRST_LINES, UNKNOWN, configured, finish, launch_links
from bnmbook.site import find_quarto, run_quarto

import json
import os
import re
import shutil
import stat
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NAME = "15-bayes-in-one-picture.ipynb"
KNOWN = """\
website:
  site-url: "https://reader.example/book/"
  repo-url: "https://github.com/owner/book"
"""


def book_in(folder, *, local):
    """A book of one chapter, whose site has these addresses."""
    (folder / "chapters").mkdir(parents=True)
    shutil.copy(ROOT / "chapters" / NAME, folder / "chapters")
    if local:
        (folder / "_quarto.yml.local").write_text(local)
    return folder


def links_in(page):
    """The links of the line under a chapter's title, by what they say, and the line's text."""
    line = re.search(r'<p class="chapter-line">.*?</p>', page, re.DOTALL)[0]
    links = re.findall(r'<a [^>]*?href="([^"]+)"[^>]*>(.*?)</a>', line, re.DOTALL)
    return {" ".join(words.split()): target for target, words in links}, line


def check_line(page, local):
    links, line = links_in(page)
    assert Path(links["Download this notebook"]).name == NAME
    assert links["and the book that it needs"] == "../brain-network-inference.zip"
    assert len(links) == (4 if local else 2)
    if local:
        of_owner = "owner/book"
        assert links["Open in Colab"] == (
            f"https://colab.research.google.com/github/{of_owner}/blob/main/chapters/{NAME}"
        )
        assert links["Open in Binder"] == (
            f"https://mybinder.org/v2/gh/{of_owner}/main?labpath=chapters/{NAME}"
        )
        assert "<code>%pip install git+https://github.com/owner/book</code>" in line
    assert ("Colab" in line) == bool(local)


def test_addresses_are_read_from_the_local_file_first(tmp_path):
    assert configured(tmp_path, "site-url") is None
    (tmp_path / "_quarto.yml").write_text("website:\n  site-url: https://a.example # ours\n")
    assert configured(tmp_path, "site-url") == "https://a.example"
    (tmp_path / "_quarto.yml.local").write_text(KNOWN)
    assert configured(tmp_path, "site-url") == "https://reader.example/book"
    assert configured(ROOT, "no-such-key") is None


@pytest.mark.parametrize("address", ["", "https://gitlab.com/a/b", "https://github.com/a"])
def test_without_a_repository_on_github_nothing_is_launched(tmp_path, address):
    (tmp_path / "_quarto.yml.local").write_text(f'website:\n  repo-url: "{address}"\n')
    assert launch_links(tmp_path, NAME) == {}


def test_launches_follow_the_branch(tmp_path):
    text = f"{KNOWN}  repo-branch: next\n".replace("owner/book", "owner/book.git")
    (tmp_path / "_quarto.yml.local").write_text(text)
    assert "/owner/book/blob/next/" in launch_links(tmp_path, NAME)["Colab"]
    assert "/owner/book/next?" in launch_links(tmp_path, NAME)["Binder"]


@pytest.mark.parametrize("local", ["", KNOWN], ids=["unknown", "known"])
def test_the_reduced_site_launches_where_it_knows_the_repository(tmp_path, monkeypatch, local):
    book = book_in(tmp_path / "book", local=local)
    monkeypatch.setattr(reduced_pages, "ROOT", book)
    monkeypatch.setattr(reduced_pages.Page, "author_year", lambda *_: ("Somebody", "1900"))
    monkeypatch.setattr(reduced_pages.Page, "references", lambda _: "")
    page = book / "chapters" / NAME
    reduced_pages.resolve_page(page, None, {})
    check_line("".join(json.loads(page.read_text("utf-8"))["cells"][1]["source"]), local)


@pytest.mark.parametrize("local", ["", KNOWN], ids=["unknown", "known"])
def test_quarto_launches_where_it_knows_the_repository(tmp_path, monkeypatch, local):
    if not find_quarto():
        pytest.skip("no Quarto on the PATH or in this environment")
    book = book_in(tmp_path / "book", local=local)
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    config["project"] = {"type": "website", "render": [f"chapters/{NAME}"]}
    config["website"] = {"title": "A book of one chapter"}
    config["format"] = {"html": {"theme": "none"}}
    (book / "_quarto.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    for name in ("bnmbook/filters", "references.bib"):
        (book / name).parent.mkdir(exist_ok=True)
        (book / name).symlink_to(ROOT / name)
    monkeypatch.setattr("bnmbook.site.ROOT", book)
    assert run_quarto(find_quarto(), "render") == 0
    page = (book / "_site/chapters" / NAME).with_suffix(".html").read_text(encoding="utf-8")
    check_line(page, local)


@pytest.mark.parametrize("local", ["", KNOWN], ids=["unknown", "known"])
def test_notebooks_of_the_site_say_where_the_book_is_if_that_is_known(tmp_path, local):
    book, site = book_in(tmp_path / "book", local=local), tmp_path / "site" / "chapters"
    cell = nbformat.v4.new_code_cell(FIRST_LINES)
    site.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), site / NAME)
    before = (site / NAME).read_bytes()
    finish(book, site.parent)
    (cell,) = nbformat.read(site / NAME, as_version=4).cells
    assert ((site / NAME).read_bytes() == before) == (not local)
    assert (UNKNOWN in cell.source) == (not local)
    address = "https://reader.example/book/brain-network-inference.zip"
    assert (f'"%pip install {address}"' in cell.source) == bool(local)
    packed = zipfile.ZipFile(site.parent / "brain-network-inference.zip").namelist()
    assert packed == [f"brain-network-inference/chapters/{NAME}"]


def test_the_zip_holds_what_its_checks_look_at(tmp_path):
    finish(ROOT, tmp_path)
    names = zipfile.ZipFile(tmp_path / "brain-network-inference.zip").namelist()
    inside = {name.partition("/")[2] for name in names}
    needed = {".github/workflows/tests.yml", ".pre-commit-config.yaml", ".gitignore", "Makefile"}
    needed |= {".zenodo.json"}
    assert needed | {".binder/postBuild", "inference_demos/grid_scan.nc"} <= inside
    assert not [n for n in inside if n.startswith((".venv", ".git/", "_site", "_pdf", "data/"))]


def test_binder_installs_the_book_as_the_lock_says():
    script = ROOT / ".binder" / "postBuild"
    assert os.stat(script).st_mode & stat.S_IXUSR
    assert "-r requirements.txt" in script.read_text()
    assert "--no-deps --editable ." in script.read_text()
    version = (ROOT / ".binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert float(version.partition(".")[2]) >= float(project["requires-python"].rpartition(".")[2])
