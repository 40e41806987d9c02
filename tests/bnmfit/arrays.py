"""Arrays that a test spoils in one place."""

import numpy as np


def put(array, where, value):
    """Copy an array with another value somewhere."""
    array = np.array(array)
    array[where] = value
    return array
