"""Keep compiled programs for the next process: compiling takes longer than most that they do."""

from bnmbook.paths import IN_WHEEL, ROOT

import os

FOLDER = ROOT / ".cache" / "programs"


def keep_programs(environment=os.environ):
    """Let JAX keep what it compiles in a folder, here and in the processes that this one starts.

    This comes before the import of JAX. A folder that a user has set stays, and beside an installed
    package nothing is written. A run that measures what results cost (`BOOK_RESULTS=refresh`)
    compiles all that it needs, as a first run does.

    Parameters
    ----------
    environment : dict, optional
        Environment variables, which it changes.
    """
    if environment.get("BOOK_RESULTS", "").startswith("refresh"):
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    elif not IN_WHEEL:
        environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(FOLDER))
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        environment["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
