"""Checks of what a page says: they name in words what does not hold, and no setting skips them."""

import numpy as np


class CheckFailed(AssertionError):
    """Something that a page relies on does not hold."""


def check(words, holds):
    """Make sure that something holds, whatever the study, also under `python -O`.

    Parameters
    ----------
    words : str
        What has to hold, as a statement.
    holds : bool or array of bool
        Whether it does; of an array, all of it.

    Raises
    ------
    CheckFailed
        If it does not.
    """
    if not np.all(holds):
        raise CheckFailed(f"This has to hold and does not: {words}.")


def claims_about(name, study_name):
    """Make the check of the sentences, captions and alternative texts of one study's pages.

    Parameters
    ----------
    name : str
        Name of the study that the pages are written about.
    study_name : str
        Name of the study that they are executed for.

    Returns
    -------
    callable
        `claim(words, holds)`: for the study of the pages a claim that does not hold raises a
        `CheckFailed`; for another study it is printed, so that its reader knows which sentences
        to disregard.
    """

    def claim(words, holds):
        """Make sure that a sentence of the page holds; its arguments are those of `check`."""
        if study_name == name:
            check(words, holds)
        elif not np.all(holds):
            print(f"Not so for {study_name}: {words}.")

    return claim
