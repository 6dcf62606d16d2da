"""Parameters of a shop, live from a git repository."""

from examples.parameters.service import app

__all__ = ["app"]
