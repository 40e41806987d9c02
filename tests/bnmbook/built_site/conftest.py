"""One build for each form of the site, one browser, and each page loaded once for many checks."""

from bnmbook.site import find_quarto

import functools

import pytest

from .browsing import WAIT_MS, desk_visits, phone_visits, start_browser
from .building import REDUCED, QuietHandler, Site, copy_project, files_in, run_python, served


@pytest.fixture(scope="package", params=["quarto", "smalldocs"])
def site(request, tmp_path_factory):
    """Build the site once in a copy of the project, and serve it."""
    if request.param == "quarto" and not find_quarto():
        pytest.skip("no Quarto on the PATH or in this environment: only the reduced site is tested")
    copy = copy_project(tmp_path_factory.mktemp(request.param) / "book")
    before = files_in(copy)
    how = ("-m", "bnmbook.site") if request.param == "quarto" else ("-c", REDUCED)
    done = run_python(copy, *how)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    with served(QuietHandler, copy / "_site") as url:
        yield Site(request.param, copy / "_site", url, said, files_in(copy) - before)


@pytest.fixture(scope="package")
def browser():
    """Start a headless Chromium, which ends with the last test of this folder."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as tools:
        try:
            browser = start_browser(tools)
        except playwright.Error as error:
            pytest.skip(f"no Chromium to open the pages with: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def open_page(site, browser):
    """Return a function that opens a page of the site in a fresh window."""
    contexts = []

    def open_page(name, width=1280, height=720, color_scheme="light", **options):
        options |= {"viewport": {"width": width, "height": height}, "color_scheme": color_scheme}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{site.url}/{name}", wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="package")
def on_phone(site, browser):
    """Return what each page holds on a phone, and what the browser complained of."""
    return phone_visits(site, browser)


@pytest.fixture(scope="package")
def on_desk(site, browser):
    """Return a function that gives what each page but the deck looks like in a theme."""
    return functools.cache(functools.partial(desk_visits, site, browser))
