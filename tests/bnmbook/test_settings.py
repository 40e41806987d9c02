"""What a user has set for other work changes no number, no page and no command of the book."""

from bnmbook import notebooks
from bnmbook.kernels import clean_environment, clean_processes
from bnmbook.preview import serve
from bnmbook.site import run_quarto

import ast
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]

SHOW = """
#| label: settings
import bnmbook.style
import locale, os, sys, time
import matplotlib.pyplot as plt, numpy as np, pandas as pd
print(sys.flags.optimize, locale.getpreferredencoding(False), time.tzname)
print({"G", "w", "I_o", "sigma"})
print(np.array([1 / 3, 1e10]), 10 ** 10, plt.rcParams["savefig.bbox"])
pd.DataFrame({"long name of a column": [1 / 3]})
"""
DRAW = """
#| label: fig-line
figure, ax = plt.subplots()
ax.plot([1, 3, 2]);
"""
STARTUP = """
import matplotlib, numpy as np, pandas as pd
matplotlib.use("Agg")
np.set_printoptions(precision=2)
pd.set_option("display.precision", 1)
"""


def run(*command, folder=ROOT, **environment):
    """Run a command with further environment variables."""
    return subprocess.run(
        list(map(str, command)),
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
    )


def python(code, *arguments, **environment):
    return run(sys.executable, "-c", code, *arguments, **environment)


def write_page(folder, *sources):
    """A chapter with these cells, as if each had shown a picture."""
    folder.mkdir()
    page = folder / "01-page.ipynb"
    shown = new_output("display_data", {"image/png": "aa=="})
    cells = [new_code_cell(source.strip(), outputs=[shown]) for source in sources]
    nbformat.write(new_notebook(cells=cells), page)
    return page


def execute_pages(folder, **environment):
    """Execute the chapters of a folder as `make notebooks` does."""
    code = (
        "import sys; from bnmbook import notebooks as n; from pathlib import Path; "
        "n.CHAPTERS = Path(sys.argv[1]); n._note_seconds = print; n.main([])"
    )
    return python(code, folder, **environment)


def outputs(page):
    return [cell.outputs for cell in nbformat.read(page, as_version=4).cells]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """What the page shows when nothing is set."""
    page = write_page(tmp_path_factory.mktemp("usual") / "pages", SHOW, DRAW)
    done = execute_pages(page.parent)
    assert done.returncode == 0, done.stderr
    shown = outputs(page)
    assert "image/png" in shown[1][0].data
    return shown


