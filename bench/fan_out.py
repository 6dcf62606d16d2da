"""
The router alone, or Socket.IO: 200 bytes from one WebSocket client to many.

    python -m bench.fan_out --peer socket.io --n 1000

The server has the CPUs `--cpus`, and the program with the clients has `--client-cpus`: the same for both.
"""

from __future__ import annotations

import argparse
import json

from bench.mesh import TOPIC, start_router
from bench.processes import ROOT, Servers, end_in_order, free_port, run
from bench.runs import PEERS

LIMIT = 200.0
"""How long the clients may take [s]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=("deltamesh", "socket.io"), default="deltamesh")
    parser.add_argument("--n", type=int, default=100, help="clients")
    parser.add_argument("--secs", type=float, default=4, help="of each of the two measurements")
    parser.add_argument("--cpus", default="0", help="empty: any")
    parser.add_argument("--client-cpus", default="1", help="empty: any")
    options = parser.parse_args()
    end_in_order()
    with Servers(options.cpus) as servers:
        port = free_port()
        if options.peer == "socket.io":
            servers.start("socket.io", ["node", "socket_io.mjs", port], PEERS)
            servers.wait_for("socket.io", "READY")
            kind = ["--kind", "socket.io"]
        else:
            start_router(servers, port)
            kind = ["--kind", "wamp", "--topic", TOPIC]
        numbers = ["--port", port, "--n", options.n, "--secs", options.secs, "--pids", ",".join(map(str, servers.pids()))]
        out, problem = run(["node", ROOT / "bench" / "fan_out.mjs", *kind, *numbers], limit=LIMIT, cpus=options.client_cpus)
        if problem:
            raise SystemExit(f"{options.peer}: {problem}\n{servers.last_words()}")
        print(json.dumps({"peer": options.peer, **json.loads(out)}), flush=True)


if __name__ == "__main__":
    main()
