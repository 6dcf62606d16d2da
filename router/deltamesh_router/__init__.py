"""
The router of a Deltamesh: a Crossbar.io *personality*, that is Crossbar.io with a few of its classes replaced by subclasses.

`python -m deltamesh_router start --cbdir .crossbar` runs the node directory that `crossbar start` would run.
What is replaced, and where it is plugged in, is all in `personality`.
"""
