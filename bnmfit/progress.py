"""Show how far a batch is, from inside the function that it evaluates."""

import io

import jax
from tqdm import tqdm


def shows_bars():
    """Whether progress bars are shown: not where they are switched off (TQDM_DISABLE=1)."""
    return not tqdm(total=0, file=io.StringIO()).disable


def with_progress(function, total, description=""):
    """Show a progress bar that advances each time a batched function has been evaluated.

    Parameters
    ----------
    function : callable
        Function of one state. It stays traceable, and may run under `pmap`, `vmap` and `lax.map`.
    total : int
        Number of evaluations to come.
    description : str
        Label of the bar.

    Returns
    -------
    callable
        The same function, counting. A run that pads its batch counts the padding, too. Where bars
        are switched off (TQDM_DISABLE=1) it is the function itself, whose program JAX can keep.
    """
    bar = tqdm(total=total, desc=description)
    if bar.disable:
        return function

    def count(_):
        bar.update(min(1, total - bar.n))
        if bar.n == total:
            bar.close()

    def counted(state):
        value = function(state)
        jax.debug.callback(count, value)
        return value

    return counted
