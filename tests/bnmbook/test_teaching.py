"""The pages for teachers agree with the chapters, the deck and the table of methods."""

from bnmbook.paths import CHAPTERS, ROOT
from bnmbook.tables import METHODS

import re

import nbformat
import pytest

NOTEBOOKS = sorted(CHAPTERS.glob("*.ipynb"))
TEACHING = (ROOT / "reference" / "teaching.qmd").read_text(encoding="utf-8")
SHEET = (ROOT / "reference" / "cheat-sheet.qmd").read_text(encoding="utf-8")
DECK = (ROOT / "_slides-section-4.qmd").read_text(encoding="utf-8")
GRADES = {"easy", "medium", "hard"}


def blocks():
    """What the page says of each chapter, by number."""
    parts = re.split(r"^### (\d+) ", TEACHING, flags=re.MULTILINE)[1:]
    return dict(zip(map(int, parts[::2]), parts[1::2], strict=True))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_chapter_has_minutes_a_misconception_questions_and_graded_exercises(path):
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    (title,) = re.findall(r'^title: "(.*)"', text, re.MULTILINE)
    block = blocks()[int(path.stem[:2])]
    assert block.startswith(f"[{title}](../chapters/{path.name})")
    assert re.search(r"^\d+ minutes\. Exercises: ", block, re.MULTILINE)
    assert "**Misconception:** " in block
    questions = re.findall(r'title="(.+\?|.+\.)"\}\n(.+)\n:::', block)
    assert 1 <= len(questions) <= 2
    assert all(len(answer.split()) > 12 for _, answer in questions)
    graded = re.findall(r"(\d) (\w+)", re.search(r"Exercises: (.+)\.", block)[1])
    assert [int(number) for number, _ in graded] == list(range(1, text.count('"Solution"') + 1))
    assert {grade for _, grade in graded} <= GRADES
    on_page = re.findall(r"^\*\*(\d)\.\*\* \*(\w+)\.\*", text, re.MULTILINE)
    assert [(number, grade.lower()) for number, grade in on_page] == graded


def test_no_chapter_is_left_out():
    assert list(blocks()) == [int(path.stem[:2]) for path in NOTEBOOKS]


def test_the_plan_has_the_minutes_of_the_deck():
    title, *of_slides = [1.0, *map(float, re.findall(r"^\*\*([\d.]+) minutes?\.", DECK, re.M))]
    minutes = [title, *of_slides]
    plan = re.findall(r"^\| .+ \| (\d+) to (\d+) \| ([\d.]+) \|$", TEACHING, re.MULTILINE)
    assert [float(sum(minutes[int(a) - 1 : int(b)])) for a, b, _ in plan] == [
        float(given) for *_, given in plan
    ]
    assert sum(float(given) for *_, given in plan) == sum(minutes)
    ends = [(int(a), int(b)) for a, b, _ in plan]
    assert [a for a, _ in ends] == [1, *(b + 1 for _, b in ends[:-1])]
    named = re.findall(r"^\| +(\d+) \| ", TEACHING, re.MULTILINE)
    assert 200 <= sum(map(int, named)) <= 300  # half a day


def test_the_cheat_sheet_has_no_numbers_but_the_rules_of_thumb():
    rows = re.findall(r"^\| \[.+?\]\(../chapters/(.+?)\.ipynb\) \| (\S+) \|", SHEET, re.MULTILINE)
    more_runs = ("regional fit", "all connections")  # of gradient descent
    rules = [rule for method, *_, rule, _, _ in METHODS if method not in more_runs]
    assert [rule for _, rule in rows] == rules
    words = re.sub(r"\]\([^)]*\)|^\| \[.+$|^---.*?^---", "", SHEET, flags=re.M | re.S)
    assert re.findall(r"\d+", words) == []
    assert len(re.findall(r"^- ", SHEET.partition("**Seven traps**")[2], re.MULTILINE)) == 7
