"""Kernels that compare notebooks start as those that made them did."""

from bnmbook.kernels import clean_processes

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Start a notebook's kernel where no setting of the user can reach it."""
    if type(item).__name__ == "IPyNbCell":
        with clean_processes(TQDM_DISABLE="1"):
            return (yield)
    return (yield)
