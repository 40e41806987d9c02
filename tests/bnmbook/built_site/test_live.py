"""The model to play with: what the browser computes is what Python computes, for every reader."""

from _common import draw_noise, fc_target, load_result, loss, response, state, vary
from bnmbook.interactive import ENGINE
from bnmfit.predictors import agreement

import functools
import re

import jax
import numpy as np
import pytest

from .browsing import WAIT_MS, violations, wait_for_theme
from .building import ROOT

PLAY = "play.html"
SIGMA = float(state.noise.sigma)
DONE = "document.querySelector('.landscape progress').value === 1"
BUSY_MS = 60_000  # a simulation takes a second, unless other tests run beside it


@functools.cache
def python_loss(G, w, sigma, seed):
    """Loss that Python computes at a point, with the noise of a seed."""
    noise = draw_noise(jax.random.key(seed))
    return float(jitted_loss(vary(state, G=G, w=w, sigma=sigma, noise=noise)))


@functools.cache
def python_response(G, w, sigma):
    """What Python expects: loss, correlation, leading eigenvalue, distance to the fold."""
    fc, steady = response.expected_at_steady_state(vary(state, G=G, w=w, sigma=sigma))
    fit = agreement(np.asarray(fc), np.asarray(fc_target))
    return fit["rmse"], fit["correlation"], float(steady.leading), float(steady.to_fold)


jitted_loss = jax.jit(loss)


def best_point():
    """Grid point with the lowest loss, where the figure begins."""
    runs = load_result("grid_scan")["loss"].stack(run=("G", "w"))
    best = runs[int(np.argmin(runs.data))]
    return float(best["G"]), float(best["w"])


def place(page):
    """Return the point that the figure names."""
    line = page.locator(".landscape-readout span").first.inner_text()
    return tuple(float(number) for number in re.findall(r"\d\.\d+", line))


def cells(page, name):
    """Return the cells of a row of the table."""
    return page.locator("tr", has=page.get_by_role("rowheader", name=name)).locator("td")


def row(page, name):
    """Return the loss and the correlation that the table holds, with all digits."""
    return [float(cell.get_attribute("data-value")) for cell in cells(page, name).all()]


def expected(page, G, w):
    """Wait until the figure shows what is expected at a point; return the four numbers."""
    note = page.locator(".landscape-note").first
    page.wait_for_function(
        "([G, w]) => { const at = document.querySelector('.landscape-note').dataset.at;"
        " const [x, y] = (at ?? '').split(',').map(Number);"
        " return Math.abs(x - G) + Math.abs(y - w) < 1e-9; }",
        arg=[G, w],
        timeout=BUSY_MS,
    )
    steady = [float(note.get_attribute(f"data-{name}")) for name in ("leading", "fold")]
    return [*row(page, "Expected FC"), *steady]


def simulated(page, button="Simulate"):
    """Press a button, wait for the simulation, and return its loss."""
    filled = cells(page, "Simulated FC")
    filled.evaluate_all("all => all.forEach(cell => delete cell.dataset.value)")
    page.get_by_role("button", name=button).click()
    filled.and_(page.locator("[data-value]")).first.wait_for(timeout=BUSY_MS)
    return row(page, "Simulated FC")[0]


def go_to(page, G, w):
    """Click on the map at a point, as near as the screen allows; return where that is."""
    plot = page.locator(".landscape-plot")
    plot.scroll_into_view_if_needed()
    box, scale = plot.bounding_box(), plot.bounding_box()["width"] / 424
    half = 0.5 * (0.7 - 0.001) / 31
    across = 54 + (G - 0.001 + half) / (0.699 + 2 * half) * (346 - 54)
    up = 290 - (w - 0.001 + half) / (0.699 + 2 * half) * (290 - 8)
    page.mouse.click(box["x"] + across * scale, box["y"] + up * scale)
    there = place(page)
    assert there == pytest.approx((G, w), abs=0.003)
    return there


def set_sigma(page, sigma):
    """Move the slider of the noise."""
    page.get_by_role("slider").fill(str(sigma))
    return sigma


