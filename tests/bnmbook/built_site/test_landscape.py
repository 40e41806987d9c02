"""The landscape to explore: read with keyboard, mouse and finger, true to the stored results."""

from _common import fc_target, response, rmse, state, vary

import numpy as np
import pytest
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import to_hex

from .browsing import wait_for_theme
from .building import ROOT

LANDSCAPE = "chapters/02-grid-scan.html"


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


def centres(marks):
    """Return the middles of all elements at once, one row each, in pixels of the window."""
    boxes = marks.evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(r => [r.x, r.y, r.width, r.height])"
    )
    return np.array([[x + width / 2, y + height / 2] for x, y, width, height in boxes])


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
    assert page.locator(".landscape-spoken").get_attribute("aria-live") == "polite"
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
        page.mouse.click(*cell_of(page, losses, G=column, w=row))
        assert said(says) == readout(losses[row, column])
        heights = centres(slice_dots)[:, 1]
        fit = np.polyfit(losses[row], heights, 1)
        assert fit[0] < 0  # a larger loss is higher up
        assert np.abs(np.polyval(fit, losses[row]) - heights).max() < 0.5
    page.mouse.click(*centre(slice_dots.nth(25)))  # on the slice w stays
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
    generations = stored("cma_es")["point"]
    expected = {
        "Random search": np.stack([search["G"], search["w"]], axis=1),
        "CMA-ES": generations[-1].values,
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
        places = centres(shown)
        shapes |= set(shown.evaluate_all("all => all.map(e => e.getAttribute('d'))"))
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
    for box in page.locator(".landscape input[type=checkbox]").all():
        box.check()
    assert shown.count() == 100 + 16 + 21 + 200


def test_the_generations_of_cma_es_are_gone_through(open_page, losses):
    page = open_page(LANDSCAPE, height=1000, reduced_motion="reduce")
    generations = stored("cma_es")["point"].values
    low, high = [np.array([losses["G"][k], losses["w"][k]]) for k in (0, 31)]
    shown = page.locator(".landscape-plot g[display=inline] .landscape-mark")
    slider = page.get_by_role("slider")
    for k in (0, 6, 19):
        slider.fill(str(k + 1))
        assert page.get_by_role("checkbox", name="CMA-ES").is_checked()
        assert page.get_by_text(f"{k + 1} of 20").is_visible()
        corners = [cell_of(page, losses, G=k, w=k) for k in (0, 31)]
        at = low + (centres(shown) - corners[0]) / (corners[1] - corners[0]) * (high - low)
        np.testing.assert_allclose(at, generations[k], atol=0.01)


def test_the_expected_fc_follows_the_point(open_page, losses):
    page = open_page(LANDSCAPE, height=1000)
    for column, row in ((22, 22), (3, 10)):
        page.mouse.click(*cell_of(page, losses, G=column, w=row))
        at = losses[row, column]
        where = [float(at["G"]), float(at["w"])]
        page.wait_for_function(
            "([G, w]) => { const at = document.querySelector('.landscape-note').dataset.at;"
            " const [x, y] = (at ?? '').split(',').map(Number);"
            " return Math.abs(x - G) + Math.abs(y - w) < 1e-9; }",
            arg=where,
        )
        fc = response.expected_observation(vary(state, G=where[0], w=where[1]))
        cell = page.locator("tr", has_text="Expected FC").locator("td").first
        shown = float(cell.get_attribute("data-value"))
        assert abs(shown - float(rmse(fc, fc_target))) < 1e-9


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
