"""Show what a result cost, and tables, as HTML."""

from IPython.display import HTML


def cost_box(result):
    """Say in a line what a stored result cost, taken from its attributes.

    Parameters
    ----------
    result : xarray.Dataset
        A stored result (see `stored_result`).

    Returns
    -------
    IPython.display.HTML
    """
    cost = result.attrs
    entries = (
        _counted(cost["simulations"], "simulation"),
        _counted(cost["gradients"], "gradient"),
        _counted(round(cost["seconds"]), "second"),
        f"seed {cost['seed']}",
    )
    return HTML(
        "<p class='cost-box'><strong>What this cost:</strong> "
        + " \N{MIDDLE DOT} ".join(entries)
        + "<br>"
        f"<small>Computed on {cost['processor']}; JAX devices: {cost['devices']}</small></p>"
    )


def show_table(frame):
    """Show a data frame as a plain table, without its index.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    IPython.display.HTML
    """
    return HTML(frame.to_html(index=False, border=0, classes="table"))


def _counted(number, thing):
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
