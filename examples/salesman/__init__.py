"""A search for short round trips that is spread over workers of every kind."""

from examples.salesman.service import app

__all__ = ["app"]
