"""The functions in chapters that compute results: find them, and run one without its page."""

from bnmbook.provenance import names_taken, normalised

import ast
import functools
import json
import linecache
from pathlib import Path
from typing import NamedTuple


class Producer(NamedTuple):
    """A function of a chapter that computes a result.

    Parameters
    ----------
    chapter : pathlib.Path
        The notebook.
    node : ast.FunctionDef
        The function.
    beside : frozenset of str
        Sources of all functions of that chapter, as `normalised` gives them.
    """

    chapter: Path
    node: ast.FunctionDef
    beside: frozenset


def producers(chapters):
    """Find the functions that compute results in the notebooks of a folder.

    Parameters
    ----------
    chapters : pathlib.Path

    Returns
    -------
    dict of str to Producer
        By name of the result, in the order of chapters and cells.
    """
    found = {}
    for chapter in sorted(chapters.glob("*.ipynb")):
        found |= _producers_in(chapter, chapter.stat().st_mtime_ns)
    return found


def compute(producer):
    """Run a producer with its default arguments, and nothing of its page that it does not need.

    What it needs are the imports, functions and values that it takes from its page, those that
    these take, and so on, as they stand before the page first calls it.

    Parameters
    ----------
    producer : Producer

    Returns
    -------
    object
        What the function returns.
    """
    chapter, node, _ = producer
    source = "\n\n".join(ast.unparse(part) for part in _needed(chapter, node.name))
    origin = f"<{node.name} of {chapter.name}>"
    linecache.cache[origin] = (len(source), None, source.splitlines(keepends=True), origin)
    namespace = {"__name__": chapter.stem}
    exec(compile(source, origin, "exec"), namespace)
    return namespace[node.name]()


def results_read(producer, known):
    """Names of the other results that computing one reads, as far as its page says.

    Parameters
    ----------
    producer : Producer
    known : dict of str to Producer
        All of them, by name of the result.

    Returns
    -------
    set of str
    """
    chapter, node, _ = producer
    beside = {other.node.name: name for name, other in known.items() if other.chapter == chapter}
    found = set()
    for statement in _needed(chapter, node.name):
        for part in ast.walk(statement):
            match part:
                case ast.Constant(value=str(text)) if text in known:
                    found.add(text)
                case ast.Name(id=function) if function in beside:
                    found.add(beside[function])
    return found - {beside[node.name]}


@functools.cache
def _producers_in(chapter, _):
    functions = [n for top in _statements(chapter) for n in ast.walk(top) if _is_function(n)]
    beside = frozenset(normalised(ast.unparse(node)) for node in functions)
    return {
        call.args[0].value: Producer(chapter, node, beside)
        for node in functions
        for call in node.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "stored_result"
    }


def _is_function(node):
    return isinstance(node, ast.FunctionDef)


def _statements(chapter):
    cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [statement for source in sources for statement in ast.parse(source).body]


def _needed(chapter, name):
    """Statements of a page that a function needs, in the order of the page."""
    statements = _statements(chapter)
    takes, binds = map(list, zip(*map(_takes_and_binds, statements), strict=True))
    defined = next(k for k, s in enumerate(statements) if _is_function(s) and s.name == name)
    calls = (k for k in range(defined + 1, len(statements)) if name in takes[k])
    end = next(calls, len(statements))
    needed, todo = {defined}, list(takes[defined])
    while todo:
        wanted = todo.pop()
        for k in range(end):
            if k not in needed and wanted in binds[k]:
                needed.add(k)
                todo += takes[k]
    return [statements[k] for k in sorted(needed)]


def _takes_and_binds(statement):
    """Names that a statement takes from its page, and names whose values it sets or changes."""
    code = compile(ast.Module([statement], []), "<page>", "exec")
    bound = {name for name in code.co_names if name in _stored(statement)}
    return names_taken(code, ("LOAD_GLOBAL", "LOAD_NAME")), bound | _changed(statement)


def _stored(statement):
    """Names that a statement binds: functions, imports, targets."""
    names = set()
    for node in ast.walk(statement):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
    return names


def _changed(statement):
    """Names of objects that a statement changes: x in `x.a = 1` and `x[0] = 1`."""
    changed = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            while isinstance(node, ast.Attribute | ast.Subscript):
                node = node.value
            if isinstance(node, ast.Name):
                changed.add(node.id)
    return changed
