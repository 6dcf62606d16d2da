"""Imports Crossbar.io once, before the tests do, and without the warnings that its own imports give."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import deltamesh_router.personality  # noqa: F401
