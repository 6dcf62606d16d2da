"""
Print one table: Deltamesh beside Skip, TanStack's db-ivm and Socket.IO, on the same data, in the same run.

    python -m bench [--quick] [engine|instances|end-to-end|fan-out …]

The whole takes about 40 minutes. `--quick` measures each once, for a second, and leaves out the largest sizes.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys

from bench.processes import end_in_order, run
from bench.runs import SKIP_NODE, install_anchors
from bench.table import Comparison, print_table
from bench.workloads import FULL, QUICK, WORKLOADS


def machine() -> str:
    """Return what the figures were measured on."""
    node, skip_node = (run([program, "--version"], limit=10)[0].strip() for program in ("node", SKIP_NODE))
    return f"{os.cpu_count()} CPUs, Python {platform.python_version()}, Node.js {node} (Skip: {skip_node})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all of them unless given")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is called {', '.join(unknown)}; there are: {', '.join(WORKLOADS)}")
    end_in_order()
    install_anchors()
    effort = QUICK if options.quick else FULL
    sections: list[list[Comparison]] = []
    for name in options.workloads or WORKLOADS:
        print(f"== {name}", file=sys.stderr, flush=True)
        sections.append(WORKLOADS[name](effort))
    print_table(f"{machine()}; medians of {effort.turns} {'run' if effort.turns == 1 else 'runs, in turn'}", sections)


if __name__ == "__main__":
    main()
