"""Stored results: compute once, keep the outcome and where it came from, notice when it is stale.

A chapter decorates the function that does the long computation:

    @stored_result("grid_scan")
    def grid_scan(n_grid=32):
        ...
        return xr.Dataset(...)      # attrs: simulations, gradients, seed

A posterior is an `xr.DataTree` with ArviZ's groups instead, with these attrs at its root.

Calling it reads `inference_demos/grid_scan.nc` if that file was made by this very function with
these arguments, and the loss still has the values that it had then. Else it computes and stores.
Another chapter gets the same dataset with `load_result("grid_scan")`.

The environment variable BOOK_RESULTS changes that:

- `require`: a missing or stale result is an error (tests, CI);
- `ignore`: compute without reading or writing any stored result;
- `refresh` or `refresh:NAME,NAME`: treat all, or the named, results as stale.
"""

import ast
import contextlib
import datetime
import dis
import functools
import hashlib
import importlib.metadata
import inspect
import io
import json
import os
import platform
import sys
import tempfile
import textwrap
import time
import warnings
from pathlib import Path

import jax
import numpy as np
import xarray as xr
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "inference_demos"
CHAPTERS = ROOT / "chapters"
PROBES = ((0.1, 0.6), (0.35, 0.35), (0.6, 0.1))  # (G, w), where the loss is smooth
TOLERANCE = 1e-9
PACKAGES = ("tvboptim", "jax", "jaxlib", "equinox", "numpy", "scipy", "numpyro")
COSTS = ("simulations", "gradients", "seed")


class ResultError(RuntimeError):
    """A stored result is missing, stale or unreadable, or a new one is not fit to be stored."""


def stored_result(name):
    """Decorator: keep what a function returns in `inference_demos/NAME.nc`.

    Parameters
    ----------
    name : str
        Name of the result, and of its file.

    Returns
    -------
    callable
        The function, which now reads its result when it can. The undecorated function, for a run
        that shall neither read nor write, is its attribute `compute`.

    Raises
    ------
    ResultError
        With BOOK_RESULTS=require if the result is missing or stale; in any mode if the function
        returns no dataset, does not say what it cost, or found a loss that is not finite.
    """

    def decorate(function):
        @functools.wraps(function)
        def get(*args, **kwargs):
            mode, names = _mode()
            made_of = provenance(function, *args, **kwargs)
            if mode == "ignore":
                return _measure(name, function, args, kwargs, made_of)
            if mode == "refresh" and (not names or name in names):
                reason = "a new run was asked for"
            else:
                try:
                    return _fresh(name, lambda dataset: _is_made_of(dataset, made_of))
                except ResultError as error:
                    reason = str(error)
            if mode == "require":
                raise ResultError(f"{reason} Run: make results NAMES={name}")
            _say(f"Computing the result '{name}': {reason}")
            _write(name, _measure(name, function, args, kwargs, made_of))
            return _fresh(name, lambda dataset: _is_made_of(dataset, made_of))

        get.compute = function
        return get

    return decorate


def load_result(name):
    """Get a result that another chapter computes, with the default arguments of its function.

    Parameters
    ----------
    name : str
        Name that the producing chapter gave to `stored_result`.

    Returns
    -------
    xarray.Dataset or xarray.DataTree
        The stored result, or a newly computed one if it is missing or stale.

    Raises
    ------
    ResultError
        If no chapter computes this result; with BOOK_RESULTS=require if it is missing or stale.
    """
    if name not in producers():
        known = ", ".join(sorted(producers())) or "none"
        raise ResultError(f"No chapter computes a result named '{name}'; there are: {known}.")
    chapter = producers()[name][0]
    mode, _ = _mode()
    if mode == "ignore":
        with tempfile.TemporaryDirectory() as folder:
            execute(chapter, BOOK_RESULTS="", BOOK_RESULTS_FOLDER=folder)
            return read_result(name, Path(folder))
    try:
        return _fresh(name, _is_made_in_its_chapter)
    except ResultError as error:
        if mode == "require":
            raise ResultError(f"{error} Run: make results NAMES={name}") from None
        _say(f"Computing the result '{name}' with chapters/{chapter.name}: {error}")
    execute(chapter, BOOK_RESULTS="")
    return _fresh(name, _is_made_in_its_chapter)


def with_progress(function, total, description=""):
    """Show a progress bar that advances each time a batched function has been evaluated.

    Parameters
    ----------
    function : callable
        Function of one state. It stays traceable, and may run under `pmap`, `vmap` and `lax.map`.
    total : int
        Number of evaluations to come.
    description : str
        Label of the bar.

    Returns
    -------
    callable
        The same function, counting. A run that pads its batch counts the padding, too.
    """
    bar = tqdm(total=total, desc=description)

    def count(_):
        bar.update(min(1, total - bar.n))
        if bar.n == total:
            bar.close()

    def counted(state):
        value = function(state)
        jax.debug.callback(count, value)
        return value

    return counted


