"""What is made to be printed fits its paper."""

import re

import pytest


def test_the_cheat_sheet_is_one_page_of_paper(site, open_page):
    if site.engine == "smalldocs":
        pytest.skip("the reduced site has no style of its own for a page")
    page = open_page("reference/cheat-sheet.html")
    page.wait_for_load_state("networkidle")
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    page.emulate_media(media="print")
    sizes = page.locator("main :is(p, li, td)").evaluate_all(
        "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) > 13  # 10 points