def test_the_noise_of_a_seed_is_that_of_jax(open_page):
    page = open_page(PLAY)
    sources = [(ROOT / "assets" / "live" / f"{name}.js").read_text("utf-8") for name in ENGINE]
    page.evaluate(
        "code => { window.engine = new Function(code + ' return { threefry, drawNormals }')(); }",
        "\n".join(sources),
    )
    for seed in (0, 12):
        bits = page.evaluate("seed => [...engine.threefry(seed, 0, new Uint32Array(2000))]", seed)
        words = np.array(bits, dtype=np.uint64).reshape(-1, 2)
        drawn = jax.random.bits(jax.random.key(seed), (1000,), dtype="uint64")
        assert np.array_equal((words[:, 0] << np.uint64(32)) | words[:, 1], drawn)
        normals = page.evaluate(
            "seed => { const x = new Float64Array(2520000);"
            " engine.drawNormals(seed, 0, 2520000, x);"
            " let low = 0, high = 0; x.forEach((v, k) => { if (v < x[low]) low = k;"
            " if (v > x[high]) high = k; });"
            " return [...[0, 1, 2, 1234567, 2519999, low, high].map(k => [k, x[k]]),"
            " ...Array.from(x.slice(5000, 15000), (v, k) => [k + 5000, v])]; }",
            seed,
        )
        places, values = np.array(normals).T
        noise = np.asarray(draw_noise(jax.random.key(seed))).ravel()
        np.testing.assert_allclose(values, noise[places.astype(int)], rtol=0, atol=1e-12)
        assert places[5] == noise.argmin()
        assert places[6] == noise.argmax()


def test_a_simulation_has_the_loss_of_python(open_page):
    page = open_page(PLAY, height=1000)
    assert place(page) == pytest.approx(best_point(), abs=5e-4)
    assert simulated(page) == pytest.approx(python_loss(*best_point(), SIGMA, 0), abs=1e-9)
    there = go_to(page, 0.5, 0.5)
    assert simulated(page) == pytest.approx(python_loss(*there, SIGMA, 0), abs=1e-9)
    there = go_to(page, 0.2, 0.45)
    sigma = set_sigma(page, 0.005)
    with_new = simulated(page, "New noise")
    assert with_new == pytest.approx(python_loss(*there, sigma, 1), abs=1e-9)
    again = simulated(page, "The book's noise")
    assert again == pytest.approx(python_loss(*there, sigma, 0), abs=1e-9)
    assert again != with_new
    said = page.locator(".landscape-run [role=status]").inner_text()
    assert f"{with_new:.4f} (noise 1), {again:.4f} (the book's noise)" in said


def test_what_is_expected_is_what_python_expects(open_page):
    page = open_page(PLAY, height=1000)
    np.testing.assert_allclose(
        expected(page, *best_point()), python_response(*best_point(), SIGMA), rtol=1e-6
    )
    for G, w in ((0.5, 0.5), (0.2, 0.45), (0.02, 0.65)):
        there = go_to(page, G, w)
        found = expected(page, *there)
        np.testing.assert_allclose(found[:2], python_response(*there, SIGMA)[:2], atol=1e-9)
        np.testing.assert_allclose(found[2:], python_response(*there, SIGMA)[2:], rtol=1e-6)
    set_sigma(page, 2 * SIGMA)
    page.wait_for_function(
        "before => Number(document.querySelector('.landscape-note').dataset.fold) < before",
        arg=0.75 * found[3],
    )
    assert row(page, "Expected FC") == pytest.approx(found[:2], abs=1e-12)  # sigma leaves it


def test_the_yardsticks_are_those_of_the_book(open_page):
    from _common import study

    page, predictors = open_page(PLAY), study.predictors()
    for name, words in (("constant", "One value everywhere"), ("rank one", "Rank one")):
        assert row(page, words) == pytest.approx(
            [predictors["rmse"][name], predictors["correlation"][name]], abs=1e-6
        )


def test_the_point_is_dragged_and_the_latest_place_wins(open_page):
    page = open_page(PLAY, height=1000)
    go_to(page, 0.1, 0.1)
    box = page.locator(".landscape-handle").bounding_box()
    page.mouse.move(box["x"] + 22, box["y"] + 22)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] - 60, steps=25)
    page.mouse.up()
    there = place(page)
    assert there[0] > 0.2
    assert there[1] > 0.2
    page.mouse.move(box["x"], box["y"])  # without the button nothing moves
    assert place(page) == there
    np.testing.assert_allclose(expected(page, *there)[0], python_response(*there, SIGMA)[0])


