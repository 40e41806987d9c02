"""From page to page: search, next and previous, the notebook, an address that does not exist."""

import io
import itertools
import json
import zipfile

import pytest

from .browsing import HREFS, WAIT_MS
from .building import ROOT, InFolder, served


def test_search_finds_a_chapter(site, open_page):
    page = open_page("index.html")
    target = site.chapters()[-1]
    title = open_page(target).locator("h1.title").inner_text()
    page.locator("#quarto-search input").click()
    page.keyboard.type(max(title.split(), key=len))
    hits = page.locator(".aa-Panel a, a.search-result")
    hits.first.wait_for()
    links = hits.evaluate_all(HREFS)
    assert any(target in link for link in links), links


def test_next_and_previous_walk_through_the_chapters(site, open_page, on_desk):
    chapters, looks = site.chapters(), on_desk("light")
    for here, there in itertools.pairwise(chapters):
        assert looks[here]["next"] == [f"{site.url}/{there}"]
        assert looks[there]["previous"] == [f"{site.url}/{here}"]
    page = open_page(chapters[0])
    page.locator(".nav-page-next a").click()
    page.wait_for_url(f"{site.url}/{chapters[1]}")
    page.locator(".nav-page-previous a").click()
    page.wait_for_url(f"{site.url}/{chapters[0]}")


def test_every_chapter_offers_its_notebook_and_the_book_that_it_needs(site, browser, on_desk):
    context = browser.new_context()
    bundles = set()
    for name in site.chapters():
        ((line, (notebook, download), (bundle, saved)),) = on_desk("light")[name]["chapter lines"]
        served = context.request.get(notebook)
        source = (ROOT / name).with_suffix(".ipynb")
        assert json.loads(served.text())["nbformat"] == 4
        assert served.body() == source.read_bytes()
        assert download is not None
        assert saved is not None
        number = int(source.name.split("-")[0])
        assert f"Chapter {number}" in line
        bundles.add(bundle)
    (bundle,) = bundles
    packed = zipfile.ZipFile(io.BytesIO(context.request.get(bundle).body())).namelist()
    context.close()
    files = {name.partition("/")[2] for name in packed}
    needed = {"_common.py", "bnmfit/__init__.py", "bnmbook/__init__.py", "pyproject.toml"}
    assert needed | {name.replace(".html", ".ipynb") for name in site.chapters()} <= files


def test_a_missing_address_leads_back_into_the_book(site, browser):
    if site.engine == "smalldocs":
        pytest.skip("the reduced site has no page for missing addresses")
    with served(InFolder, site.folder) as url:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        for address in ("no-such-page", "chapters/no/such/page.html", "404.html"):
            page.goto(f"{url}/some/folder/{address}")
            page.wait_for_load_state("networkidle")
            assert "does not exist" in page.locator("h1").inner_text()
            navbar = page.locator("#quarto-header .navbar")
            assert navbar.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(0, 32, 77)"
            links = page.locator("a[href]").evaluate_all(HREFS)
            inside = [link.removeprefix(f"{url}/some/folder/") for link in links]
            assert "reference/glossary.html" in inside
            files = {link.partition("#")[0] or "index.html" for link in inside if ":" not in link}
            assert all((site.folder / file).is_file() for file in files), files
        page.goto(f"{url}/some/folder/no/such-page")
        page.locator("#quarto-search input").click()
        page.keyboard.type("valley")
        page.locator(".aa-Panel a").first.click()
        page.wait_for_url(f"{url}/some/folder/**.html?q=valley**")
        page.close()
