"""Descents within margins end where they should, and never below a margin."""

from bnmfit.descent import descend_within

import jax.numpy as jnp
import numpy as np

CENTRE = np.array([1.0, -2.0, 0.5])


def bowl(x):
    """Distance from the centre, squared, and the first coordinate's distance to 2."""
    return jnp.array([((x - CENTRE) ** 2).sum(), 2 - x[0]])


def test_a_margin_that_does_not_matter_leaves_the_minimum():
    x, values, slopes, n = descend_within(bowl, np.zeros((2, 3)), [[0.5]], reach=4.0)
    np.testing.assert_allclose(x[:, 0], [CENTRE, CENTRE], atol=1e-3)  # of a stop at 1e-7
    assert values.shape == (2, 1, 2)
    assert (values[..., 0] < 1e-6).all()
    assert (slopes < 1e-2).all()
    assert (n > 1).all()


def test_margins_hold_and_are_lowered_level_by_level():
    margins = np.array([[1.8], [1.4], [1.0]])  # x[0] at most 0.2, 0.6, 1
    x, values, slopes, _ = descend_within(bowl, np.zeros((1, 3)), margins, reach=4.0)
    np.testing.assert_allclose(x[0, :, 0], [0.2, 0.6, 1.0], atol=2e-3)  # a margin gives 1e-3
    assert (np.diff(values[0, :, 0]) < 0).all()
    assert (slopes < 1e-2).all()  # what the margin holds back does not count


def test_a_level_moves_no_further_than_its_box():
    x, *_ = descend_within(bowl, np.zeros((1, 3)), [[0.5], [0.5]], reach=0.5)
    assert np.abs(x[0, 0]).max() <= 0.5 + 1e-9
    assert np.abs(x[0, 1] - x[0, 0]).max() <= 0.5 + 1e-9


def test_no_step_leads_to_where_there_is_no_value():
    def with_cliff(x):
        return jnp.where(x[0] > 0.7, jnp.nan, bowl(x))

    x, values, *_ = descend_within(with_cliff, np.zeros((1, 3)), [[0.5]], reach=4.0)
    assert np.isfinite(values).all()
    assert x[0, 0, 0] <= 0.7
    assert values[0, 0, 0] <= bowl(np.zeros(3))[0]
