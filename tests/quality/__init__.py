"""Checks of whole products and full-size data that take minutes: `make quality`, not `make test`."""
