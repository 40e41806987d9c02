"""Show what a result cost, and tables, as HTML."""

from IPython.display import HTML


def cost_box(result):
    """Say what a stored result cost, as a table taken from its attributes.

    Parameters
    ----------
    result : xarray.Dataset
        A stored result (see `stored_result`).

    Returns
    -------
    IPython.display.HTML
    """
    cost = result.attrs
    entries = {
        "Simulations": f"{cost['simulations']:,}",
        "Gradients": f"{cost['gradients']:,}",
        "Seconds": f"{cost['seconds']:,.0f}",
        "Seed": cost["seed"],
        "Computed on": f"{cost['processor']}; JAX devices: {cost['devices']}",
    }
    head = "".join(f"<th scope='col'>{key}</th>" for key in entries)
    row = "".join(f"<td>{value}</td>" for value in entries.values())
    return HTML(
        "<div class='cost-box'><table><caption>What this cost</caption>"
        f"<thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table></div>"
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
