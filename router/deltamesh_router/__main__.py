"""`python -m deltamesh_router`: see `node.start`."""

from __future__ import annotations

import sys

from deltamesh_router.node.start import main

sys.exit(main(sys.argv[1:]))
