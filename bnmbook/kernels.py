"""Execute a notebook in a kernel that nothing a user has set can reach."""

from bnmbook.paths import ROOT

import atexit
import contextlib
import functools
import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

# What says where programs, libraries and devices are, and what the book itself is told.
KEPT = {"PATH", "TMPDIR", "TEMP", "TMP", "USER", "LOGNAME", "LD_LIBRARY_PATH", "JAX_PLATFORMS"}
KEPT_PREFIXES = ("BOOK_", "CUDA_", "NVIDIA_", "DYLD_", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT")
KEPT_ON_WINDOWS = {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERNAME"}


def execute(chapter, **environment):
    """Run a chapter in a fresh kernel and return the executed notebook (the file is not changed).

    Parameters
    ----------
    chapter : pathlib.Path
        The notebook.
    **environment : str
        Environment variables for the kernel, beside those of `clean_environment`.

    Returns
    -------
    nbformat.NotebookNode
    """
    notebook = nbformat.read(chapter, as_version=4)
    with tempfile.TemporaryDirectory() as folder:  # Jupyter's own may be one that is read-only
        kernel = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=_ThisPython(),
            connection_file=str(Path(folder) / "kernel.json"),
        )
        client = NotebookClient(
            notebook,
            km=kernel,
            timeout=None,
            record_timing=False,
            coalesce_streams=True,  # what a cell prints is one output, however it arrives
            resources={"metadata": {"path": str(chapter.parent)}},
        )
        quiet = {"TQDM_DISABLE": "1"}  # a page shows no progress
        client.execute(env=clean_environment(**quiet | environment), cleanup_kc=True)
    return notebook


def clean_environment(**more):
    """Environment variables of a process whose results no setting of the user shall change.

    Of the variables here it keeps those that say where programs, libraries and devices are, and
    the book's own (`BOOK_...`). All files with settings lie elsewhere: its home is empty.

    Parameters
    ----------
    **more : str
        Further variables.

    Returns
    -------
    dict
        Value by name.
    """
    names = KEPT | KEPT_ON_WINDOWS
    kept = {k: v for k, v in os.environ.items() if k in names or k.startswith(KEPT_PREFIXES)}
    return kept | _settings() | more


@contextlib.contextmanager
def clean_processes(**more):
    """Give the processes that this one starts meanwhile the variables of `clean_environment`."""
    before, clean = dict(os.environ), clean_environment(**more)
    os.environ.clear()
    os.environ.update(clean)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@functools.cache
def _settings():
    """Settings of a clean process. They are the same for all processes that this one starts."""
    home = tempfile.mkdtemp(prefix="book-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    settings = {
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CACHE_HOME": cache if os.access(cache, os.W_OK) else f"{home}/.cache",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": str(ROOT),  # this book, however it is installed
        "PYTHONHASHSEED": "0",  # sets of names are traced in one order: kept programs are found
        "PYTHONUSERBASE": site.getuserbase(),  # packages stay where they are when the home moves
        "PYTHONUTF8": "1",
        "LC_ALL": "C",
        "TZ": "UTC",
    }
    # The first process lists the fonts, and says so on the page if that takes long.
    fonts = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(fonts, check=False, capture_output=True, env=os.environ | settings)
    return settings


class _ThisPython(KernelSpecManager):
    """Starts kernels with the Python that runs here, whatever kernels are installed elsewhere."""

    def get_kernel_spec(self, kernel_name):
        return self.kernel_spec_class(resource_dir=RESOURCES, **get_kernel_dict())