def home_with_settings(home):
    """A home whose owner has set something for each program that executes a page."""
    files = {
        ".ipython/profile_default/startup/00-mine.py": STARTUP,
        ".ipython/profile_default/ipython_config.py": (
            "c.InlineBackend.figure_formats = {'svg'}; c.InteractiveShellApp.pylab = 'agg'"
        ),
        ".config/matplotlib/matplotlibrc": "savefig.bbox: tight\nfont.size: 30\nbackend: agg\n",
        ".jupyter/jupyter_config.json": '{"IPKernelApp": {"matplotlib": "agg"}}',
        ".local/share/jupyter/kernels/python3/kernel.json": json.dumps(
            {"argv": ["false"], "display_name": "Mine", "language": "python"}
        ),
        ".startup.py": "raise SystemExit('started')",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    return home


def test_a_page_shows_the_same_whatever_is_set(usual, tmp_path):
    home = home_with_settings(tmp_path / "home")
    page = write_page(tmp_path / "Seiten mit Ümlaut", SHOW, DRAW)
    settings = {
        "HOME": str(home),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_PATH": str(home / ".local" / "share" / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "MATPLOTLIBRC": str(home / ".config" / "matplotlib" / "matplotlibrc"),
        "MPLCONFIGDIR": str(home / ".config" / "matplotlib"),
        "MPLBACKEND": "Agg",
        "PYTHONSTARTUP": str(home / ".startup.py"),
        "PYTHONOPTIMIZE": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONHASHSEED": "1",
        "PYTHONINTMAXSTRDIGITS": "640",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PANDAS_FUTURE": "upcoming",
        "LC_ALL": "C",
        "TZ": "Asia/Kathmandu",
        "COLUMNS": "20",
        "NO_COLOR": "1",
    }
    done = execute_pages(page.parent, **settings)
    assert done.returncode == 0, done.stderr
    assert outputs(page) == usual


@pytest.mark.parametrize("home", ["/nowhere", ""])
def test_a_page_needs_no_home(usual, tmp_path, home):
    page = write_page(tmp_path / "pages", SHOW, DRAW)
    done = execute_pages(page.parent, HOME=home, XDG_CACHE_HOME="/nowhere", MPLBACKEND="Agg")
    assert done.returncode == 0, done.stderr
    assert outputs(page) == usual


@pytest.mark.parametrize(
    ("source", "where"),
    [("#| label: fig-line\n1 + 1", "fig-line"), ("import matplotlib.pyplot as plt", "all cells")],
)
def test_a_page_that_lost_its_figures_is_not_stored(tmp_path, monkeypatch, source, where):
    page = write_page(tmp_path / "pages", source)
    before = page.read_bytes()
    monkeypatch.setattr(notebooks, "CHAPTERS", page.parent)
    with pytest.raises(SystemExit, match=f"01-page was not stored, .* no figure in {where}"):
        notebooks.main([])
    assert page.read_bytes() == before
    assert list(page.parent.iterdir()) == [page]


def test_a_page_that_fails_is_not_stored(tmp_path, monkeypatch):
    page = write_page(tmp_path / "pages", "1 / 0")
    before = page.read_bytes()
    monkeypatch.setattr(notebooks, "CHAPTERS", page.parent)
    with pytest.raises(
        SystemExit, match=r"01-page was not stored, since a cell failed:(.|\n)*1 / 0"
    ):
        notebooks.main([])
    assert page.read_bytes() == before


def test_a_clean_environment_keeps_where_things_are_and_what_the_book_is_told(monkeypatch):
    kept = {"PATH": "/programs", "JAX_PLATFORMS": "cpu", "BOOK_RESULTS": "require"}
    for name, value in (kept | {"MPLBACKEND": "Agg", "ANYTHING": "1"}).items():
        monkeypatch.setenv(name, value)
    clean = clean_environment(BOOK_RESULTS="refresh")
    assert kept | {"BOOK_RESULTS": "refresh"} == {name: clean[name] for name in kept}
    assert clean["MPLBACKEND"].endswith("inline")
    assert "ANYTHING" not in clean
    before = dict(os.environ)
    with clean_processes(BOOK_RESULTS="refresh"):
        assert dict(os.environ) == clean
    assert dict(os.environ) == before


NUMBERS = """
import jax, jax.numpy as jnp
draw = jax.random.normal(jax.random.key(0), (3,))
promoted = jnp.ones(2, "float32") + jnp.ones(2, "int32")
sums = jnp.ones((2, 3)) @ draw + jnp.ones((1, 2))
traced = []
jax.jit(traced.append)(draw)  # a tracer, unless jit is disabled
numbers = [str(promoted.dtype), *map(float, [*draw, *sums.ravel()]),
           bool(jnp.isnan(jnp.log(-(draw**2))).all()), isinstance(traced[0], jax.core.Tracer)]
"""


@pytest.mark.parametrize(
    "settings",
    [
        {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true --xla_force_host_platform_device_count=5"},
        {"XLA_FLAGS": "--no_such_flag=1", "JAX_NUM_CPU_DEVICES": "5", "JAX_PLATFORMS": ""},
        {"JAX_ENABLE_X64": "0", "JAX_DISABLE_JIT": "1", "JAX_DEBUG_NANS": "1"},
        {"JAX_DEFAULT_PRNG_IMPL": "rbg", "JAX_NUMPY_RANK_PROMOTION": "raise"},
        {"JAX_THREEFRY_PARTITIONABLE": "0", "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16"},
        {"JAX_RANDOM_SEED_OFFSET": "3", "JAX_NUMPY_DTYPE_PROMOTION": "strict"},
    ],
    ids=lambda settings: " ".join(settings),
)
def test_no_variable_changes_what_jax_computes(settings):
    set_devices = "from bnmfit.devices import use_devices\nuse_devices(3)\n"
    report = "import json; print(json.dumps([jax.device_count(), numbers]))"
    done = python(f"{set_devices}{NUMBERS}\n{report}", **settings)
    assert done.returncode == 0, done.stderr
    here = {}
    exec(NUMBERS, here)
    assert json.loads(done.stdout) == [3, here["numbers"]]


@pytest.mark.parametrize("platform", ["cuda", "abacus"])
def test_a_device_that_is_not_there_is_named(platform):
    if platform == "cuda" and Path("/dev/nvidia0").exists():
        pytest.skip("There is one.")
    done = python("from bnmfit.devices import use_devices; use_devices(3)", JAX_PLATFORMS=platform)
    error = done.stderr.strip().splitlines()[-1]
    assert error.startswith(f"RuntimeError: JAX_PLATFORMS is '{platform}', but JAX finds no such")
    assert "unset JAX_PLATFORMS to compute on the processor" in error


def test_no_assertion_is_relied_upon():
    """With PYTHONOPTIMIZE set, Python leaves them out."""
    for path in [*ROOT.glob("bnmfit/**/*.py"), *ROOT.glob("bnmbook/**/*.py"), *ROOT.glob("_*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)], path


def test_pages_are_read_in_their_encoding_whatever_the_locale():
    done = python(
        "from bnmbook import tables; from bnmbook.paths import CHAPTERS; "
        "from bnmbook.producers import producers; "
        "print(len(producers(CHAPTERS)), [len(tables.filled(page)) for page in tables.BLOCKS])",
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert done.returncode == 0, done.stderr


def test_quarto_can_encode_every_name_and_has_no_profile(tmp_path, monkeypatch, capfd):
    quarto = tmp_path / "quarto"
    quarto.write_text('#!/bin/sh\necho "$1 $LC_ALL $QUARTO_PROFILE"\nexit 3\n', encoding="utf-8")
    quarto.chmod(0o755)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("QUARTO_PROFILE", "mine")
    assert run_quarto(quarto, "render") == 3
    command, locale = capfd.readouterr().out.split()
    assert command == "render"
    assert locale.endswith("UTF-8")


def test_a_busy_port_leads_to_the_next(tmp_path):
    (tmp_path / "index.html").write_text("the page", encoding="utf-8")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        server = serve(tmp_path, port)
    assert port < server.server_port < port + 100
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as page:
        assert page.read() == b"the page"
    server.shutdown()
    server.server_close()


def test_commands_see_nothing_of_what_is_set(tmp_path):
    """But how pip reaches an index."""
    (tmp_path / "probe.mk").write_text(
        f"include {ROOT / 'Makefile'}\nprobe:\n\t@env\n", encoding="utf-8"
    )
    ignored = "PYTHONOPTIMIZE PYTHONPATH PIP_USER PIP_TARGET MPLBACKEND IPYTHONDIR PYTEST_ADDOPTS"
    kept = {"PIP_INDEX_URL": "https://index.example/simple", "PIP_CONFIG_FILE": "/dev/null"}
    settings = dict.fromkeys(ignored.split(), "1") | kept
    seen = run("make", "-f", "probe.mk", "probe", folder=tmp_path, PYTHONUTF8="0", **settings)
    lines = seen.stdout.splitlines()
    assert {f"{name}={value}" for name, value in kept.items()} <= set(lines)
    assert "PYTHONUTF8=1" in lines
    assert not [line for line in lines if line.split("=")[0] in ignored.split()]


def test_packages_go_into_the_environment_whatever_pip_is_told():
    """Lines of pip's configuration file are overruled, since a command line goes before it."""
    plan = run("make", "--dry-run", "--always-make", "site", "lab", "lock").stdout
    calls = [line for line in plan.splitlines() if "pip install" in line]
    assert len(calls) == 5
    for call in calls:
        assert f'--no-user --target= --root=/ --prefix="{ROOT}/.venv"' in call


def test_help_needs_no_tools_but_those_of_posix(tmp_path):
    for tool in ("grep", "sed", "expand"):
        (tmp_path / tool).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (tmp_path / tool).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run("make", PATH=path, POSIXLY_CORRECT="1", LC_ALL="C", MAKELEVEL="0", MAKEFLAGS="")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "make help         List the commands"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert len(lines) == len(re.findall(r"^[a-z]+:.*## ", makefile, re.MULTILINE))
    assert all(line.startswith("make ") and line[18] != " " for line in lines)
