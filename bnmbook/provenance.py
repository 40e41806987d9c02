"""What a computation is made of: its arguments, its code, and the plain values that it takes."""

import ast
import dis
import hashlib
import inspect
import json
import textwrap


def provenance(function, *args, **kwargs):
    """What a computation is made of, apart from what it imports.

    That is its arguments, its own source and that of the functions beside it that it calls, without
    comments, docstrings and layout, and the plain values (numbers, text, tuples, dicts of them)
    that it takes from outside. Whether functions that it imports still give the same values is
    what a study's probe losses check.

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
        functions.append(normalised(inspect.getsource(current)))
        for key in sorted(names_taken(current.__code__) - seen):
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


def normalised(source):
    """Code without decorators, docstrings, comments and layout."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def names_taken(code, operations=("LOAD_GLOBAL",)):
    """Names that compiled code takes from outside, and not those of attributes.

    Parameters
    ----------
    code : code object
    operations : tuple of str
        How it takes them: a function loads globals, the code of a page names, too.

    Returns
    -------
    set of str
    """
    inner = (const for const in code.co_consts if inspect.iscode(const))
    taken = {step.argval for step in dis.get_instructions(code) if step.opname in operations}
    return taken.union(*(names_taken(const, operations) for const in inner))


def _is_plain(value):
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    if isinstance(value, tuple | list):
        return all(_is_plain(item) for item in value)
    return isinstance(value, bool | int | float | str)
