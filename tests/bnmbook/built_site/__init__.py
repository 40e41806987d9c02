"""The built site, in a browser: pages are complete, offline, linked, searchable and fit a phone.

All tests run once for each form of the site. Those of one form share one build, in a copy of the
project, so that the checkout stays as it is; and what they look at is collected once: each page is
loaded as on a phone, and on a desk in either theme.
"""