def provenance(function, *args, **kwargs):
    """What a computation is made of, apart from what it imports.

    That is its arguments, its own source and that of the functions beside it that it calls, without
    comments, docstrings and layout, and the plain values (numbers, text, tuples, dicts of them)
    that it takes from outside. Whether functions that it imports from `_common` still give the same
    values is what the probe points check.

    Returns
    -------
    dict
        `arguments` and `values`, text by name, and `functions`, a list of sources, its own first.
    """
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    functions, values = [], {}
    todo, seen = [function], set()
    while todo:
        current = todo.pop()
        functions.append(_normalised(inspect.getsource(current)))
        for key in sorted(_names(current.__code__) - seen):
            seen.add(key)
            value = current.__globals__.get(key)
            if inspect.isfunction(value) and value.__module__ == function.__module__:
                todo.append(inspect.unwrap(value))
            elif _is_plain(value):
                values[key] = repr(value)
    arguments = {key: repr(value) for key, value in bound.arguments.items()}
    return {"arguments": arguments, "functions": functions, "values": values}


def fingerprint(made_of):
    """SHA-256 of a `provenance`, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


@functools.cache
def probe_losses():
    """Loss at the three probe points (G, w) of `PROBES`, in float64, as a tuple of floats."""
    from _common import loss, state, vary

    points = np.array(PROBES)
    losses = jax.jit(lambda p: jax.lax.map(lambda x: loss(vary(state, G=x[0], w=x[1])), p))(points)
    return tuple(float(value) for value in losses)


@functools.cache
def producers():
    """Map each result's name to its chapter, its function and all functions of that chapter.

    Returns
    -------
    dict
        By name: the notebook's path, the function's `ast.FunctionDef`, and a set of sources.
    """
    found = {}
    for chapter in sorted(CHAPTERS.glob("*.ipynb")):
        cells = json.loads(chapter.read_text())["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
        beside = {_normalised(ast.unparse(node)) for node in functions}
        for node in functions:
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "stored_result":
                    found[call.args[0].value] = (chapter, node, beside)
    return found


def execute(chapter, **environment):
    """Run a chapter in a fresh kernel and return the executed notebook (the file is not changed).

    Parameters
    ----------
    chapter : pathlib.Path
        The notebook.
    environment : str
        Environment variables for the kernel.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(chapter, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(chapter.parent)}},
    )
    client.execute(env={**os.environ, **environment})
    return notebook


def main(names):
    """Recompute the named results, or all of them, by running the chapters that produce them."""
    unknown = sorted(set(names) - set(producers()))
    if unknown:
        known = ", ".join(sorted(producers()))
        raise SystemExit(f"No chapter computes {', '.join(unknown)}; there are: {known}.")
    wanted = sorted(names or producers())
    start = time.perf_counter()
    for chapter in sorted({producers()[name][0] for name in wanted}):
        here = [name for name in wanted if producers()[name][0] == chapter]
        print(f"chapters/{chapter.name}: {', '.join(here)} ...", flush=True)
        execute(chapter, BOOK_RESULTS=f"refresh:{','.join(here)}")
    for name in wanted:
        attrs = read_result(name).attrs
        print(f"{name}: {attrs['simulations']} simulations, {attrs['seconds']:.1f} s")
    print(f"All, with the pages around them: {(time.perf_counter() - start) / 60:.0f} minutes.")
    print("Now run: make notebooks tables")


def _say(message):
    """Tell a waiting reader what is going on, where and when progress bars do."""
    if not os.environ.get("TQDM_DISABLE"):
        print(message, file=sys.stderr, flush=True)


def _mode():
    mode, _, names = os.environ.get("BOOK_RESULTS", "").partition(":")
    if mode not in ("", "require", "ignore", "refresh"):
        raise ResultError(
            f"BOOK_RESULTS is '{mode}', but it can only be require, ignore, refresh, or empty."
        )
    return mode, [name for name in names.split(",") if name]


def _path(name, folder=None):
    return Path(folder or os.environ.get("BOOK_RESULTS_FOLDER") or FOLDER) / f"{name}.nc"


def _is_made_of(dataset, made_of):
    return dataset.attrs["fingerprint"] == fingerprint(made_of)


def _is_made_in_its_chapter(dataset):
    """Whether a stored result is what its chapter, read and not run, would compute today."""
    import _common

    _, node, beside = producers()[dataset.attrs["name"]]
    made_of = json.loads(dataset.attrs["provenance"])
    keys = [argument.arg for argument in node.args.args]
    defaults = [repr(ast.literal_eval(default)) for default in node.args.defaults]
    shared = {key for key in made_of["values"] if hasattr(_common, key)}
    return (
        made_of["arguments"] == dict(zip(keys, defaults, strict=True))
        and made_of["functions"][0] == _normalised(ast.unparse(node))
        and beside.issuperset(made_of["functions"])
        and all(made_of["values"][key] == repr(getattr(_common, key)) for key in shared)
    )


