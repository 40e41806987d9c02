"""Smaller defaults for the functions of a notebook, so that a test can run it."""

import ast


def with_budgets(source, budgets, met):
    """The code of a cell, with smaller defaults of the functions that it defines.

    A function of that name with other arguments is another chapter's.

    Parameters
    ----------
    source : str
    budgets : dict of str to dict
        Values of arguments by name, by name of the function.
    met : set of str
        To which the names of those functions are added that the cell defines.

    Returns
    -------
    str
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in budgets:
            names = [argument.arg for argument in node.args.args][-len(node.args.defaults) :]
            if not set(names).issuperset(budgets[node.name]):
                continue
            met.add(node.name)
            for name, value in budgets[node.name].items():
                node.args.defaults[names.index(name)] = ast.Constant(value)
    return ast.unparse(tree)
