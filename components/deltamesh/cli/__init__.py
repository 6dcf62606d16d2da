"""
The command line: `deltamesh COMMAND …`, or `python -m deltamesh COMMAND …`.

One file for each group of commands. A command that fails prints one line and exits with 1, one that is used wrongly with 2.
"""

from deltamesh.cli.command import main

__all__ = ["main"]
