"""Every page says all it should: glossary, links, images, captions, citations, previews."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .building import ROOT

KEYS = re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(), re.MULTILINE)


def test_the_glossary_leads_to_a_section_of_every_chapter(site, on_phone):
    links = on_phone["reference/glossary.html"]["links"]
    targets = [urlsplit(link) for link in links if f"{site.url}/chapters/" in link]
    sections = {target.path.lstrip("/") for target in targets if target.fragment}
    assert sections == set(site.chapters())


def test_the_glossary_is_linked_from_every_page(site, on_phone):
    for name in (name for name in on_phone if "slides/" not in name):
        assert f"{site.url}/reference/glossary.html" in on_phone[name]["links"], name


def test_links_to_pages_have_previews(site, on_phone):
    for name in (name for name in on_phone if "slides/" not in name):
        page = (site.folder / name).read_text(encoding="utf-8")
        tags = dict(
            re.findall(r'<meta (?:property|name)="((?:og|twitter):[\w:]+)" content="(.*?)"', page)
        )
        assert {"og:title", "og:description", "twitter:title", "twitter:card"} <= set(tags), name
        # smalldocs names an image only where the site's address is known
        if site.engine == "quarto":
            image = urlsplit(tags["og:image"]).path
            image = image.lstrip("/") if image[0] == "/" else (Path(name).parent / image).as_posix()
            assert tags["twitter:card"] == "summary_large_image"
            assert tags["og:image:alt"]
            assert (site.folder / image).is_file(), image


def test_internal_links_and_anchors_exist(site, on_phone):
    broken = []
    for name, page in on_phone.items():
        for link in page["links"]:
            parts = urlsplit(link)
            if not link.startswith(site.url) or parts.fragment.startswith("/"):
                continue
            target = unquote(parts.path).lstrip("/") or "index.html"
            anchor = unquote(parts.fragment)
            # A notebook is downloaded from its own page; other pages link to that page.
            is_source = target.endswith(".ipynb") and Path(target).stem != Path(name).stem
            is_there = not is_source and (site.folder / target).is_file()
            if not is_there or (anchor and anchor not in on_phone[target]["ids"]):
                broken.append(f"{name}: {link}")
    assert broken == []
    assert any(urlsplit(link).fragment for page in on_phone.values() for link in page["links"])


def test_images_load_and_have_alt_text(site, on_phone):
    images = {name: page["images"] for name, page in on_phone.items() if "slides/" not in name}
    assert all(images[name] for name in site.chapters())
    bad = [(name, i) for name in images for i in images[name] if not (i[1].strip() and i[2])]
    assert bad == []


def test_no_raw_keys_or_formulas_are_shown(on_phone):
    # Three letters at least, as every key has: cells of a table run together, as in "on1927".
    raw = re.compile(r"\?@|@(fig|tbl|eq|sec)-|\b[a-z]{3,}(19|20)\d\d[a-z]?\b|\$\$|\\[a-z]{3,}")
    shown = {name: raw.search(page["text"]) for name, page in on_phone.items()}
    assert {name: match[0] for name, match in shown.items() if match} == {}


def test_labels_become_numbered_captions(site, on_phone):
    for name in site.chapters():
        labels = re.findall(r"^#\| label: *(fig-[\w-]+)", site.source(name), re.MULTILINE)
        captions = [c for c in on_phone[name]["captions"] if c.startswith("Figure")]
        numbers = [int(re.match(r"Figure\s(\d+):", caption)[1]) for caption in captions]
        assert labels, f"{name} has no labelled figure"
        assert set(labels) <= set(on_phone[name]["ids"])
        assert numbers == list(range(1, len(labels) + 1)), name
        assert not any("**" in caption for caption in captions)


def test_cited_works_are_listed(site, on_phone):
    # a decorator such as `@jax.custom_jvp` cites nothing
    cited = {
        name: {f"ref-{key}" for key in KEYS if re.search(rf"@{key}\b(?!\.\w)", site.source(name))}
        for name in on_phone
    }
    assert any(cited.values())
    missing = {name: works - set(on_phone[name]["ids"]) for name, works in cited.items()}
    assert {name: works for name, works in missing.items() if works} == {}
    assert all("References" in on_phone[name]["text"] for name, works in cited.items() if works)