def test_it_is_played_with_the_keyboard(open_page):
    page = open_page(PLAY, reduced_motion="reduce")
    plot = page.get_by_role("application")
    assert "arrow keys move the point" in plot.get_attribute("aria-label")
    plot.focus()
    top, (G, w) = page.evaluate("scrollY"), best_point()
    for key, across, up in (
        ("ArrowUp", 0, 0.01),
        ("ArrowUp", 0, 0.01),
        ("ArrowLeft", -0.01, 0),
        ("ArrowRight", 0.01, 0),
        ("ArrowDown", 0, -0.01),
        ("Home", -1, 0),
        ("ArrowLeft", -0.01, 0),
        ("End", 1, 0),
    ):
        page.keyboard.press(key)
        G, w = np.clip([G + across, w + up], 0.001, 0.7)
        assert place(page) == pytest.approx((G, w), abs=1.1e-3), key
    assert page.evaluate("scrollY") == top
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "range"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Simulate"
    page.keyboard.press("Enter")
    page.wait_for_function(DONE, timeout=BUSY_MS)
    spoken = page.locator(".landscape-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    page.wait_for_function(
        "document.querySelector('.landscape-spoken').textContent.includes('Expected FC: loss')"
    )
    assert "G\xa0=\xa00.700" in spoken.text_content()


def test_a_simulation_can_be_stopped_and_begun_anew(open_page):
    page = open_page(PLAY)
    button = page.locator(".landscape-buttons button").first
    button.click()
    assert button.inner_text() == "Stop"
    button.click()
    assert button.inner_text() == "Simulate"
    assert "Stopped" in page.locator(".landscape-run [role=status]").inner_text()
    assert simulated(page) == pytest.approx(python_loss(*best_point(), SIGMA, 0), abs=1e-9)


def test_it_works_from_a_disk_and_without_a_network(site, browser):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto((site.folder / PLAY).as_uri(), wait_until="load")
    G, w = best_point()
    np.testing.assert_allclose(expected(page, G, w)[0], python_response(G, w, SIGMA)[0])
    assert simulated(page) == pytest.approx(python_loss(G, w, SIGMA, 0), abs=1e-9)
    context.close()


def test_the_chapter_has_the_same_figure_at_the_start_values(open_page):
    page = open_page("chapters/01-running-example.html")
    there = float(state.coupling.instant.G), float(state.dynamics.w)
    assert place(page) == there
    np.testing.assert_allclose(expected(page, *there)[0], python_response(*there, SIGMA)[0])
    assert simulated(page) == pytest.approx(python_loss(*there, SIGMA, 0), abs=1e-9)


@pytest.mark.parametrize("preference", ["light", "dark"])
def test_it_is_accessible_after_a_simulation(open_page, preference):
    page = open_page(PLAY, color_scheme=preference)
    wait_for_theme(page, dark=preference == "dark")
    simulated(page, "New noise")
    assert violations(page) == []
    assert page.locator(".landscape canvas").count() == 6
    assert all(
        canvas.get_attribute("aria-label") for canvas in page.locator(".landscape canvas").all()
    )


def test_it_fits_a_phone_also_after_a_simulation(open_page):
    page = open_page(PLAY, 390, 800, has_touch=True)
    simulated(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [canvas.bounding_box() for canvas in page.locator(".landscape canvas").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert min(box["width"] for box in boxes) > 140


def test_without_scripts_a_picture_remains(open_page):
    page = open_page(PLAY, java_script_enabled=False)
    assert page.locator(".landscape").is_hidden()
    picture = page.locator("noscript img")
    assert picture.is_visible()
    assert picture.evaluate("image => image.naturalWidth") > 600
    assert page.locator("noscript p", has_text="needs JavaScript").is_visible()


def test_the_figure_with_its_data_is_small(site):
    script = site.folder / "assets" / "playground.js"
    assert script.read_bytes() == (ROOT / "assets" / "playground.js").read_bytes()
    assert script.stat().st_size < 300_000


def test_what_the_page_says_to_try_is_so():
    def at(G, w):
        return python_response(G, w, SIGMA)

    scan = load_result("grid_scan")["loss"]
    floor = float(scan.sel(w=0.5, method="nearest").idxmin("G"))
    assert scan.size == 1024
    quiet, inside, active = (at(G, 0.5) for G in (0.02, floor, 0.6))
    assert inside[0] < min(quiet[0], active[0])  # on both sides correlations fade
    before = [at(floor + d, 0.5) for d in (-0.1, -0.05, -0.02)]
    slowness, fold = [one[2] for one in before], [one[3] for one in before]
    assert slowness == sorted(slowness)  # the slowest mode becomes slower
    assert fold == sorted(fold, reverse=True)  # and the fold comes closer
    constant = float(np.sqrt(np.mean((fc_target - mean_target()) ** 2)))
    assert min(at(*point)[0] for point in ((floor, 0.5), best_point(), (0.27, 0.28))) > constant


def mean_target():
    """The same number in all entries but the diagonal."""
    n = len(fc_target)
    return (1 - np.eye(n)) * float(np.sum(fc_target)) / (n * (n - 1))
