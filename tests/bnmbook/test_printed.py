"""The book in print: its pages and labels, and, where Typst is, a PDF."""

from bnmbook import printed

import pytest
import yaml

CONFIG = yaml.safe_load((printed.ROOT / "_quarto.yml").read_text(encoding="utf-8"))
NAME = "15-bayes-in-one-picture"


def test_the_book_has_the_pages_of_the_sidebar_in_their_order():
    chapters = printed.book_config(CONFIG)["book"]["chapters"]
    numbered = [name for name in chapters if name.endswith(".ipynb")]
    assert numbered == sorted(path.name for path in (printed.ROOT / "chapters").glob("*.ipynb"))
    assert chapters[0] == "index.qmd"
    assert {"glossary.qmd", "runs.qmd", "install.qmd"} <= set(chapters)
    few = printed.book_config(CONFIG, [NAME])["book"]["chapters"]
    assert few == ["index.qmd", f"{NAME}.ipynb"]


def test_labels_of_two_pages_do_not_meet():
    texts = {
        "01-a": "## A {#sec-x}\n#| label: fig-y\n#| fig-cap: c\nSee @fig-y and "
        "[b](02-b.ipynb#sec-x).",
        "02-b": "## B {#sec-x}\nAs in @sec-x, not in "
        "[it](../chapters/01-a.ipynb#sec-x) or @sec-none.",
    }
    assert printed.with_own_labels(texts) == {
        "01-a": "## A {#sec-01-a-x}\n#| label: fig-01-a-y\n#| fig-cap: c\n"
        "See @fig-01-a-y and [b](02-b.ipynb#sec-02-b-x).",
        "02-b": "## B {#sec-02-b-x}\nAs in @sec-02-b-x, not in "
        "[it](../chapters/01-a.ipynb#sec-01-a-x) or @sec-none.",
    }


def test_without_quarto_or_typst_one_sentence_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(printed, "find_quarto", lambda: None)
    with pytest.raises(SystemExit, match="printed by Quarto, which was not found"):
        printed.main([])
    monkeypatch.setattr(printed, "find_quarto", lambda: "true")
    monkeypatch.setenv("QUARTO_TYPST", str(tmp_path / "missing"))
    with pytest.raises(SystemExit, match="Typst, which this Quarto does not bring"):
        printed.main([])


def test_a_chapter_is_printed(monkeypatch, tmp_path):
    if reason := printed.why_not():
        pytest.skip(reason)
    monkeypatch.setattr(printed, "PDF", tmp_path / printed.PDF.name)
    printed.main([NAME])
    content = printed.PDF.read_bytes()
    assert content.startswith(b"%PDF")
    assert 0.1e6 < len(content) < 20e6
