"""
How many acknowledged writes Skip loses when its leader is killed and started again.

    python -m bench.lost_writes [--writes 200]

Prints one JSON line. `tests/reliability/leader.py` does the same to Deltamesh, and more.
"""

from __future__ import annotations

import argparse
import json
import urllib.request
from typing import Any

from bench.processes import Servers, end_in_order, free_port
from bench.runs import SKIP, SKIP_NODE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=200, help="(200)")
    options = parser.parse_args()
    end_in_order()
    streaming_port, control_port = free_port(), free_port()
    command = [SKIP_NODE, "ledger.mjs", streaming_port, control_port]
    with Servers(None) as servers:
        servers.start("before", command, SKIP)
        servers.wait_for("before", "READY")
        acknowledged = 0
        for number in range(options.writes):
            ask(control_port, "PATCH", "/v1/inputs/ledger", [[number, [number]]])
            acknowledged += 1
        kept = len(ask(control_port, "POST", "/v1/snapshot/all", {}))
        servers.kill("before")
        servers.start("after", command, SKIP)
        servers.wait_for("after", "READY")
        found = len(ask(control_port, "POST", "/v1/snapshot/all", {}))
    print(json.dumps({"acknowledged": acknowledged, "before": kept, "after": found, "lost": acknowledged - found}), flush=True)


def ask(port: int, method: str, path: str, body: Any) -> Any:
    """Ask the control port."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"content-type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text and method == "POST" else None


if __name__ == "__main__":
    main()
