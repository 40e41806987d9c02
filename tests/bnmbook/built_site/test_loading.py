"""Every page loads whole, offline, light and stable, and fits a phone."""

import gzip
from urllib.parse import unquote, urlsplit


def test_no_errors_and_no_foreign_requests(on_phone, on_desk):
    for pages in (on_phone, on_desk("light"), on_desk("dark")):
        assert {name: page["problems"] for name, page in pages.items() if page["problems"]} == {}


def transferred(site, url):
    """Return the bytes of a file as a host sends them, which compresses text."""
    content = (site.folder / unquote(urlsplit(url).path).lstrip("/")).read_bytes()
    return min(len(content), len(gzip.compress(content)))


def test_pages_are_light_and_stable_while_they_load(site, on_phone):
    urls = {url for page in on_phone.values() for url in page["loaded"]}
    size = {url: transferred(site, url) for url in urls}
    sizes = {name: sum(size[url] for url in page["loaded"]) for name, page in on_phone.items()}
    assert {name: total for name, total in sizes.items() if total > 3e6} == {}
    assert 0.1e6 < sizes["index.html"] < 1e6
    shifts = {name: page["shift"] for name, page in on_phone.items() if page["shift"] > 0.05}
    assert shifts == {}


def test_nothing_scrolls_sideways_on_a_phone(on_phone):
    widths = {name: page["width"] for name, page in on_phone.items() if "slides/" not in name}
    assert {name: width for name, width in widths.items() if width > 390} == {}
    assert {name: on_phone[name]["cut"] for name in widths if on_phone[name]["cut"]} == {}
