"""Stored results: compute once, keep the outcome and where it came from, notice when it is stale.

A chapter decorates the function that does the long computation:

    @stored_result("grid_scan")
    def grid_scan(n_grid=32):
        ...
        return xr.Dataset(...)      # attrs: simulations, gradients, seed

A posterior is an `xr.DataTree` with ArviZ's groups instead, with these attrs at its root.

Calling it reads `grid_scan.nc` if that file was made by this very function with these arguments,
for this study, and the study's loss still has the values that it had then. Else it computes and
stores. Another chapter gets the same dataset with `load_result("grid_scan")`.

The environment variable BOOK_RESULTS changes that:

- `require`: a missing or stale result is an error (tests, CI);
- `ignore`: compute without reading or writing any stored result;
- `refresh` or `refresh:NAME,NAME`: treat all, or the named, results as stale.
"""

from bnmbook.files import ResultError, read_result, write_result
from bnmbook.measuring import measured
from bnmbook.producers import compute, producers
from bnmbook.programs import compiling_anew
from bnmbook.provenance import fingerprint, normalised, provenance

import ast
import contextlib
import functools
import importlib.metadata
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

TOLERANCE = 1e-9


class Store:
    """The stored results of one study.

    Parameters
    ----------
    study : Study
        Whose results they are.
    folder : pathlib.Path
        Where the files are.
    chapters : pathlib.Path
        Folder of the notebooks whose functions compute them.
    values : dict
        Plain values that chapters import, by name: a stored result that took one is stale when it
        has changed.
    """

    def __init__(self, study, folder, chapters, values=None):
        self.study = study
        self.folder, self.chapters = Path(folder), Path(chapters)
        self.values = {} if values is None else values

    def stored_result(self, name):
        """Decorator: keep what a function returns in the file NAME.nc.

        Parameters
        ----------
        name : str
            Name of the result, and of its file.

        Returns
        -------
        callable
            The function, which now reads its result when it can. The undecorated function, for a
            run that shall neither read nor write, is its attribute `compute`.

        Raises
        ------
        ResultError
            With BOOK_RESULTS=require if the result is missing or stale; in any mode if the
            function returns no dataset, does not say what it cost, or found a loss that is not
            finite.
        """

        def decorate(function):
            @functools.wraps(function)
            def get(*args, **kwargs):
                mode, names = _mode()
                made_of = provenance(function, *args, **kwargs)
                if mode == "ignore":
                    return measured(name, function, args, kwargs)
                if mode == "refresh" and (not names or name in names):
                    reason = "a new run was asked for"
                else:
                    try:
                        return self._fresh(name, lambda dataset: _is_made_of(dataset, made_of))
                    except ResultError as error:
                        reason = str(error)
                if mode == "require":
                    raise ResultError(f"{reason} Run: make results NAMES={name}")
                _say(f"Computing the result '{name}': {reason}")
                # Costs that are published are those of a refresh, and include what is compiled.
                with compiling_anew() if mode == "refresh" else contextlib.nullcontext():
                    dataset = measured(name, function, args, kwargs)
                dataset.attrs |= self._origin(made_of)
                return self.read(name) if write_result(self._path(name), dataset) else dataset

            get.compute = function
            return get

        return decorate

    def load_result(self, name):
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
        known = producers(self.chapters)
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise ResultError(f"No chapter computes a result named '{name}'; there are: {listed}.")
        mode, _ = _mode()
        if mode != "ignore":
            try:
                return self._fresh(name, lambda dataset: self._is_current(dataset, known[name]))
            except ResultError as error:
                if mode == "require":
                    raise ResultError(f"{error} Run: make results NAMES={name}") from None
        return compute(known[name])

    def read(self, name):
        """Read a stored result as it is, current or not."""
        return read_result(self._path(name))

    @functools.cached_property
    def probe_losses(self):
        """The study's loss at its probe points."""
        return self.study.probe_losses()

    def _path(self, name):
        return self.folder / f"{name}.nc"

    def _origin(self, made_of):
        return {
            "study": json.dumps(dict(self.study.identity)),
            "fingerprint": fingerprint(made_of),
            "provenance": json.dumps(made_of),
            "probe_losses": self.probe_losses,
        }

    def _is_current(self, dataset, producer):
        """Whether a stored result is what its chapter, read and not run, would compute today."""
        node = producer.node
        made_of = json.loads(dataset.attrs["provenance"])
        keys = [argument.arg for argument in node.args.args]
        defaults = [repr(ast.literal_eval(default)) for default in node.args.defaults]
        shared = set(made_of["values"]) & set(self.values)
        return (
            made_of["arguments"] == dict(zip(keys, defaults, strict=True))
            and made_of["functions"][0] == normalised(ast.unparse(node))
            and producer.beside.issuperset(made_of["functions"])
            and all(made_of["values"][key] == repr(self.values[key]) for key in shared)
        )

    def _fresh(self, name, is_current):
        """Read a result and make sure that it still holds."""
        dataset = self.read(name)
        before, today = json.loads(dataset.attrs["study"]), dict(self.study.identity)
        changed = sorted(k for k in before.keys() | today.keys() if before.get(k) != today.get(k))
        if changed:
            raise ResultError(
                f"The result '{name}' belongs to another study, with other {', '.join(changed)}."
            )
        if not is_current(dataset):
            raise ResultError(
                f"The code or the arguments behind '{name}' changed since it was stored."
            )
        before, today = np.array(dataset.attrs["probe_losses"]), np.array(self.probe_losses)
        if not np.allclose(before, today, rtol=0, atol=TOLERANCE):
            raise ResultError(
                f"The model changed since '{name}' was stored: its loss at the probe points moved "
                f"by {np.abs(before - today).max():.1e}."
            )
        _warn_of_other_versions(name, json.loads(dataset.attrs["versions"]))
        return dataset


def _is_made_of(dataset, made_of):
    return dataset.attrs["fingerprint"] == fingerprint(made_of)


def _mode():
    mode, _, names = os.environ.get("BOOK_RESULTS", "").partition(":")
    if mode not in ("", "require", "ignore", "refresh"):
        raise ResultError(
            f"BOOK_RESULTS is '{mode}', but it can only be require, ignore, refresh, or empty."
        )
    return mode, [name for name in names.split(",") if name]


def _say(message):
    """Tell a waiting reader what is going on, where and when progress bars do."""
    if not os.environ.get("TQDM_DISABLE"):
        print(message, file=sys.stderr, flush=True)


def _warn_of_other_versions(name, versions):
    changed = [key for key in versions if versions[key] != importlib.metadata.version(key)]
    if changed:
        warnings.warn(
            f"The result '{name}' was computed with other versions of {', '.join(changed)}.",
            stacklevel=4,
        )
