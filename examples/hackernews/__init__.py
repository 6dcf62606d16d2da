"""A page of links that rank themselves while people vote."""

from examples.hackernews.service import app

__all__ = ["app"]
