"""Keep compiled programs for the next process: compiling takes longer than most that they do."""

from bnmbook.paths import IN_WHEEL, ROOT

import contextlib
import os

FOLDER = ROOT / ".cache" / "programs"


def keep_programs(environment=os.environ):
    """Let JAX keep what it compiles in a folder, here and in the processes that this one starts.

    This comes before the import of JAX. A folder that a user has set stays, and beside an installed
    package nothing is written.

    Parameters
    ----------
    environment : dict, optional
        Environment variables, which it changes.
    """
    if not IN_WHEEL:
        environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(FOLDER))
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        environment["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


@contextlib.contextmanager
def compiling_anew():
    """Neither read nor keep a program meanwhile, as in a first run: for what is measured."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    folder = os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)  # workers would read it, too
    was_kept = jax.config.jax_enable_compilation_cache

    def keep(programs):
        jax.config.update("jax_enable_compilation_cache", programs)
        compilation_cache.reset_cache()  # which looks at the setting once

    keep(False)
    try:
        yield
    finally:
        keep(was_kept)
        if folder is not None:
            os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
