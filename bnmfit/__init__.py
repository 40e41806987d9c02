"""Fit brain network models to functional connectivity: what one can use outside the book."""
