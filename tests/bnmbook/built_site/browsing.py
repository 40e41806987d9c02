"""Look at a page in the browser, and collect what the tests want to know of it."""

import collections
import itertools
import re
import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_OPTIONS = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 10_000
CONTENTS, LOW_CONTRAST, SLIDE, WATCH_SHIFT = (
    (Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8")
    for name in ("contents", "low_contrast", "slide", "watch_shift")
)
NOT_OF_COLOR = {rule: {"enabled": False} for rule in ("color-contrast", "link-in-text-block")}
AHEAD = 6  # pages that load while one is looked at: most of loading is waiting
HREFS = "links => links.map(link => link.href)"
PHONE = {"width": 390, "height": 800}
DESK = {"width": 1280, "height": 720}


def start_browser(tools):
    """Start a headless Chromium: the system's, else Playwright's own."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    return tools.chromium.launch(executable_path=path, args=BROWSER_OPTIONS)


def phone_visits(site, browser):
    """Load every page as on a phone; return its contents and the browser's complaints, by page."""
    context = browser.new_context(viewport=PHONE)
    context.add_init_script(WATCH_SHIFT)
    found = {}
    for name, page, problems in loaded(site, context, site.pages()):
        page.wait_for_load_state("networkidle")
        found[name] = page.evaluate(CONTENTS) | {"problems": problems}
    context.close()
    return found


def desk_visits(site, browser, preference):
    """Load every page but the deck on a desk, in the light or the dark theme; look at each once."""
    context = browser.new_context(viewport=DESK, color_scheme=preference)
    names = [name for name in site.pages() if name not in site.slides()]
    found = {}
    for name, page, problems in loaded(site, context, names):
        page.wait_for_load_state("load")
        found[name] = appearance(page, dark=preference == "dark") | {"problems": problems}
    context.close()
    return found


def loaded(site, context, names):
    """Give name, page and complaints of one page after the other, while the next ones load."""

    def start(name):
        page = context.new_page()
        problems = complaints(site, page)
        page.goto(f"{site.url}/{name}", wait_until="commit")
        return name, page, problems

    started = map(start, names)
    waiting = collections.deque(itertools.islice(started, AHEAD))
    while waiting:
        name, page, problems = waiting.popleft()
        yield name, page, problems
        page.close()
        waiting.extend(itertools.islice(started, 1))


def complaints(site, page):
    """Return a list to which the browser adds errors, failed requests and foreign ones."""
    problems, local = [], (site.url, "data:", "blob:")
    page.on("console", lambda m: m.type == "error" and problems.append(m.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda r: problems.append(f"failed: {r.url}"))
    page.on("response", lambda r: r.ok or problems.append(f"{r.status}: {r.url}"))
    page.on("request", lambda r: r.url.startswith(local) or problems.append(f"foreign: {r.url}"))
    return problems


def appearance(page, dark):
    """Return what a page looks like, first as it opens, and then with everything unfolded."""
    found = {
        "in theme": in_theme(page, dark),
        "wide code": page.locator("main pre.sourceCode:visible").evaluate_all(
            "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
        ),
        "chapter lines": page.locator(".chapter-line").evaluate_all(
            "all => all.map(e => [e.innerText, ...[...e.querySelectorAll('a')]"
            ".map(link => [link.href, link.getAttribute('download')])])"
        ),
        "next": page.locator(".nav-page-next a:visible").evaluate_all(HREFS),
        "previous": page.locator(".nav-page-previous a:visible").evaluate_all(HREFS),
    }
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    return found | {
        "low contrast": page.evaluate(LOW_CONTRAST),
        "grounds": page.locator("main figure img").evaluate_all(
            "images => images.map(image => getComputedStyle(image).backgroundColor)"
        ),
        "violations": violations(page, NOT_OF_COLOR),  # LOW_CONTRAST does
    }


def violations(page, rules=None):
    """Return what axe-core finds wrong with a page: the rule, the element, and why.

    What concerns colour takes most of its time; LOW_CONTRAST is stricter, and many times as fast.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    # The deck's own menu is off screen until opened, and then has keys of its own to scroll.
    context = {"exclude": [[".slide-menu"]]}
    options = {"resultTypes": ["violations"], "rules": rules or {}, "preload": False}
    results = axe.Axe().run(page, context, options)
    return [
        f"{violation['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


def is_dark(page):
    """Return whether the background of a page is dark."""
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", color)[:3])) < 3 * 128


def in_theme(page, dark):
    """Wait until a page is dark, or light; return whether it ever is."""
    for _ in range(50):
        if is_dark(page) == dark:
            return True
        page.wait_for_timeout(50)
    return False


def wait_for_theme(page, dark):
    """Wait until a page is dark, or light; fail if it never is."""
    assert in_theme(page, dark), f"{page.url} did not turn {'dark' if dark else 'light'}"
