"""Tables of measured costs in pages that run no code, written from the stored results.

    python -m bnmbook.tables

replaces what stands between two `<!-- NAME -->` marks: `methods` and `fits` on the landing page,
`fits` in the deck, and three more on the page on the runs. A test fails when a page and the stored
results disagree.
"""

from bnmbook.files import read_result
from bnmbook.notebooks import SECONDS
from bnmbook.paths import CHAPTERS, RESULTS, ROOT
from bnmbook.producers import producers

import functools
import json
import re
from math import isnan, nan

import nbformat

METHODS = (  # method, chapter that introduces it, stored result, rule, parameters of it, returns
    ("grid scan", "02-grid-scan", "grid_scan", "3", "2", "the whole landscape"),
    ("1D slice", "05-slice-1d", None, "1", "1", "a curve"),
    ("random search", "06-random-search", "random_search", "20", "2", "a sketch"),
    ("Sobol", "07-sobol", "sobol_design", "20", "3", "which parameters matter"),
    ("CMA-ES", "08-cma-es", "cma_es", "50", "2", "a local optimum"),
    (
        "gradient descent",
        "10-gradient-descent",
        "gradient_descent",
        "10^4^+",
        "2",
        "a local optimum",
    ),
    (
        "regional fit",
        "13-regional-fits",
        "expected_regional_fit",
        "10^4^+",
        "169",
        "a local optimum",
    ),
    (
        "all connections",
        "13-regional-fits",
        "expected_free_connectome",
        "10^4^+",
        "3,655",
        "a local optimum",
    ),
    (
        "HMC (NUTS)",
        "17-hmc-and-svi",
        "regional_posterior",
        "10^3^+",
        "174",
        "the posterior, in the end",
    ),
    ("SVI", "17-hmc-and-svi", "map_guide_full", "10^4^+", "11", "an approximate posterior"),
    (
        "neural posterior",
        "23-learn-the-posterior",
        "learned_posterior",
        "10",
        "11",
        "a posterior for any data",
    ),
)


@functools.cache
def stored(name):
    """A stored result as it is."""
    return read_result(RESULTS / f"{name}.nc")


def methods_table():
    """Markdown table of the methods, with the cost and the best loss of the stored runs."""
    made = producers(CHAPTERS)
    rows = []
    for method, chapter, name, rule, parameters, gives in METHODS:
        link = f"[{method}](chapters/{chapter}.ipynb)"
        row = [link, rule, gives, parameters, *["\N{EN DASH}"] * 4]
        if name:
            result = stored(name)
            row[4:7] = costs(result.attrs)
            if "loss" in result and name != "sobol_design":
                row[7] = f"{float(result['loss'].min()):.4f}"
            if made[name].chapter.stem != chapter:
                row[3] = f"[{parameters}](chapters/{made[name].chapter.name})"
        rows.append(row)
    head = [
        "method",
        "rule",
        "returns",
        "run with",
        "simulations",
        "gradients",
        "seconds",
        "best loss",
    ]
    caption = (
        "Methods from cheap to expensive: up to how many parameters each is affordable by a rule "
        "of thumb, and with how many this book runs it, in the chapter that the number links to or "
        "else in the one that introduces the method. The other columns are of that run. The last "
        "two rows with a loss are fits of the expected FC; other losses are under one draw of the "
        "noise that they share. NUTS and SVI need gradients of the expected FC or of a known "
        "likelihood, and the neural posterior learns from drawn recordings; none of these is a "
        "simulation. Seconds depend on the processor: [the runs](reference/runs.qmd) say on which "
        "it was."
    )
    return markdown(head, rows, "lrlrrrrr", f"{caption} {{#tbl-methods}}")


def fits_rows():
    """Head and rows of the table of fits beside predictions without a simulation."""
    result = stored("fits_beside_predictors")
    names = {"G": "$G$", "w": "$w$", "rho": "$\\rho$"}
    rows = []
    for k, name in enumerate(result["prediction"].values):
        words = re.sub(r"\b(G|w|rho)\b", lambda match: names[match[0]], str(name))
        scores = [float(result[of][k]) for of in ("correlation", "without rows", "rmse")]
        rows.append([words, f"{int(result['numbers'][k])}", *(f"{x:.3f}" for x in scores)])
    return ["prediction", "numbers", "correlation", "without rows", "RMSE"], rows


def fits_table():
    """Markdown table of fits beside predictions without a simulation."""
    caption = (
        "What predicts the target without any simulation, and, below, fits: how many numbers each "
        "has, its correlation with the target over pairs of regions, the correlation that is left "
        "without row effects, and its RMSE. But for the one draw, fits are judged by their "
        "expected FC: [Change the model](chapters/14-change-the-model.ipynb#sec-shared) has them, "
        "and what unseen draws and unseen pairs say."
    )
    return markdown(*fits_rows(), "lrrrr", f"{caption} {{#tbl-fits}}")


