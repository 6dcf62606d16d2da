"""
From a write to many clients: Deltamesh with WebSocket clients, or Skip with clients of server-sent events.

    python -m bench.end_to_end --peer skip --mode own --k 1000

All servers share the CPUs `--cpus`, and the program with the clients and writers has `--client-cpus`: the same for both.
"""

from __future__ import annotations

import argparse
import json

from bench import data
from bench.mesh import SERVICE, load, start_components, start_router
from bench.processes import ROOT, Servers, end_in_order, free_port, run
from bench.runs import SKIP, SKIP_NODE

LIMIT = 400.0
"""How long the clients may take [s]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=("deltamesh", "skip"), default="deltamesh")
    parser.add_argument("--mode", choices=("same", "own"), default="same", help="parameters of the clients")
    parser.add_argument("--k", type=int, default=100, help="clients")
    parser.add_argument("--n", type=int, default=1000, help="posts")
    parser.add_argument("--secs", type=float, default=5, help="of each of the two measurements")
    parser.add_argument("--followers", type=int, default=1)
    parser.add_argument("--cpus", default="0", help="empty: any")
    parser.add_argument("--client-cpus", default="1", help="empty: any")
    options = parser.parse_args()
    end_in_order()
    with Servers(options.cpus) as servers:
        command: list[object]
        if options.peer == "skip":
            streaming_port, control_port = free_port(), free_port()
            servers.start("skip", [SKIP_NODE, "server.mjs", streaming_port, control_port, options.n], SKIP)
            servers.wait_for("skip", "READY")
            command = [SKIP_NODE, SKIP / "end_to_end.mjs", "--streaming-port", streaming_port, "--control-port", control_port]
        else:
            port = free_port()
            router_url = start_router(servers, port)
            start_components(servers, router_url, num_followers=options.followers)
            load(router_url, data.hackernews(options.n, hot=True))
            command = ["node", ROOT / "bench" / "end_to_end.mjs", "--port", port, "--service", SERVICE]
        command += ["--mode", options.mode, "--k", options.k, "--secs", options.secs, "--pids", ",".join(map(str, servers.pids()))]
        out, problem = run(command, limit=LIMIT, cpus=options.client_cpus)
        if problem:
            raise SystemExit(f"{options.peer}: {problem}\n{servers.last_words()}")
        print(json.dumps({"peer": options.peer, "mode": options.mode, **json.loads(out)}), flush=True)


if __name__ == "__main__":
    main()
