"""Measurements: each against a named anchor, on the same data, in the same run. `python -m bench` prints the table."""
