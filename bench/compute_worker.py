"""
The worker of the salesman, which prints a line for each unit: when it was computed, and how long that took by its own account.

    deltamesh worker bench.compute_worker --cores 1
"""

from __future__ import annotations

import functools
import json
import time
from typing import Any

from deltamesh import Worker
from examples.salesman import worker as salesman

worker = Worker(salesman.worker.uris.prefix)
worker.counters.update(salesman.worker.counters)
worker.preparations.extend(salesman.worker.preparations)


@worker.task
@functools.wraps(salesman.anneal)
def anneal(*args: Any, **kwargs: Any) -> dict[str, Any]:
    result = salesman.anneal(*args, **kwargs)
    print(json.dumps({"seconds": result["seconds"], "routes": result["routes"], "end": time.monotonic()}), flush=True)
    return result
