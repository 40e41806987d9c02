"""The deck: every slide fits its frame, shows its images, and is accessible."""

import pytest

from .browsing import SLIDE, violations


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=lambda size: f"{size[0]}px")
def test_slides_fit_and_show_their_images(site, open_page, size):
    if site.engine == "smalldocs":
        assert site.slides() == []
        pytest.skip("the reduced site has no slides")
    assert site.slides()
    for name in site.slides():
        page = open_page(name, *size)
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        total = page.evaluate("Reveal.getTotalSlides()")
        images = []
        for _ in range(total):
            page.wait_for_timeout(50)
            slide = page.evaluate(SLIDE)
            assert slide["fits"], f"{name}: slide {slide['title']} does not fit"
            images += slide["images"]
            page.evaluate("Reveal.next()")
        assert images
        assert all(alt and width and height > 100 for alt, width, height in images), images


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
