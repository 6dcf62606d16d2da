"""
Where our classes are plugged into Crossbar.io's extension points; and nothing else of it is touched, but for the last paragraph.

    Personality.native_workers["router"]["worker_class"]  ->  worker.RouterWorker
    RouterController.router_factory_class                 ->  router.RouterFactory
    RouterFactory.router                                  ->  router.Router
    Router.dealer, Router.broker                          ->  dealer.Dealer, broker.Broker
    Personality.native_workers["router"]["class"]         ->  WorkerProcess, below

What has no extension point is replaced by name, and loudly if the name is not there (`replacement`): the protocols of RawSocket
and WebSocket, the reading of JSON, and the text of debug lines.

The controller process names these classes to the worker processes, which import them.
"""

from __future__ import annotations

from typing import Any

import crossbar

crossbar._import_serializers_quietly()  # else a dependency tells about NumPy versions, on stderr, at every start

from crossbar import personality as stock  # noqa: E402
from crossbar.node.worker import RouterWorkerProcess  # noqa: E402

from deltamesh_router.worker import RouterWorker  # noqa: E402


class WorkerProcess(RouterWorkerProcess):
    """A router worker, as the controller sees it."""

    _log_data: str

    def _dump_remaining_log(self, result: Any) -> Any:
        """Print what the worker wrote last, unless it is only the end of a line, which is left over in a quiet run."""
        if self._log_rich and self._log_data.isspace():
            self._log_data = ""
        return super()._dump_remaining_log(result)


class Personality(stock.Personality):
    """What kind of node this is, in Crossbar.io's sense."""

    NAME = "deltamesh"
    TITLE = "Deltamesh router"
    BANNER = ""

    native_workers = stock.default_native_workers()
    native_workers["router"]["class"] = WorkerProcess
    native_workers["router"]["worker_class"] = RouterWorker
