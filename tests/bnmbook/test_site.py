"""The built site, in a browser: pages are complete, offline, linked, searchable and fit a phone.

The whole module runs once for each way of building, in a copy of the project, so that the checkout
stays as it is.
"""

from bnmbook.reduced_pages import Page
from bnmbook.site import find_quarto, main

import contextlib
import functools
import gzip
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import xarray as xr
import yaml
from matplotlib import colormaps
from matplotlib.colors import to_hex

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCES = shutil.ignore_patterns(".*", "_site", "__pycache__", "*.egg-info", "*.nc", "build")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_OPTIONS = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REDUCED = "import bnmbook.site as site; site.find_quarto = lambda: None; site.main()"
WAIT_MS = 10_000
LANDSCAPE = "chapters/02-grid-scan.html"
KEYS = re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(), re.MULTILINE)
CONTENTS = """() => {
  const scrolls = e => e && (/auto|scroll/.test(getComputedStyle(e).overflowX)
    || scrolls(e.parentElement));
  const text = document.body.cloneNode(true);
  text.querySelectorAll("pre, code, script, style, annotation, noscript").forEach(e => e.remove());
  return {
    text: text.textContent,
    ids: [...document.querySelectorAll("[id]")].map(e => e.id),
    links: [...document.querySelectorAll("a[href]")].map(e => e.href),
    images: [...document.images].map(e => [e.src.slice(0, 80), e.alt, e.naturalWidth]),
    captions: [...document.querySelectorAll("figcaption")].map(e => e.textContent.trim()),
    loaded: ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
      .map(entry => entry.name),
    shift: window.shift,
    width: document.documentElement.scrollWidth,
    cut: [...document.querySelectorAll("main *")]
      .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
      .filter(e => !scrolls(e)).map(e => e.outerHTML.slice(0, 80)),
  };
}"""
# The contrast (WCAG 2) of every visible piece of text with what lies behind it, if below 4.5.
LOW_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = color => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const behind = e => {
    if (!e) return [255, 255, 255];
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(e.parentElement));
  };
  const light = color => [0, 1, 2].map(i => color[i] / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement, words = texts.currentNode.textContent.trim();
    if (!words || !e.checkVisibility({opacityProperty: true}) || e.closest("svg, annotation"))
      continue;
    const back = behind(e), front = light(over(rgba(getComputedStyle(e).color), back));
    const [low, high] = [front, light(back)].sort((a, b) => a - b);
    const contrast = (high + .05) / (low + .05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(1)}: ${e.tagName} "${words.slice(0, 40)}"`);
  }
  return found;
}"""
SLIDE = """() => {
  const slide = Reveal.getCurrentSlide(), {width, height} = Reveal.getConfig();
  const frame = slide.getBoundingClientRect(), scale = Reveal.getScale();
  const bottoms = [...slide.querySelectorAll(":not(aside, aside *)")]
    .map(e => e.getBoundingClientRect()).filter(r => r.height).map(r => [r.bottom, r.right]);
  return {
    title: slide.id,
    fits: slide.scrollWidth <= width && slide.scrollHeight <= height
      && bottoms.every(([b, r]) => b <= innerHeight && r <= frame.left + width * scale + 1),
    images: [...slide.querySelectorAll("img")].map(e => [e.alt, e.naturalWidth, e.height]),
  };
}"""


# Adds up how far the content of a page jumps while it loads (the Cumulative Layout Shift).
WATCH_SHIFT = """window.shift = 0; new PerformanceObserver(
  list => list.getEntries().forEach(entry => window.shift += entry.value)
).observe({type: "layout-shift", buffered: true});"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, *args):
        """Log nothing."""


class InFolder(QuietHandler):
    """Serve a site in a folder of the server, and its own page for addresses that do not exist."""

    def translate_path(self, path):
        """Find the file of an address, if that is in the folder."""
        inside = path.startswith("/some/folder/")
        return super().translate_path(path.removeprefix("/some/folder") if inside else "/nothing")

    def send_error(self, code, *args):
        """Answer with the site's page."""
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write((Path(self.directory) / "404.html").read_bytes())


@dataclass
class Site:
    """A built site: how it was built, where it lies, what the build said and what it left."""

    engine: str
    folder: Path
    url: str
    said: str
    stray: set

    def pages(self):
        """Return the addresses of all pages, from the top of the site."""
        files = sorted(self.folder.rglob("*.html"))
        names = [path.relative_to(self.folder).as_posix() for path in files]
        return [name for name in names if not name.startswith("site_libs/")]

    def source(self, page):
        """Return the text of the source of a page, a notebook's cells one after the other."""
        path = self.folder.parent / page
        if not path.with_suffix(".ipynb").exists():
            text = path.with_suffix(".qmd").read_text(encoding="utf-8")
            include = re.search(r"\{\{< include (\S+) >\}\}", text)
            return text if not include else text + (path.parent / include[1]).read_text()
        cells = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        return "\n\n".join("".join(cell["source"]) for cell in cells)


@contextlib.contextmanager
def served(handler, folder):
    """Serve a folder on this machine; give the address."""
    handler = functools.partial(handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def chapters(site):
    """Return the pages of the chapters, in order."""
    return [page for page in site.pages() if page.startswith("chapters/")]


def files_in(folder):
    """Return the files of a project, without what git ignores."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    ignored = {"_site", ".quarto", "__pycache__", ".gitignore"}
    return {path.as_posix() for path in found if not ignored & set(path.parts)}


def copy_project(folder):
    """Copy what the site is built from, as a clean checkout has it, into a new folder."""
    shutil.copytree(ROOT, folder, ignore=NOT_SOURCES)
    return folder


def run_python(folder, *arguments):
    """Run Python in a folder; return the finished process with its output as text."""
    return subprocess.run(
        [sys.executable, *arguments], check=False, cwd=folder, capture_output=True, text=True
    )


@pytest.fixture(scope="module", params=["quarto", "smalldocs"])
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


@pytest.fixture(scope="module")
def browser():
    """Start a headless Chromium: the system's, else Playwright's own."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as tools:
        try:
            browser = tools.chromium.launch(executable_path=path, args=BROWSER_OPTIONS)
        except playwright.Error as error:
            pytest.skip(f"no Chromium to open the pages with: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def open_page(site, browser):
    """Return a function that opens a page of the site in a fresh window."""
    contexts = []

    def open_page(name, width=1280, height=720, color_scheme="light", **options):
        viewport = {"width": width, "height": height}
        options |= {"viewport": viewport, "color_scheme": color_scheme}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{site.url}/{name}", wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def visits(site, browser):
    """Open every page once, as on a phone; return its contents and the browser's complaints."""
    local = (site.url, "data:", "blob:")
    context = browser.new_context(viewport={"width": 390, "height": 800})
    found = {}
    for name in site.pages():
        page, problems = context.new_page(), []
        page.add_init_script(WATCH_SHIFT)
        page.on("console", lambda m, p=problems: m.type == "error" and p.append(m.text))
        page.on("pageerror", lambda error, p=problems: p.append(str(error)))
        page.on("requestfailed", lambda r, p=problems: p.append(f"failed: {r.url}"))
        page.on("response", lambda r, p=problems: r.ok or p.append(f"{r.status}: {r.url}"))
        page.on(
            "request",
            lambda r, p=problems: r.url.startswith(local) or p.append(f"foreign: {r.url}"),
        )
        page.goto(f"{site.url}/{name}", wait_until="networkidle")
        found[name] = page.evaluate(CONTENTS) | {"problems": problems}
        page.close()
    context.close()
    return found


def violations(page):
    """Return what axe-core finds wrong with a page: the rule, the element, and why."""
    # The deck's own menu is off screen until opened, and then has keys of its own to scroll.
    context = {"exclude": [[".slide-menu"]]}
    results = axe.Axe().run(page, context, {"resultTypes": ["violations"]})
    return [
        f"{violation['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


def is_dark(page):
    """Return whether the background of a page is dark."""
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", color)[:3])) < 3 * 128


def wait_for_theme(page, dark):
    """Wait until a page is dark, or light; fail if it never is."""
    for _ in range(50):
        if is_dark(page) == dark:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{page.url} did not turn {'dark' if dark else 'light'}")


def test_the_build_prints_the_page_to_open_and_leaves_nothing_else(site):
    assert "Open _site/index.html\n" in site.said
    assert ("Quarto was not found" in site.said) == (site.engine == "smalldocs")
    assert "warning" not in site.said.lower()
    assert site.stray == set()


def test_every_page_of_the_sidebar_is_built(site):
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    parts = config["website"]["sidebar"]["contents"]
    items = [item for part in parts for item in part.get("contents", [part])]
    listed = [item["href"] for item in items if item["href"].startswith("chapters/")]
    notebooks = sorted(f"chapters/{path.name}" for path in (ROOT / "chapters").glob("*.ipynb"))
    assert listed == notebooks
    assert [Path(page).with_suffix(".ipynb").as_posix() for page in chapters(site)] == notebooks
    others = {f"reference/{path.stem}.html" for path in (ROOT / "reference").glob("*.qmd")}
    assert others <= {item["href"].replace(".qmd", ".html") for item in items}
    others |= {"index.html"}
    others |= {"404.html", "slides/section-4.html"} if site.engine == "quarto" else set()
    assert set(site.pages()) == set(chapters(site)) | others


def test_the_glossary_leads_to_a_section_of_every_chapter(site, visits):
    links = visits["reference/glossary.html"]["links"]
    targets = [urlsplit(link) for link in links if f"{site.url}/chapters/" in link]
    sections = {target.path.lstrip("/") for target in targets if target.fragment}
    assert sections == set(chapters(site))


def test_the_glossary_is_linked_from_every_page(site, visits):
    for name in (name for name in visits if "slides/" not in name):
        assert f"{site.url}/reference/glossary.html" in visits[name]["links"], name


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
            links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
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


def test_links_to_pages_have_previews(site, visits):
    for name in (name for name in visits if "slides/" not in name):
        page = (site.folder / name).read_text(encoding="utf-8")
        tags = dict(
            re.findall(r'<meta (?:property|name)="((?:og|twitter):[\w:]+)" content="(.*?)"', page)
        )
        assert {"og:title", "og:description", "twitter:title", "twitter:card"} <= set(tags), name
        if (
            site.engine == "quarto"
        ):  # smalldocs names an image only where the site's address is known
            image = urlsplit(tags["og:image"]).path
            image = image.lstrip("/") if image[0] == "/" else (Path(name).parent / image).as_posix()
            assert tags["twitter:card"] == "summary_large_image"
            assert tags["og:image:alt"]
            assert (site.folder / image).is_file(), image


def test_no_errors_and_no_foreign_requests(visits):
    assert {name: page["problems"] for name, page in visits.items() if page["problems"]} == {}


def transferred(site, url):
    """Return the bytes of a file as a host sends them, which compresses text."""
    content = (site.folder / unquote(urlsplit(url).path).lstrip("/")).read_bytes()
    return min(len(content), len(gzip.compress(content)))


def test_pages_are_light_and_stable_while_they_load(site, visits):
    sizes = {
        name: sum(transferred(site, url) for url in at["loaded"]) for name, at in visits.items()
    }
    assert {name: size for name, size in sizes.items() if size > 3e6} == {}
    assert 0.1e6 < sizes["index.html"] < 1e6
    assert {name: at["shift"] for name, at in visits.items() if at["shift"] > 0.05} == {}


def test_internal_links_and_anchors_exist(site, visits):
    broken = []
    for name, page in visits.items():
        for link in page["links"]:
            parts = urlsplit(link)
            if not link.startswith(site.url) or parts.fragment.startswith("/"):
                continue
            target = unquote(parts.path).lstrip("/") or "index.html"
            anchor = unquote(parts.fragment)
            if not (site.folder / target).is_file() or (
                anchor and anchor not in visits[target]["ids"]
            ):
                broken.append(f"{name}: {link}")
    assert broken == []
    assert any(urlsplit(link).fragment for page in visits.values() for link in page["links"])


def test_images_load_and_have_alt_text(site, visits):
    images = {name: page["images"] for name, page in visits.items() if "slides/" not in name}
    assert all(images[name] for name in chapters(site))
    bad = [(name, i) for name in images for i in images[name] if not (i[1].strip() and i[2])]
    assert bad == []


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


def test_code_fits_the_page(site, open_page):
    for name in chapters(site):
        page = open_page(name)
        wide = page.locator("main pre.sourceCode:visible").evaluate_all(
            "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
        )
        assert wide == [], name


def test_no_raw_keys_or_formulas_are_shown(visits):
    raw = re.compile(r"\?@|@(fig|tbl|eq|sec)-|\b[a-z]+(19|20)\d\d[a-z]?\b|\$\$|\\[a-z]{3,}")
    shown = {name: raw.search(page["text"]) for name, page in visits.items()}
    assert {name: match[0] for name, match in shown.items() if match} == {}


def test_labels_become_numbered_captions(site, visits):
    for name in chapters(site):
        labels = re.findall(r"^#\| label: *(fig-[\w-]+)", site.source(name), re.MULTILINE)
        captions = [c for c in visits[name]["captions"] if c.startswith("Figure")]
        numbers = [int(re.match(r"Figure\s(\d+):", caption)[1]) for caption in captions]
        assert labels, f"{name} has no labelled figure"
        assert set(labels) <= set(visits[name]["ids"])
        assert numbers == list(range(1, len(labels) + 1)), name
        assert not any("**" in caption for caption in captions)


def test_cited_works_are_listed(site, visits):
    # a decorator such as `@jax.custom_jvp` cites nothing
    cited = {
        name: {f"ref-{key}" for key in KEYS if re.search(rf"@{key}\b(?!\.\w)", site.source(name))}
        for name in visits
    }
    assert any(cited.values())
    missing = {name: works - set(visits[name]["ids"]) for name, works in cited.items()}
    assert {name: works for name, works in missing.items() if works} == {}
    assert all("References" in visits[name]["text"] for name, works in cited.items() if works)


def test_nothing_scrolls_sideways_on_a_phone(visits):
    widths = {name: page["width"] for name, page in visits.items() if "slides/" not in name}
    assert {name: width for name, width in widths.items() if width > 390} == {}
    assert {name: visits[name]["cut"] for name in widths if visits[name]["cut"]} == {}


def test_search_finds_a_chapter(site, open_page):
    page = open_page("index.html")
    target = chapters(site)[-1]
    title = open_page(target).locator("h1.title").inner_text()
    page.locator("#quarto-search input").click()
    page.keyboard.type(max(title.split(), key=len))
    hits = page.locator(".aa-Panel a, a.search-result")
    hits.first.wait_for()
    links = hits.evaluate_all("links => links.map(link => link.href)")
    assert any(target in link for link in links), links


@pytest.mark.parametrize("preference", ["light", "dark"])
def test_theme_follows_the_reader_and_toggles(open_page, preference):
    page = open_page("index.html", color_scheme=preference)
    wait_for_theme(page, dark=preference == "dark")
    page.locator(".quarto-color-scheme-toggle:visible").first.click()
    wait_for_theme(page, dark=preference == "light")
    page.reload()
    wait_for_theme(page, dark=preference == "light")


@pytest.mark.parametrize("preference", ["light", "dark"])
def test_pages_are_accessible(site, open_page, preference):
    found = {}
    for name in (name for name in site.pages() if "slides/" not in name):
        page = open_page(name, color_scheme=preference)
        wait_for_theme(page, dark=preference == "dark")
        page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        found[name] = violations(page)
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize("preference", ["light", "dark"])
def test_text_is_legible_and_figures_are_opaque(site, open_page, preference):
    for name in ("index.html", "reference/glossary.html", *chapters(site)):
        page = open_page(name, color_scheme=preference)
        wait_for_theme(page, dark=preference == "dark")
        page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert page.evaluate(LOW_CONTRAST) == [], name
        grounds = page.locator("main figure img").evaluate_all(
            "images => images.map(image => getComputedStyle(image).backgroundColor)"
        )
        assert set(grounds) <= {"rgb(255, 255, 255)"}, name


@pytest.fixture(scope="module")
def losses():
    """Stored losses of the grid scan, over w and G, which the landscape to explore shows."""
    return stored("grid_scan")["loss"].transpose("w", "G")


def stored(name):
    """Read a stored result as it is."""
    return xr.load_dataset(ROOT / "inference_demos" / f"{name}.nc", engine="h5netcdf")


def readout(loss):
    """Return what the landscape says of one point of the grid."""
    return f"Loss {loss:.4f} at G = {loss['G']:.3f}, w = {loss['w']:.3f}"


def said(line):
    """Return the words of a line, its fixed spaces as plain ones."""
    return line.inner_text().replace("\xa0", " ")


def lowest_on_line(line):
    """Return what the landscape says of the losses along one line of constant w."""
    lowest = line[int(np.argmin(line.data))]
    return f"Lowest on this line: {lowest:.4f} at G = {lowest['G']:.3f}"


def centre(mark):
    """Return the middle of an element, in pixels of the window."""
    box = mark.bounding_box()
    return np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])


def cell_of(page, losses, **where):
    """Return the place in the window of a cell of the landscape, given its G and w by index."""
    plot = page.locator(".landscape-plot")
    plot.scroll_into_view_if_needed()
    return centre(plot.locator("rect").nth(where["w"] * losses.sizes["G"] + where["G"]))


def test_the_landscape_is_read_with_the_keyboard(open_page, losses):
    page = open_page(LANDSCAPE, reduced_motion="reduce")  # so that it scrolls at once
    says, below = page.locator(".landscape-readout span").all()
    best = losses.argmin(...)
    column, row = int(best["G"]), int(best["w"])
    assert said(says) == readout(losses[row, column])
    plot = page.get_by_role("application")
    assert "arrow keys move the point" in plot.get_attribute("aria-label")
    assert page.locator(".landscape-readout").get_attribute("aria-live") == "polite"
    plot.focus()
    top = page.evaluate("scrollY")
    for key, across, up in (
        ("ArrowRight", 1, 0),
        ("ArrowUp", 0, 1),
        ("ArrowUp", 0, 1),
        ("ArrowLeft", -1, 0),
        ("ArrowDown", 0, -1),
        ("End", 31, 0),
        ("ArrowRight", 1, 0),
        ("Home", -31, 0),
        ("ArrowLeft", -1, 0),
    ):
        page.keyboard.press(key)
        column, row = np.clip([column + across, row + up], 0, 31)
        assert said(says) == readout(losses[row, column]), key
        assert said(below) == lowest_on_line(losses[row]), key
    assert page.evaluate("scrollY") == top
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "checkbox"


def test_the_landscape_is_read_with_the_mouse(open_page, losses):
    page = open_page(LANDSCAPE, height=1000, reduced_motion="reduce")
    says = page.locator(".landscape-readout span").first
    slice_dots = page.locator(".landscape-dot")
    for column, row in ((0, 0), (31, 31), (31, 0), (12, 20)):
        page.mouse.move(*cell_of(page, losses, G=column, w=row))
        assert said(says) == readout(losses[row, column])
        heights = np.array([centre(dot)[1] for dot in slice_dots.all()])
        fit = np.polyfit(losses[row], heights, 1)
        assert fit[0] < 0  # a larger loss is higher up
        assert np.abs(np.polyval(fit, losses[row]) - heights).max() < 0.5
    page.mouse.move(*centre(slice_dots.nth(25)))  # on the slice w stays
    assert said(says) == readout(losses[20, 25])


def test_the_landscape_has_the_colours_of_the_static_figure(open_page, losses):
    page = open_page(LANDSCAPE)
    fills = page.locator(".landscape-plot rect").evaluate_all(
        "all => all.map(e => e.getAttribute('fill'))"
    )
    values = losses.values.ravel().round(6)  # as many digits as the page holds
    shades = colormaps["cividis_r"]((values - values.min()) / np.ptp(values))
    assert fills == [to_hex(shade) for shade in shades]


def test_overlays_show_the_stored_results_where_they_are(open_page, losses):
    page = open_page(LANDSCAPE, height=1000, reduced_motion="reduce")
    search, descent = stored("random_search"), stored("gradient_descent")["point"]
    generations = stored("cma_es")["point"].mean("member")
    expected = {
        "Random search": np.stack([search["G"], search["w"]], axis=1),
        "CMA-ES": generations.values,
        "Gradient descent": descent[::10].values,
        "Posterior": 200,
    }
    low, high = [np.array([losses["G"][k], losses["w"][k]]) for k in (0, 31)]
    shown, shapes = page.locator(".landscape-plot g[display=inline] .landscape-mark"), set()
    assert shown.count() == 0
    for name, points in expected.items():
        box = page.get_by_role("checkbox", name=name)
        box.check()
        corners = [cell_of(page, losses, G=k, w=k) for k in (0, 31)]
        places = np.array([centre(mark) for mark in shown.all()])
        shapes |= {mark.get_attribute("d") for mark in shown.all()}
        at = low + (places - corners[0]) / (corners[1] - corners[0]) * (high - low)
        if name == "Posterior":  # along the valley, from its lower end upwards
            assert len(at) == points
            assert np.abs(at[:, 0] - (0.382 - 0.373 * at[:, 1])).max() < 0.11
            assert np.median(at[:, 1]) < 0.35
        else:
            np.testing.assert_allclose(at, points, atol=0.01)
        box.uncheck()
        assert shown.count() == 0
    assert len(shapes) == 4  # colour is not the only difference
    for box in page.locator(".landscape input").all():
        box.check()
    assert shown.count() == 100 + 20 + 21 + 200


def test_the_landscape_fits_a_phone_and_a_tap_reads_it(open_page, losses):
    page = open_page(LANDSCAPE, 390, 800, has_touch=True, reduced_motion="reduce")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator(".landscape-plot").bounding_box()
    assert box["x"] >= 0
    assert 300 < box["width"] <= 390 - box["x"]
    page.touchscreen.tap(*cell_of(page, losses, G=5, w=25))
    assert said(page.locator(".landscape-readout span").first) == readout(losses[25, 5])


@pytest.mark.parametrize("preference", ["light", "dark"])
def test_the_words_of_the_landscape_have_the_colour_of_the_text(open_page, preference):
    page = open_page(LANDSCAPE, color_scheme=preference)
    wait_for_theme(page, dark=preference == "dark")
    text = page.locator(".landscape-readout").evaluate("e => getComputedStyle(e).color")
    words = page.locator(".landscape-plot text")
    assert words.count() > 20
    assert set(words.evaluate_all("all => all.map(e => getComputedStyle(e).fill)")) == {text}


def test_without_scripts_the_static_landscape_remains(open_page):
    page = open_page(LANDSCAPE, java_script_enabled=False)
    assert page.locator("#fig-landscape img").is_visible()
    assert page.locator(".landscape").is_hidden()
    assert page.locator("noscript p", has_text="needs JavaScript").is_visible()


def test_paper_is_white_and_without_navigation(site, open_page):
    for name in ("index.html", chapters(site)[0], "reference/glossary.html"):
        page = open_page(name, width=700, color_scheme="dark")
        wait_for_theme(page, dark=True)
        page.emulate_media(media="print", color_scheme="dark")
        wait_for_theme(page, dark=False)
        assert page.evaluate(LOW_CONTRAST) == [], name
        for part in ("#quarto-header", "#quarto-sidebar", "#quarto-margin-sidebar", "button"):
            assert page.locator(f"{part}:visible").count() == 0, (name, part)
        assert page.locator("main.content").is_visible()


def test_next_and_previous_walk_through_the_chapters(site, open_page):
    page = open_page(chapters(site)[0])
    for name in chapters(site)[1:]:
        page.locator(".nav-page-next a").click()
        page.wait_for_url(f"{site.url}/{name}")
    for name in reversed(chapters(site)[:-1]):
        page.locator(".nav-page-previous a").click()
        page.wait_for_url(f"{site.url}/{name}")


def test_every_chapter_offers_its_notebook(site, open_page):
    for name in chapters(site):
        page = open_page(name)
        link = page.locator(".chapter-line a")
        served = page.request.get(link.evaluate("link => link.href"))
        source = (ROOT / name).with_suffix(".ipynb")
        assert json.loads(served.text())["nbformat"] == 4
        assert served.body() == source.read_bytes()
        assert link.get_attribute("download") is not None
        number = int(source.name.split("-")[0])
        assert f"Chapter {number}" in page.locator(".chapter-line").inner_text()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=lambda size: f"{size[0]}px")
def test_slides_fit_and_show_their_images(site, open_page, size):
    decks = [name for name in site.pages() if name.startswith("slides/")]
    if site.engine == "smalldocs":
        assert decks == []
        pytest.skip("the reduced site has no slides")
    assert decks
    for name in decks:
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
    for name in (name for name in site.pages() if name.startswith("slides/")):
        page = open_page(name)
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        total = page.evaluate("Reveal.getTotalSlides()")
        for number in {0, 1, total // 4, total // 2, total - 1}:
            page.evaluate(f"Reveal.slide({number})")
            page.wait_for_timeout(100)
            found[name, number] = violations(page)
    assert {slide: problems for slide, problems in found.items() if problems} == {}


def test_a_failed_build_keeps_the_old_site(tmp_path):
    copy = copy_project(tmp_path / "book")
    assert run_python(copy, "-c", REDUCED).returncode == 0
    before = (copy / "_site/index.html").read_bytes()
    with (copy / "index.qmd").open("a", encoding="utf-8") as page:
        page.write("\nAs @nobody1900 wrote.\n")
    done = run_python(copy, "-c", REDUCED)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "index.qmd: @nobody1900 is no label of this page, nor in references.bib."
    )
    assert (copy / "_site/index.html").read_bytes() == before
    assert list((copy / ".quarto").iterdir()) == []


def test_an_unknown_command_is_explained():
    with pytest.raises(SystemExit, match=r"Unknown command 'publish': use `python -m"):
        main("publish")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("`@fig-a` and $5 or $6", "`@fig-a` and $5 or $6"),
        ("```\n@fig-a $x$\n```", "```\n@fig-a $x$\n```"),
        ("see @fig-b", 'see <a href="#fig-b">Figure&nbsp;2</a>'),
        (
            "[@fig-a; @fig-b]",
            '<a href="#fig-a">Figure&nbsp;1</a>; <a href="#fig-b">Figure&nbsp;2</a>',
        ),
        ("write to a@b.org", "write to a@b.org"),
        ("[the slides](../slides/section-4.qmd)", "the slides"),
    ],
)
def test_labels_resolve_only_outside_code(written, shown):
    class Empty:
        entries = {}  # noqa: RUF012

    page = Page("page", "#| label: fig-a\n\n![b](b.png){#fig-b}", Empty)
    assert page.markdown(written) == shown
