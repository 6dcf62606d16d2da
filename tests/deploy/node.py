"""The node of `deploy/node`: what the router is told, and the ports of its doors."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Final

from tests.running_router import ROOT

NODE: Final[dict[str, Any]] = json.loads((ROOT / "deploy/node/.crossbar/config.json").read_text())
SETTINGS: Final = tomllib.loads((ROOT / "deploy/node/router/router.toml").read_text())
PRINCIPALS: Final = NODE["workers"][0]["transports"][1]["auth"]["ticket"]["principals"]
WEB, MESH = (transport["endpoint"]["port"] for transport in NODE["workers"][0]["transports"])
INSIGHT: Final = SETTINGS["insight"]["port"]
