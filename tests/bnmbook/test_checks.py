"""Checks say in words what does not hold, on every study; claims only on the one they are about."""

from bnmbook.checks import CheckFailed, check, claims_about

import subprocess
import sys

import numpy as np
import pytest


def test_a_check_that_holds_says_nothing(capsys):
    check("two is two", 2 == 2)
    check("all are positive", np.array([1.0, 2.0]) > 0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("holds", [False, np.array([True, False]), np.float64(np.nan) > 0])
def test_a_check_that_fails_says_what(holds):
    with pytest.raises(CheckFailed, match="This has to hold and does not: losses agree"):
        check("losses agree", holds)


def test_a_claim_fails_on_the_study_that_the_page_is_about():
    with pytest.raises(CheckFailed, match="the floor rises"):
        claims_about("example", "example")("the floor rises", False)


def test_a_claim_on_another_study_tells_its_reader(capsys):
    claim = claims_about("example", "my brain")
    claim("the floor rises", False)
    claim("the floor is straight", True)
    assert capsys.readouterr().out == "Not so for my brain: the floor rises.\n"


def test_no_flag_of_python_skips_a_check():
    code = "from bnmbook.checks import check; check('one is two', 1 == 2)"
    run = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert "one is two" in run.stderr
