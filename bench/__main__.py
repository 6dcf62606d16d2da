"""
Print one table: Deltamesh beside Skip, TanStack's db-ivm and Socket.IO, on the same data, in the same run.

    python -m bench [--quick] [engine|instances|end-to-end|fan-out …]

`--quick` measures for a second where the whole run takes several, and leaves out the largest sizes.
"""

from __future__ import annotations

import argparse

from bench.table import print_table
from bench.workloads import WORKLOADS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all of them unless given")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is called {', '.join(unknown)}; there are: {', '.join(WORKLOADS)}")
    for name in options.workloads or WORKLOADS:
        print_table(name, WORKLOADS[name](options.quick))


if __name__ == "__main__":
    main()
