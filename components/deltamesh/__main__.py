"""`python -m deltamesh`: see `cli`."""

from __future__ import annotations

from deltamesh.cli import main

main()
