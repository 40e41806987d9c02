"""Make the book: stored results, notebooks, figures, tables and the site."""
