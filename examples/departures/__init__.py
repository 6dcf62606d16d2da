"""New York's departure boards, live: every flight of 2013 joined with its airline, aircraft and weather."""

from examples.departures.service import app

__all__ = ["app"]
