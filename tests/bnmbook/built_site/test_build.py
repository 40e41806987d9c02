"""Building: what it says, what it leaves, and which pages it makes."""

from bnmbook.reduced_pages import Page
from bnmbook.site import main

from pathlib import Path

import pytest
import yaml

from .building import REDUCED, ROOT, copy_project, run_python


def test_the_build_prints_the_page_to_open_and_leaves_nothing_else(site):
    assert "Open _site/index.html\n" in site.said
    assert ("Quarto was not found" in site.said) == (site.engine == "smalldocs")
    assert "warning" not in site.said.lower()
    assert site.stray == set()


def test_every_page_of_the_sidebar_is_built(site):
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    parts = config["website"]["sidebar"]["contents"]
    items = [item for part in parts for item in part.get("contents", [part])]
    listed = [item["href"] for item in items if item["href"].startswith("chapters/")]
    notebooks = sorted(f"chapters/{path.name}" for path in (ROOT / "chapters").glob("*.ipynb"))
    assert listed == notebooks
    assert [Path(page).with_suffix(".ipynb").as_posix() for page in site.chapters()] == notebooks
    others = {f"reference/{path.stem}.html" for path in (ROOT / "reference").glob("*.qmd")}
    assert others <= {item["href"].replace(".qmd", ".html") for item in items}
    others |= {"index.html", "play.html"}
    others |= {"404.html", "slides/section-4.html"} if site.engine == "quarto" else set()
    assert set(site.pages()) == set(site.chapters()) | others


def test_a_failed_build_keeps_the_old_site(tmp_path):
    copy = copy_project(tmp_path / "book")
    assert run_python(copy, "-c", REDUCED).returncode == 0
    before = (copy / "_site/index.html").read_bytes()
    with (copy / "index.qmd").open("a", encoding="utf-8") as page:
        page.write("\nAs @nobody1900 wrote.\n")
    done = run_python(copy, "-c", REDUCED)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "index.qmd: @nobody1900 is no label of this page, nor in references.bib."
    )
    assert (copy / "_site/index.html").read_bytes() == before
    assert list((copy / ".quarto").iterdir()) == []


def test_an_unknown_command_is_explained():
    with pytest.raises(SystemExit, match=r"Unknown command 'publish': use `python -m"):
        main("publish")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("`@fig-a` and $5 or $6", "`@fig-a` and $5 or $6"),
        ("```\n@fig-a $x$\n```", "```\n@fig-a $x$\n```"),
        ("see @fig-b", 'see <a href="#fig-b">Figure&nbsp;2</a>'),
        (
            "[@fig-a; @fig-b]",
            '<a href="#fig-a">Figure&nbsp;1</a>; <a href="#fig-b">Figure&nbsp;2</a>',
        ),
        ("write to a@b.org", "write to a@b.org"),
        ("[the slides](../slides/section-4.qmd)", "the slides"),
    ],
)
def test_labels_resolve_only_outside_code(written, shown):
    class Empty:
        entries = {}  # noqa: RUF012

    page = Page("page", "#| label: fig-a\n\n![b](b.png){#fig-b}", Empty)
    assert page.markdown(written) == shown