def _fresh(name, is_current):
    """Read a result and make sure that it still holds."""
    dataset = read_result(name)
    if not is_current(dataset):
        raise ResultError(f"The code or the arguments behind '{name}' changed since it was stored.")
    before, today = np.array(dataset.attrs["probe_losses"]), np.array(probe_losses())
    if not np.allclose(before, today, rtol=0, atol=TOLERANCE):
        raise ResultError(
            f"The model changed since '{name}' was stored: its loss at the probe points moved by "
            f"{np.abs(before - today).max():.1e}."
        )
    versions = json.loads(dataset.attrs["versions"])
    changed = [key for key in versions if versions[key] != importlib.metadata.version(key)]
    if changed:
        warnings.warn(
            f"The result '{name}' was computed with other versions of {', '.join(changed)}.",
            stacklevel=3,
        )
    return dataset


def read_result(name, folder=None):
    """Read a stored result as it is, current or not."""
    path = _path(name, folder)
    if not path.exists():
        raise ResultError(f"There is no stored result '{name}'.")
    try:
        # From memory, so that a file replaced meanwhile by another process does not matter.
        tree = xr.load_datatree(io.BytesIO(path.read_bytes()), engine="h5netcdf")
        dataset = tree if tree.children else tree.to_dataset()
        complete = {"name", "fingerprint", "provenance", "probe_losses", "versions", *COSTS} <= set(
            dataset.attrs
        )
    except Exception as error:
        raise ResultError(f"{path.name} cannot be read ({type(error).__name__}).") from None
    if not complete:
        raise ResultError(f"{path.name} is not a result of this book.")
    return dataset


def _write(name, dataset):
    """Write to a temporary file, then rename: a reader sees the old file or the new one."""
    path = _path(name)
    path.parent.mkdir(exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{name}-", suffix=".tmp")
    os.close(handle)
    try:
        tree = dataset if _is_tree(dataset) else xr.DataTree(dataset)
        encoding = {
            node.path: {key: {"zlib": True} for key in node.data_vars if node[key].ndim}
            for node in tree.subtree
        }
        tree.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _measure(name, function, args, kwargs, made_of):
    """Run the function, check what it returns, and add where it comes from."""
    _forget_peak_memory()
    start = time.perf_counter()
    dataset = function(*args, **kwargs)
    if isinstance(dataset, xr.Dataset | xr.DataTree):  # JAX may still be computing what it holds
        dataset = dataset.map_over_datasets(_on_host) if _is_tree(dataset) else _on_host(dataset)
    seconds = time.perf_counter() - start
    if not isinstance(dataset, xr.Dataset | xr.DataTree) or not set(COSTS) <= set(dataset.attrs):
        raise ResultError(
            f"'{name}' must be an xarray.Dataset or DataTree whose attrs say {', '.join(COSTS)}."
        )
    for part in dataset.subtree if _is_tree(dataset) else [dataset]:
        _refuse_non_finite(name, part)
    dataset.attrs |= {
        "name": name,
        "fingerprint": fingerprint(made_of),
        "provenance": json.dumps(made_of),
        "probe_losses": probe_losses(),
        "seconds": seconds,
        "peak_memory": _peak_memory(),
        "devices": f"{jax.device_count()} {jax.default_backend()}",
        "processor": _processor(),
        "python": platform.python_version(),
        "versions": json.dumps({key: importlib.metadata.version(key) for key in PACKAGES}),
        "date": datetime.date.today().isoformat(),
    }
    return dataset


def _is_tree(dataset):
    return isinstance(dataset, xr.DataTree)


def _on_host(dataset):
    return dataset.map(lambda variable: variable.copy(data=np.asarray(variable)), keep_attrs=True)


def _refuse_non_finite(name, dataset):
    for key in (key for key in dataset.data_vars if "loss" in key):
        bad = np.argwhere(~np.isfinite(dataset[key].values))
        points = [dataset[key][tuple(index)].coords for index in bad[:3]]
        if points:
            where = "; ".join(
                ", ".join(f"{axis}={float(value):.4g}" for axis, value in point.items())
                for point in points
            )
            raise ResultError(
                f"{len(bad)} of {dataset[key].size} values of '{key}' in '{name}' are not finite, "
                f"first at {where}: nothing was stored."
            )


def _forget_peak_memory():
    with contextlib.suppress(OSError):  # where this cannot be done, the peak is that of the process
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory():
    """Most memory that this process held since then, in bytes; NaN where there is no /proc."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return peaks[0] if peaks else float("nan")


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{(models or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} cores"


def _normalised(source):
    """Code without decorators, docstrings, comments and layout."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _names(code):
    """Names that a function takes from outside, and not those of attributes."""
    inner = (const for const in code.co_consts if inspect.iscode(const))
    taken = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return taken.union(*(_names(const) for const in inner))


def _is_plain(value):
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    if isinstance(value, tuple | list):
        return all(_is_plain(item) for item in value)
    return isinstance(value, bool | int | float | str)


if __name__ == "__main__":
    main(sys.argv[1:])
