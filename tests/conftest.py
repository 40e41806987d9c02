"""Import the book's page first, whichever tests are collected: it sets the devices before JAX."""

import _common  # noqa: F401