def fits_slide():
    """The same table for the deck, without its caption."""
    return markdown(*fits_rows(), "lrrrr", "").removesuffix("\n\n: ")


def runs_table():
    """Markdown table of all stored results, in the order of the chapters."""
    rows = []
    for name, (chapter, *_) in producers(CHAPTERS).items():
        attrs = stored(name).attrs
        memory = attrs.get("peak_memory", nan)
        memory = "" if isnan(memory) else f"{memory / 1e9:.1f}"
        link = f"[`{name}`](../chapters/{chapter.name})"
        maker = re.match(r"\w+", attrs["processor"])[0]
        rows.append([link, *costs(attrs), memory, maker])
    head = ["result", "simulations", "gradients", "seconds", "GB", "CPU"]
    caption = (
        "Every stored result, in the order of the chapters. GB: most memory that its process held."
    )
    return markdown(head, rows, "lrrrrl", f"{caption} {{#tbl-runs}}")


def sums_table():
    """Markdown table of what the results of each chapter cost together, and its page."""
    totals = {chapter: [0, 0, 0.0] for chapter in sorted(CHAPTERS.glob("*.ipynb"))}
    for name, (chapter, *_) in producers(CHAPTERS).items():
        attrs = stored(name).attrs
        for i, key in enumerate(("simulations", "gradients", "seconds")):
            totals[chapter][i] += attrs[key]
    page_seconds = json.loads(SECONDS.read_text(encoding="utf-8"))
    for chapter, total in totals.items():
        total.append(page_seconds[chapter.stem])
    everything = [sum(column) for column in zip(*totals.values(), strict=True)]
    rows = [
        [f"[{title_of(chapter)}](../chapters/{chapter.name})", *numbers(total)]
        for chapter, total in totals.items()
    ]
    rows.append(["**all**", *numbers(everything)])
    head = ["chapter", "simulations", "gradients", "seconds", "page (s)"]
    caption = (
        "What the results of a chapter cost together, and how long its page takes given "
        f"them: {(everything[2] + everything[3]) / 60:.0f} minutes for the book, all added up."
    )
    return markdown(head, rows, "lrrrr", f"{caption} {{#tbl-sums}}")


def origins():
    """Markdown list of the machines and versions behind the results."""
    attrs = [stored(name).attrs for name in producers(CHAPTERS)]
    versions = {}
    for one in attrs:
        for package, version in json.loads(one["versions"]).items():
            versions.setdefault(package, set()).add(version)
    machines = sorted({f"{one['processor']}, {one['devices']} devices" for one in attrs})
    dates = sorted(one["date"] for one in attrs)
    pythons = sorted({one["python"] for one in attrs})
    listed = [f"{package} {', '.join(sorted(v))}" for package, v in sorted(versions.items())]
    return "\n".join(
        [
            f"- Processor: {'; '.join(machines)}",
            f"- Computed: {' to '.join(sorted({dates[0], dates[-1]}))}",
            f"- Python {', '.join(pythons)}",
            f"- Packages: {', '.join(listed)}",
        ]
    )


def title_of(chapter):
    """Title in the first cell of a chapter."""
    raw = nbformat.read(chapter, as_version=4).cells[0].source
    return re.search(r'title: "(.*)"', raw).group(1)


def costs(attrs):
    """Simulations, gradients and seconds of a result, as text."""
    return numbers([attrs[key] for key in ("simulations", "gradients", "seconds")])


def numbers(values):
    """Counts with separators; no digit after the point, except below ten."""
    return [
        f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
        for value in values
    ]


def markdown(head, rows, alignment, caption):
    """Markdown of a table; alignment is one letter, l or r, per column."""
    lines = [head, [{"l": ":--", "r": "--:"}[letter] for letter in alignment], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n: {caption}"


BLOCKS = {  # page: its marks, and what stands between them
    "index.qmd": {"methods": methods_table, "fits": fits_table},
    "_slides-section-4.qmd": {"fits": fits_slide},
    "reference/runs.qmd": {"sums": sums_table, "runs": runs_table, "origins": origins},
}


def filled(page):
    """Text of a page with its tables made anew.

    Parameters
    ----------
    page : str
        One of `BLOCKS`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a mark does not stand there exactly twice.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    for mark, make in BLOCKS[page].items():
        parts = text.split(f"<!-- {mark} -->")
        if len(parts) != 3:
            raise ValueError(f"{page} needs the mark <!-- {mark} --> twice.")
        text = f"<!-- {mark} -->".join([parts[0], f"\n\n{make()}\n\n", parts[2]])
    return text


def main():
    """Write the tables into their pages."""
    for page in BLOCKS:
        text = filled(page)
        (ROOT / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
