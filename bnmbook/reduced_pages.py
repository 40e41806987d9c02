"""Resolve what smalldocs does not know, in copies of the pages, before it renders them.

Numbers take the place of labels, authors and years that of citation keys, MathML that of TeX. The
full site needs none of this, because Quarto does it.
"""

from bnmbook.bundle import configured, launch_links
from bnmbook.paths import ROOT

import html
import json
import re

from latex2mathml.converter import convert
from pybtex.plugin import find_plugin
from pybtex.richtext import Text
from smalldocs.markdown import render
from smalldocs.notebook import cell_options

NAMES = {"fig": "Figure", "tbl": "Table", "eq": "Equation"}
KEY = r"@(\w[\w:-]*\w)"

# What to resolve in Markdown. Code comes first, so that nothing inside it is touched.
SPANS = re.compile(
    r"""
      (?P<code> ^\ *(?P<fence>`{3,}) .*? ^\ *(?P=fence)
              | (?P<ticks>`+)(?!`) .+? (?<!`)(?P=ticks)(?!`) )
    | \$\$ (?P<block>.+?) \$\$ (?: \s* \{\#(?P<id>eq-[\w-]+)\} )?
    | (?<![\\$]) \$ (?=[^\s$]) (?P<tex>[^$]*? [^\s\\$]) \$ (?!\d)
    | (?<!!) \[ (?P<words>[^\[\]]*) \] \( (?:\.\./)? slides/ [^)]* \)
    | \[ (?P<group>[^\[\]]* (?<!\w)@\w [^\[\]]*) \] (?!\()
    | (?<![\w@]) @(?P<key>\w[\w:-]*\w)
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
LABEL = re.compile(r"(?:^#\| label: *|\{#)((fig|tbl|eq)-[\w-]+)", re.MULTILINE)
SECTION = re.compile(r"^#+ +(.+?) *\{#(sec-[\w-]+)", re.MULTILINE)
FIGURE = re.compile(r"(!\[)(.*?)(\]\([^)\s]+\)\{#)(fig-[\w-]+)", re.DOTALL)
TABLE = re.compile(r"(^: +)(.*?)( *\{#)(tbl-[\w-]+)", re.MULTILINE)


def number_labels(text):
    """Return what a reference to each label of a page says: "Figure 2", or a heading's words."""
    says, count = {}, dict.fromkeys(NAMES, 0)
    for label, kind in LABEL.findall(text):
        if label not in says:
            count[kind] += 1
            says[label] = f"{NAMES[kind]}&nbsp;{count[kind]}"
    return says | {label: f"“{title}”" for title, label in SECTION.findall(text)}


def section_pages(paths):
    """Return the page and the words of every heading in the chapters that has a label."""
    return {
        label: (path.with_suffix(".html").name, f"“{title}”")
        for path in paths
        for title, label in SECTION.findall(notebook_text(json.loads(path.read_text("utf-8"))))
    }


def notebook_text(notebook):
    """Return the sources of a notebook's cells, one after the other."""
    return "\n\n".join("".join(cell["source"]) for cell in notebook["cells"])


def mathml(tex, display="inline"):
    """Return TeX as MathML in which Markdown finds nothing to change."""
    return re.sub(r"[*_~^]", lambda m: f"&#{ord(m[0])};", convert(tex.strip(), display=display))


class Page:
    """One page in the making: its name, what its labels say, and the works that it cites.

    `elsewhere` is what `section_pages` returns, for references to sections of other chapters.
    """

    def __init__(self, name, text, bibliography, elsewhere=None):
        self.name = name
        self.elsewhere = elsewhere or {}
        self.says = number_labels(text)
        self.bibliography = bibliography
        self.cited = {}

    def author_year(self, key):
        """Return the authors and the year of a work, and note that the page cites it."""
        if key not in self.bibliography.entries:
            raise SystemExit(
                f"{self.name}: @{key} is no label of this page, nor in references.bib."
            )
        self.cited[key] = work = self.bibliography.entries[key]
        people = work.persons.get("author") or work.persons.get("editor") or []
        names = [str(Text.from_latex(" ".join(p.prelast_names + p.last_names))) for p in people]
        authors = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        return authors or key, work.fields.get("year") or work.fields.get("date", "n.d.")[:4]

    def reference(self, key, bracketed=False, year_only=False):
        """Return a link: "Figure 2", "Deco et al. (2013)", or in brackets "Deco et al. 2013"."""
        if key in self.says:
            return f'<a href="#{key}">{self.says[key]}</a>'
        if key in self.elsewhere:
            page, words = self.elsewhere[key]
            return f'<a href="{page}#{key}">{words}</a>'
        authors, year = self.author_year(key)
        if bracketed:
            words = year if year_only else f"{authors} {year}"
            return f'<a href="#ref-{key}">{words}</a>'
        return f'{authors} (<a href="#ref-{key}">{year}</a>)'

    def group(self, text):
        """Return what brackets hold, "see @key, p. 3; -@year-only", with links for its keys."""
        linked = re.sub(
            rf"(?<!\w)(-?){KEY}",
            lambda m: self.reference(m[2], bracketed=True, year_only=bool(m[1])),
            text,
        )
        return f"({linked})" if set(re.findall(KEY, text)) & set(self.cited) else linked

    def equation(self, tex, label):
        """Return a displayed formula, with its number at the right if it has a label."""
        number = f"<span>({self.says[label].partition(';')[2]})</span>" if label else ""
        anchor = f' id="{label}"' if label else ""
        return f'<span class="equation"{anchor}>{mathml(tex, "block")}{number}</span>'

    def span(self, m):
        """Return what one match of `SPANS` becomes."""
        if m["code"]:
            return m[0]
        if m["block"]:
            return self.equation(m["block"], m["id"])
        if m["tex"]:
            return mathml(m["tex"])
        if m["words"]:
            return m["words"]
        return self.group(m["group"]) if m["group"] else self.reference(m["key"])

    def markdown(self, text):
        """Return Markdown in which every label, key and formula is resolved."""
        for captioned in (FIGURE, TABLE):
            text = captioned.sub(lambda m: f"{m[1]}{self.says[m[4]]}: {m[2]}{m[3]}{m[4]}", text)
        return SPANS.sub(self.span, text)

    def html(self, text):
        """Return a piece of Markdown, such as a caption, as HTML."""
        shown = re.sub(r"\A<p>(.*)</p>\Z", r"\1", render(self.markdown(text), {}).strip())
        # The links of pages become those of the site, as they do outside of outputs.
        return re.sub(r'href="([^":]+)\.(?:ipynb|qmd)((?:#[^"]*)?)"', r'href="\1.html\2"', shown)

    def cell(self, cell):
        """Resolve one notebook cell in place; captioned outputs become figures with a number."""
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = self.markdown(source)
        if cell["cell_type"] != "code":
            return
        options, code = cell_options(source)
        caption = options.pop("fig-cap", options.pop("tbl-cap", ""))
        number = self.says.get(options.get("label"))
        caption = (
            f"<figcaption>{f'{number}: ' if number else ''}{self.html(caption)}</figcaption>"
            if caption
            else ""
        )
        alt = html.escape(options.pop("fig-alt", ""))
        cell["source"] = "".join(f"#| {k}: {json.dumps(v)}\n" for k, v in options.items()) + code
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                png = "".join(data["image/png"]).strip()
                image = f'<img class="img-fluid" alt="{alt}" src="data:image/png;base64,{png}">'
                output["data"] = {"text/html": f'<figure class="figure">{image}{caption}</figure>'}
            elif "text/markdown" in data or "text/html" in data:
                table = self.html("".join(data.get("text/markdown", ""))) or "".join(
                    data["text/html"]
                )
                output["data"] = {
                    "text/html": f"<figure>{caption}{table}</figure>" if caption else table
                }

    def references(self):
        """Return the list of cited works, as Markdown; empty if there are none."""
        style = find_plugin("pybtex.style.formatting", "plain")()
        backend = find_plugin("pybtex.backends", "html")("utf-8")
        works = style.format_entries(self.cited.values(), self.bibliography)
        items = "".join(f'<p id="ref-{work.key}">{work.text.render(backend)}</p>' for work in works)
        return (
            f'\n\n## References\n\n<div class="references">{" ".join(items.split())}</div>\n'
            if items
            else ""
        )


def _launches(name):
    """Links that open a chapter elsewhere, as in `chapter.lua`, where a repository is known."""
    links = "".join(
        f' <a class="launch" href="{address}">Open in {service}</a>'
        for service, address in launch_links(ROOT, name).items()
    )
    install = f"%pip install git+{configured(ROOT, 'repo-url')}"
    return links and f"{links} <span>In Colab, first run <code>{install}</code></span>"


def resolve_page(path, bibliography, elsewhere):
    """Resolve one copied page in place; a chapter also gets its number and a download link."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".qmd":
        page = Page(path.name, text, bibliography)
        path.write_text(page.markdown(text) + page.references(), encoding="utf-8")
        return
    notebook = json.loads(text)
    cells = notebook["cells"]
    page = Page(path.name, notebook_text(notebook), bibliography, elsewhere)
    for cell in cells:
        page.cell(cell)
    number = path.name.partition("-")[0]
    line = (
        f'<p class="chapter-line"><span>Chapter {number.lstrip("0")}</span> '
        f'<a href="{path.name}" download>Download this notebook</a> '
        '<a href="../brain-network-inference.zip" download>and the book that it needs</a>'
        f"{_launches(path.name)}</p>"
    )
    if number.isdigit():  # else it is a reader's study
        cells.insert(1, {"cell_type": "markdown", "metadata": {}, "source": line})
    cells.append({"cell_type": "markdown", "metadata": {}, "source": page.references()})
    path.write_text(json.dumps(notebook), encoding="utf-8")
