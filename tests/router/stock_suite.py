"""
Runs the tests that the Crossbar.io package ships for its router, and prints their outcomes: one JSON object, {test: [outcome, text]}.
Importing this changes the process, so nobody but the command line should.

    python -m tests.router.stock_suite ours     with our router, dealer, broker and transports wherever Crossbar.io names its own
    python -m tests.router.stock_suite stock    with Crossbar.io's
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import unittest.mock
import warnings
from typing import Any, Final

warnings.simplefilter("ignore")

# The tests import the package from which the standard library took this.
sys.modules["mock"] = sys.modules["mock.mock"] = unittest.mock

import crossbar  # noqa: E402

crossbar._import_serializers_quietly()

from twisted.trial.reporter import TestResult  # noqa: E402
from twisted.trial.runner import TestLoader, TrialRunner  # noqa: E402

SUITE: Final = "crossbar.router.test"


class Outcomes(TestResult):
    """Keeps what became of each test."""

    def __init__(self, *_: object) -> None:
        super().__init__()
        self.outcomes: dict[str, tuple[str, str]] = {}

    def addSuccess(self, test: Any) -> None:
        self.outcomes.setdefault(test.id(), ("passed", ""))

    def addSkip(self, test: Any, reason: str) -> None:
        self.outcomes[test.id()] = ("skipped", reason)

    def addFailure(self, test: Any, fail: Any) -> None:
        self.outcomes[test.id()] = ("failed", _text(fail))

    def addError(self, test: Any, error: Any) -> None:
        self.outcomes[test.id()] = ("failed", _text(error))

    def done(self) -> None:
        outcomes = {test.removeprefix(f"{SUITE}."): outcome for test, outcome in sorted(self.outcomes.items())}
        sys.stdout.write(json.dumps(outcomes) + "\n")


def _text(failure: Any) -> str:
    return str(failure.getTraceback()) if hasattr(failure, "getTraceback") else str(failure)


def put_ours_in_place() -> None:
    """Everything that is imported from now on gets our classes under Crossbar.io's names, as far as they need no worker process."""
    from deltamesh_router import debugtext, router
    from deltamesh_router.calls import dealer
    from deltamesh_router.events import broker
    from deltamesh_router.replacement import replace
    from deltamesh_router.wire import messages, rawsocket, websocket

    debugtext.drop_debug_text()
    messages.guard_messages()
    replace(
        {
            "crossbar.router.broker": {"Broker": broker.Broker},
            "crossbar.router.dealer": {"Dealer": dealer.Dealer},
            "crossbar.router.protocol": {
                "WampRawSocketServerFactory": rawsocket.WampRawSocketServerFactory,
                "WampWebSocketServerFactory": websocket.WampWebSocketServerFactory,
            },
            "crossbar.router.router": {"Router": router.Router, "RouterFactory": router.RouterFactory},
        }
    )
    test_dealer = importlib.import_module(f"{SUITE}.test_dealer")
    made_of = [test_dealer.RouterFactory.router.dealer, test_dealer.RouterFactory.router.broker]
    assert made_of == [dealer.Dealer, broker.Broker], made_of


def main(which: str) -> None:
    """Run the suite with the classes of "ours" or "stock"."""
    if which == "ours":
        put_ours_in_place()
    with tempfile.TemporaryDirectory() as directory:
        runner = TrialRunner(Outcomes, workingDirectory=f"{directory}/trial", logfile="log", uncleanWarnings=True)
        runner.run(TestLoader().loadByName(SUITE, recurse=True))


if __name__ == "__main__":
    main(sys.argv[1])
