"""Whether a script may start processes: they import it, so it must not start them again there."""

import ast
import inspect
import multiprocessing
import sys
import traceback
from pathlib import Path

GUARDS = {"__name__", "parent_process", "current_process"}


def refuse_unguarded():
    """Make sure that the running script would not start its processes again in each of them.

    Raises
    ------
    RuntimeError
        If a call in the script, outside any main guard, has led here.
    """
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)  # a notebook and `python -c` have none
    lines = [
        line
        for frame, line in traceback.walk_stack(inspect.currentframe())
        if frame.f_globals is vars(main) and frame.f_code.co_name == "<module>"
    ]
    is_imported = getattr(multiprocessing.current_process(), "_inheriting", False)
    if is_imported or (script and lines and not _is_guarded(Path(script), lines[-1])):
        raise RuntimeError(
            f"The processes of a local cluster import {Path(script or 'the script').name}, which "
            "would start a cluster in each of them: it needs a main guard, so put the lines that "
            'call batched(..., cluster="local") under `if __name__ == "__main__":`.'
        )


def _is_guarded(script, line):
    """Whether a line is under a condition that does not hold where the script is imported."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):  # not a script in Python
        return True
    return any(
        node.body[0].lineno <= line <= node.body[-1].end_lineno and _names(node.test) & GUARDS
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
    )


def _names(test):
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(test) if isinstance(node, ast.Attribute)}
