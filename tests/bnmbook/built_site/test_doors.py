"""Ways in: the first screen, the first stop of the Tab key, the search, and figures to enlarge."""

import pytest

from .browsing import HREFS, violations

SIZES_OF_TEXT = """plot => {
    const scale = plot.getBoundingClientRect().width / plot.viewBox.baseVal.width;
    const size = text => scale * parseFloat(getComputedStyle(text).fontSize);
    return [...plot.querySelectorAll("text")].map(size);
}"""
FIRST_SCREENS = pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desk", "phone"])


@FIRST_SCREENS
def test_the_first_screen_says_what_this_is_and_leads_on(site, open_page, size):
    page = open_page("index.html", *size)
    starts = page.locator(".start a")
    assert starts.evaluate_all(HREFS) == [
        f"{site.url}/chapters/01-running-example.html",
        f"{site.url}/play.html",
    ]
    for part in (page.locator("h1"), page.locator(".description"), *starts.all()):
        box = part.bounding_box()
        assert 0 < box["y"] < box["y"] + box["height"] < size[1]
    figure = page.locator("#fig-overview .landscape-plot")
    figure.wait_for()
    box = figure.bounding_box()
    assert box["y"] + (box["height"] if size[0] > 1000 else 150) < size[1]
    sizes = figure.evaluate(SIZES_OF_TEXT)
    assert min(sizes) >= 12, sizes
    start = page.locator(".description").inner_text()
    assert start.count(".") == 1
    assert not [word for word in start.split() if word.isupper()]  # such as FC


def test_the_first_stop_of_the_tab_key_leads_to_the_content(site, open_page):
    for name in ("index.html", site.chapters()[1], "reference/glossary.html"):
        page = open_page(name)
        page.keyboard.press("Tab")
        link = page.locator(":focus")
        assert link.inner_text() == "Skip to content"
        assert link.bounding_box()["width"] > 100
        page.keyboard.press("Enter")
        page.wait_for_function("location.hash.length > 1")
        page.wait_for_timeout(200)
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)"), (
            name
        )


@pytest.mark.parametrize("words", ["install", "zip file"])
def test_search_finds_how_to_install(open_page, words):
    page = open_page("index.html")
    page.locator("#quarto-search input").click()
    page.keyboard.type(words)
    hits = page.locator(".aa-Panel a, a.search-result")
    hits.first.wait_for()
    links = hits.evaluate_all(HREFS)
    assert any("reference/install.html" in link for link in links), links


def test_a_figure_enlarges_on_a_click_or_a_key_and_closes_again(site, open_page):
    name = site.chapters()[4]
    page = open_page(name)
    if site.engine == "smalldocs":
        assert page.locator("main a.lightbox").count() == 0
        pytest.skip("figures of the reduced site are not enlarged")
    figures = page.locator("main figure a.lightbox")
    assert figures.count() > 0
    assert page.locator("main .landscape a.lightbox").count() == 0
    shown = page.locator(".glightbox-container .gslide.current img")
    for way in ("click", "key"):
        if way == "click":
            figures.first.click()
        else:
            figures.first.focus()
            page.keyboard.press("Enter")
        shown.wait_for()
        page.wait_for_timeout(700)
        small = figures.first.locator("img").bounding_box()
        assert shown.bounding_box()["width"] >= small["width"] - 1
        assert shown.get_attribute("alt")
        if way == "click":
            assert violations(page) == []
        page.keyboard.press("Escape")
        page.locator(".glightbox-container").wait_for(state="detached")
        assert figures.first.evaluate("e => e === document.activeElement")


def test_paper_says_nothing_of_what_only_a_screen_has(site, open_page):
    page = open_page(site.chapters()[1])
    page.emulate_media(media="print")
    assert "Point at the map" not in page.locator("main").inner_text()
