"""Calls go through call queues: what sessions send of calls, and when they leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from weakref import WeakMethod

from autobahn.wamp.exception import ApplicationError, ProtocolError
from autobahn.wamp.message import Call, Cancel, Error, Register, Result, Yield
from crossbar.router import NotAttached
from twisted.internet.defer import CancelledError, maybeDeferred

from deltamesh_router.calls import passing, refusal
from deltamesh_router.calls.affinitykey import affinity_key
from deltamesh_router.calls.courier import Courier
from deltamesh_router.calls.draining import drain
from deltamesh_router.calls.routedcall import RoutedCall
from deltamesh_router.queue.moves import Refused
from deltamesh_router.uris import PATTERNS

MAX_TIMEOUT: Final = 1_000_000_000
"""The longest timeout of a call [ms], more than eleven days. A longer one is none."""

Procedure = Callable[[Any, Call], Any]
"""A procedure of the router itself: (session, call) -> a JSON value, or a Deferred of one. It raises `refusal.Refusal`."""


class Dealer(Courier):
    """
    Crossbar.io's dealer, in which calls wait for callees.

    Here is what sessions send and that they leave, and procedures of the router. Below it are `courier.Courier`, which knows what becomes
    of a call, and `registrar.Registrar`, which knows who takes the calls of which procedure.
    """

    def __init__(self, router: Any, reactor: Any, options: Any = None) -> None:
        super().__init__(router, reactor, options)
        self.procedures: dict[str, Procedure] = {"mesh.drain": lambda session, call: drain(self, call)}
        """Procedures of the router itself. Their URIs begin with `mesh.`, which nobody can register."""
        self.num_unregistered_calls = 0
        """Calls of procedures that nobody has registered."""
        self._role_features.call_timeout = True  # Crossbar.io does not say that it has this
        self._exact = self._registration_map._observations_exact
        change = WeakMethod(self._change_settings)
        self._settings.on_change(lambda: None if (changed := change()) is None else changed())

    # -- CALL

    def processCall(self, session: Any, call: Call) -> None:
        """A session calls a procedure."""
        peer = self._peers[session]
        request, timeout = call.request, call.timeout
        if request in peer.calls:
            raise ProtocolError(f"CALL with request ID {request}, which is that of a call that is not answered yet")
        if peer.num_calls >= peer.max_calls:
            self._router.send(session, refusal.too_many_calls(peer.max_calls).to_error(request))
            return
        routed = peer.calls[request] = RoutedCall(peer, call, request)
        peer.num_calls += 1
        if timeout and timeout <= MAX_TIMEOUT:
            routed.timer = self._cancel_timers.call_later(timeout / 1000, lambda: self._time_out(routed))
        router, role = self._router, session._authrole
        authorization = router._authorization_cache.get((session._realm, role, call.procedure, "call"))
        if authorization is not None and role in router._roles and not peer.asked:
            routed.authorization = authorization
            self._place(routed)
        else:
            self._ask(routed)

    def _ask(self, routed: RoutedCall) -> None:
        """
        Have a call authorized.

        Authorizers may answer in any order; the calls of a session go on in the order in which they came.
        """
        session, call = routed.caller.session, routed.message
        uri = call.procedure
        if not PATTERNS[self._option_uri_strict, Register.MATCH_EXACT].match(uri):
            text = f"call with invalid procedure URI '{uri}' (URI strict checking {self._option_uri_strict})"
            self._end(routed, passing.refused(call, ApplicationError.INVALID_URI, text))
            return
        routed.caller.asked.append(routed)
        asked = self._router.authorize(session, uri, "call", options=call.marshal_options())
        asked.addErrback(self._undecided, uri)
        asked.addCallback(self._decided, routed)
        asked.addErrback(lambda failure: self.log.failure("CALL of {uri} failed", uri=uri, failure=failure))

    def _undecided(self, failure: Any, uri: str) -> dict[str, Any]:
        self.log.failure("the authorizer failed for the call of {uri}", uri=uri, failure=failure)
        return {"allow": False, "fault": f"failed to authorize session for calling procedure '{uri}': {failure.value}"}

    def _decided(self, authorization: dict[str, Any], routed: RoutedCall) -> None:
        routed.authorization = authorization or {"allow": False}
        if not routed.is_wanted:  # its caller did not wait for the authorizer
            routed.caller.num_calls -= 1
        self._go_on(routed.caller)

    def _place(self, routed: RoutedCall) -> None:
        """Give a call, if it is allowed, to a callee or a queue, or to the procedure of the router that it is for."""
        call, router, authorization = routed.message, self._router, routed.authorization
        uri = call.procedure
        if not authorization.get("allow"):
            if "fault" in authorization:
                self._end(routed, passing.refused(call, ApplicationError.AUTHORIZATION_FAILED, authorization["fault"]))
            else:
                text = refusal.not_authorized(routed.caller.session, "call", uri)
                self._end(routed, passing.refused(call, ApplicationError.NOT_AUTHORIZED, text))
            return
        if router._inventory is not None and (fault := self._fault("call", routed, call)) is not None:
            self._end(routed, fault)
            return
        registration = self._exact.get(uri)
        if registration is None:
            procedure = self.procedures.get(uri)
            if procedure is not None:
                self._run(routed, procedure)
                return
            registration = self._registration_map.best_matching_observation(uri)
            if registration is None:
                self.num_unregistered_calls += 1
                text = f"no callee registered for procedure <{uri}>"
                self._end(routed, passing.refused(call, ApplicationError.NO_SUCH_PROCEDURE, text))
                return
        queue = routed.queue = registration.extra.queue
        if queue.rule.choose == "affinity":
            routed.key = affinity_key(call, queue.rule.key)
        counts = queue.counts
        counts.calls += 1
        try:
            callee = queue.offer(routed, self._now())
        except Refused as reason:
            self._refuse(routed, reason)
            return
        if callee is None:
            self._carry_out(queue, ())
        else:
            counts.wait.counts[0] += 1
            self._invoke(routed, callee.session, None if routed.timer is None else call.timeout)

    # -- YIELD and ERROR

    def processYield(self, session: Any, yielded: Yield) -> None:
        """A callee answers, or says how far it is."""
        routed = self._invocations.get(yielded.request)
        if routed is None:
            self._answer_late(session, yielded.request, is_final=not yielded.progress)
            return
        if routed.callee.session.session is not session:
            raise _not_its_own(routed)
        reply: Result | Error | None = None
        if self._router._inventory is not None:
            reply = self._fault("call_result", routed, yielded)
        if reply is None:
            reply = passing.result(routed, yielded)
        if yielded.progress:
            self._progress(routed, reply)
        else:
            self._finish(routed, reply)

    def processInvocationError(self, session: Any, error: Error) -> None:
        """A callee answers that it could not do it."""
        routed = self._invocations.get(error.request)
        if routed is None:
            self._answer_late(session, error.request, is_final=True)
            return
        if routed.callee.session.session is not session:
            raise _not_its_own(routed)
        fault = None if self._router._inventory is None else self._fault("call_error", routed, error)
        self._finish(routed, fault or passing.error(routed, error))

    def _answer_late(self, session: Any, number: int, *, is_final: bool) -> None:
        """An answer that nobody waits for: its slot is free."""
        peer = self._peers.get(session)
        routed = None if peer is None else peer.abandoned.get(number)
        if peer is None or routed is None:
            self.log.debug("an answer for request ID {number}, which is that of no invocation", number=number)
        elif is_final:
            del peer.abandoned[number]
            self._carry_out(routed.queue, self._free(routed))

    def _fault(self, kind: str, routed: RoutedCall, message: Any) -> Error | None:
        """Return what a caller is told if the content of a message is not what the realm's inventory of types says."""
        if message.payload is not None:
            return None
        try:
            self._router.validate(kind, routed.message.procedure, message.args, message.kwargs, routed.authorization.get("validate"))
        except Exception as error:  # noqa: BLE001  # the check stumbles in many ways over what it does not expect
            what = {"call": "call of", "call_result": "call result from", "call_error": "call error from"}[kind]
            return passing.unsendable(routed, what, error)
        return None

    # -- CANCEL, and the end of a session

    def processCancel(self, session: Any, cancel: Cancel) -> None:
        """A caller does not want a call any longer."""
        routed = self._peers[session].calls.get(cancel.request)
        if routed is None:
            return  # it has been answered meanwhile
        mode = cancel.mode or Cancel.KILLNOWAIT
        if routed.id and mode != Cancel.SKIP:
            is_told = routed.is_killed or self._interrupt(routed, mode, forward_for=passing.further(cancel.forward_for, session))
            if is_told and mode == Cancel.KILL:
                routed.is_killed = True
                self._carry_out(routed.queue, routed.queue.withdraw(routed, self._now()))
                return
        self._give_up(routed, refusal.canceled(routed.message.procedure).to_error(cancel.request))

    def detach(self, session: Any) -> None:
        """A session has left the realm."""
        peer = self._peers.pop(session, None)
        if peer is None:
            raise NotAttached(f"session with ID {session._session_id} not attached")
        del self._caller_to_invocations[session], self._callee_to_invocations[session]
        peer.asked.clear()
        for routed in list(peer.calls.values()):
            if routed.id and not routed.is_killed and routed.callee.session is not peer:  # type: ignore[union-attr]
                self._interrupt(routed, Cancel.KILLNOWAIT)
            self._give_up(routed, None)
        peer.calls.clear()

        registrations = self._session_to_registrations[session]
        working = [*peer.invocations.values(), *peer.abandoned.values()]
        queues = dict.fromkeys([*[registration.extra.queue for registration in registrations], *[routed.queue for routed in working]])
        for routed in working:
            self._invocations.pop(routed.id, None)
            routed.id = 0
        for registration in list(registrations):
            self._forget(session, registration)
            self._announce_unregistered(session, registration, None, is_last=not registration.observers)
        del self._session_to_registrations[session]
        for waiting in list(peer.drains):
            waiting.fail()
        for queue in queues:
            self._carry_out(queue, queue.leave(peer, self._now()))

    def _change_settings(self) -> None:
        """The settings have changed: go on with them."""
        settings = self._settings.current
        for peer in self._peers.values():
            peer.limit(settings)
        for registration, queue in list(self.queues.values()):
            rule = settings.rule_for(registration.uri)
            if rule != queue.rule:
                queue.change_rule(rule)
                if queue.timer is not None:
                    queue.timer.cancel()
                    queue.timer = None
                self._carry_out(queue, ())

    # -- procedures of the router

    def _run(self, routed: RoutedCall, procedure: Procedure) -> None:
        """Answer a call by a procedure of the router itself."""
        task = routed.task = maybeDeferred(procedure, routed.caller.session, routed.message)
        task.addCallbacks(
            lambda value: self._end(routed, Result(routed.request, args=[value])), lambda failure: self._run_failed(routed, failure)
        )
        task.addErrback(lambda failure: self.log.failure("{uri} failed", uri=routed.message.procedure, failure=failure))

    def _run_failed(self, routed: RoutedCall, failure: Any) -> None:
        reply = failure.value
        if not isinstance(reply, refusal.Refusal):
            if not failure.check(CancelledError):
                self.log.failure("the router's own {uri} failed", uri=routed.message.procedure, failure=failure)
            reply = refusal.internal_fault(routed.message.procedure)
        self._end(routed, reply.to_error(routed.request))


def _not_its_own(routed: RoutedCall) -> ProtocolError:
    return ProtocolError(f"an answer for request ID {routed.id}, which is that of an invocation of another session")
