"""The deck: every slide fits its frame, shows its images, can be read, and is accessible."""

import re

import pytest
from PIL import Image

from .browsing import PHONE, SLIDE, violations
from .building import ROOT

FIGURES = ROOT / "img" / "section-4"
LECTURE = 45  # minutes
LEAST_TEXT = 18  # px, at 1280 x 720: what one can read from the last row
LEAST_INCH = 129  # px of an inch of a figure, so that 10 points, its text, are as large
PER_INCH = 200  # pixels that figures are saved with


def slides_of(page):
    """Show one slide after the other, all of its fragments; give what is on each."""
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate(f"Reveal.slide({number}, 0, 99)")
        page.wait_for_function(
            "[...Reveal.getCurrentSlide().querySelectorAll('img')].every(e => e.complete && e.src)"
        )
        page.wait_for_timeout(50)
        yield page.evaluate(SLIDE)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=lambda size: f"{size[0]}px")
def test_slides_fit_and_show_their_images(site, open_page, size):
    if site.engine == "smalldocs":
        assert site.slides() == []
        pytest.skip("the reduced site has no slides")
    assert site.slides()
    for name in site.slides():
        images = []
        for slide in slides_of(open_page(name, *size)):
            assert slide["fits"], f"{name}: slide {slide['title']} does not fit"
            assert slide["free"], f"{name}: slide {slide['title']} covers the footer"
            images += slide["images"]
        assert images
        assert all(alt and width and height > 100 for alt, width, height in images), images


def test_text_can_be_read_from_the_last_row(site, open_page):
    small = []
    for name in site.slides():
        for slide in slides_of(open_page(name, 1280, 720)):
            small += [(slide["title"], *text) for text in slide["sizes"] if text[1] < LEAST_TEXT]
    assert small == []


def test_text_of_figures_can_be_read_from_the_last_row(site, open_page):
    small = {}
    for name in site.slides():
        for slide in slides_of(open_page(name, 1280, 720)):
            for source, width in slide["widths"]:
                figure = FIGURES / f"{source.rpartition('/')[2].partition('.')[0]}.png"
                with Image.open(figure) as last_frame:
                    inch = width / (last_frame.width / PER_INCH)
                if inch < LEAST_INCH:
                    small[slide["title"], figure.stem] = round(inch)
    assert small == {}


def test_phones_get_slides_and_links_to_them(site, open_page):
    for name in site.slides():
        page = open_page(name, **PHONE)
        shown = list(slides_of(page))
        assert not page.evaluate("Reveal.isScrollView()")
        assert len(shown) == page.evaluate("Reveal.getTotalSlides()") > 20
        images = [image for slide in shown for image in slide["images"]]
        named = set(re.findall(r"section-4/(\w+)\.(?:png|gif)\)\{", site.source(name)))
        sources = {
            source.rpartition("/")[2].partition(".")[0] for s in shown for source, _ in s["widths"]
        }
        assert sources == named
        assert all(width and height for _, width, height in images)
        middle = shown[len(shown) // 2]["title"]
        there = open_page(f"{name}#/{middle}", **PHONE)
        there.wait_for_function("window.Reveal && Reveal.isReady()")
        assert there.evaluate("Reveal.getCurrentSlide().id") == middle


def test_the_handout_has_every_slide_with_its_images(site, open_page):
    for name in site.slides():
        page = open_page(f"{name}?print-pdf&showNotes=separate-page")
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        page.wait_for_function("document.querySelectorAll('.pdf-page').length > 20")
        slides = page.locator(".pdf-page > section")
        images = page.locator(".pdf-page > section img")
        page.wait_for_function(
            "[...document.querySelectorAll('.pdf-page > section img')]"
            ".every(e => e.complete && e.naturalWidth)"
        )
        assert slides.count() == len(re.findall(r"^## ", site.source(name), re.MULTILINE)) + 1
        assert images.count() > 20
        assert page.locator(".speaker-notes-pdf").count() == slides.count()


def test_notes_have_minutes_that_add_up_and_words_to_say(site):
    for name in site.slides():
        title, *slides = re.split(r"^## ", site.source(name), flags=re.MULTILINE)
        notes = {"title": re.search(r"data-notes: >-\n((?: {4}.*\n)+)", title)[1]}
        for slide in slides:
            heading, _, text = slide.partition("\n")
            (notes[heading],) = re.findall(r"^::: \{\.notes\}\n(.*?)\n:::", text, re.M | re.S)
        given = {of: re.match(r"\s*\**([\d.]+) minutes?\.", note) for of, note in notes.items()}
        assert [of for of, match in given.items() if not match] == []
        minutes = {of: float(match[1]) for of, match in given.items()}
        assert sum(minutes.values()) == LECTURE
        few = {
            of: len(notes[of].split()) for of in notes if len(notes[of].split()) < 50 * minutes[of]
        }
        assert few == {}
        lecture = [of for of in notes if not of.startswith("For questions")]
        assert all(minutes[of] > 0 for of in lecture)
        assert list(notes)[: len(lecture)] == lecture  # what is for questions comes last


def test_the_deck_is_not_taken_for_the_book(site, open_page):
    for name in site.slides():
        assert open_page(name).title().startswith("Slides:")
        page = open_page("index.html")
        page.locator("#quarto-search input").click()
        page.keyboard.type("R-hat")
        hits = page.locator(".aa-Panel a")
        hits.first.wait_for()
        assert name not in hits.first.get_attribute("href")
        for hit in hits.all():
            if name in hit.get_attribute("href"):
                title = hit.locator("xpath=ancestor::li").first.inner_text()
                assert "Inference for brain network models" not in title.replace("Slides: Inf", "")


def test_slides_are_accessible(site, open_page):
    found = {}
    for name in site.slides():
        page = open_page(name)
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        total = page.evaluate("Reveal.getTotalSlides()")
        for number in {0, 1, total // 4, total // 2, total - 1}:
            page.evaluate(f"Reveal.slide({number})")
            page.wait_for_timeout(100)
            found[name, number] = violations(page)
    assert {slide: problems for slide, problems in found.items() if problems} == {}
