"""Set the devices before anything uses JAX, and share the tests out between processes."""

from bnmbook.programs import keep_programs
from bnmfit.devices import use_devices

import json
import re
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

keep_programs()
use_devices(8)

ROOT = Path(__file__).resolve().parents[1]
SITE = re.compile(r"tests/bnmbook/built_site/.*\[(quarto|smalldocs)\b")
LONG = re.compile(rf"{SITE.pattern}|test_(other_study|studies)\.py")


class SideBySide(LoadFileScheduling):
    """Keep in one process the tests of a file, and those of one form of the site.

    The cells of a notebook share a kernel, and the tests of a form its build and what they look at.
    """

    def _split_scope(self, nodeid):
        form = SITE.match(nodeid)
        return form[1] if form else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Refine `--dist loadfile`, and keep the order of `pytest_collection_modifyitems`."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return SideBySide(config, log)


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that all processes end at about the same time."""
    seconds = json.loads((ROOT / "reference" / "page_seconds.json").read_text(encoding="utf-8"))

    def place(item):
        if item.path.suffix == ".ipynb":
            return 2, -seconds.get(item.path.stem, 0)
        return (0 if LONG.search(item.nodeid) else 1), 0

    items.sort(key=place)
