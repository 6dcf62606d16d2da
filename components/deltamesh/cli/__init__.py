"""
The command line: `deltamesh COMMAND …`, or `python -m deltamesh COMMAND …`.

One file for each group of commands. A command that fails prints one line and exits with 1, one that is used wrongly with 2.
"""

from deltamesh.cli.interruption import end_quietly


def main() -> None:
    """Be the program `deltamesh`."""
    end_quietly()  # before what takes long to import
    from deltamesh.cli.command import main as command

    command(prog_name="deltamesh")


__all__ = ["main"]
