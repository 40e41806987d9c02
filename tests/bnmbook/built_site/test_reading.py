"""Pages can be read by everyone: in both themes, with any device, on paper, with less motion."""

import pytest

from .browsing import LOW_CONTRAST, wait_for_theme

THEMES = pytest.mark.parametrize("preference", ["light", "dark"])


@THEMES
def test_every_page_opens_in_the_reader_s_theme(on_desk, preference):
    assert [name for name, page in on_desk(preference).items() if not page["in theme"]] == []


@THEMES
def test_pages_are_accessible(on_desk, preference):
    found = {name: page["violations"] for name, page in on_desk(preference).items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


@THEMES
def test_text_is_legible_and_figures_are_opaque(on_desk, preference):
    for name, page in on_desk(preference).items():
        assert page["low contrast"] == [], name
        assert set(page["grounds"]) <= {"rgb(255, 255, 255)"}, name


def test_code_fits_the_page(on_desk):
    assert {
        name: page["wide code"] for name, page in on_desk("light").items() if page["wide code"]
    } == {}


@THEMES
def test_theme_follows_the_reader_and_toggles(open_page, preference):
    page = open_page("index.html", color_scheme=preference)
    wait_for_theme(page, dark=preference == "dark")
    page.locator(".quarto-color-scheme-toggle:visible").first.click()
    wait_for_theme(page, dark=preference == "light")
    page.reload()
    wait_for_theme(page, dark=preference == "light")


def test_animations_stop_for_those_who_ask_print_or_prefer_less_motion(site, open_page):
    name = "chapters/08-cma-es.html"
    page = open_page(name)
    moving, still = page.locator(".animation .moving"), page.locator(".animation .still")

    def shows():
        return moving.is_visible(), still.is_visible()

    assert shows() == (True, False)
    page.locator(".animation input").check()
    assert shows() == (False, True)
    page.locator(".animation input").uncheck()
    page.emulate_media(media="print")
    assert shows() == (False, True)
    page.emulate_media(media="screen", reduced_motion="reduce")
    assert shows() == (False, True)
    assert still.evaluate("image => image.naturalWidth") > 100


def test_paper_is_white_and_without_navigation(site, open_page):
    for name in ("index.html", site.chapters()[0], "reference/glossary.html"):
        page = open_page(name, width=700, color_scheme="dark")
        wait_for_theme(page, dark=True)
        page.emulate_media(media="print", color_scheme="dark")
        wait_for_theme(page, dark=False)
        assert page.evaluate(LOW_CONTRAST) == [], name
        for part in ("#quarto-header", "#quarto-sidebar", "#quarto-margin-sidebar", "button"):
            assert page.locator(f"{part}:visible").count() == 0, (name, part)
        assert page.locator("main.content").is_visible()
