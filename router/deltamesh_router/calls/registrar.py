"""Who takes calls of which procedure: REGISTER and UNREGISTER, and a call queue for each registration."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any, Final

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Error, Register, Registered, Unregister, Unregistered
from autobahn.wamp.types import PublishOptions
from crossbar.router import dealer as stock
from twisted.internet.defer import Deferred

from deltamesh_router.calls import refusal
from deltamesh_router.calls.announcement import publish_soon
from deltamesh_router.calls.peer import Peer
from deltamesh_router.insight.metrics import CallCounts, CallLedger
from deltamesh_router.queue.callqueue import CallQueue
from deltamesh_router.queue.moves import Move
from deltamesh_router.settings.settings import CallRule, LiveSettings
from deltamesh_router.uris import OWN, PATTERNS, is_restricted

SHARED: Final = Register.INVOKE_ROUNDROBIN
"""The policy under which procedures are registered for which a rule of the settings chooses: the one that clients mostly say."""


class ProcedureQueue(CallQueue):
    """The call queue of a registration, and what belongs to it in the router."""

    def __init__(self, rule: CallRule, invoke: str, counts: CallCounts) -> None:
        super().__init__(rule, invoke, random.randrange)
        self.invoke = invoke
        self.counts = counts
        self.registration: Any = None
        """Crossbar.io's record of the registration: URI, match, and the sessions that are registered now."""
        self.timer: Any = None
        """Looks for calls that have waited too long."""

    def change_invoke(self, invoke: str) -> None:
        """Those who register now said another policy than those before them."""
        self.invoke = self._invoke = invoke
        self.change_rule(self.rule)  # which makes the policy anew


class RegistrationExtra(stock.RegistrationExtra):
    """What Crossbar.io's record of a registration carries for us."""

    __slots__ = ("queue",)

    def __init__(self, queue: ProcedureQueue) -> None:
        super().__init__(queue.invoke)
        self.queue = queue


class Registrar(stock.Dealer):
    """
    The part of the dealer that knows who takes calls.

    A queue lives as long as somebody is registered for its procedure or works on a call of it. If the procedure is registered anew
    meanwhile, it goes on with the new callees.
    """

    def __init__(self, router: Any, reactor: Any, options: Any = None) -> None:
        super().__init__(router, reactor, options)
        self.queues: dict[tuple[str, str], tuple[Any, ProcedureQueue]] = {}
        """(URI, match) -> the registration, which has no observers any more if its callees only finish their calls, and its queue."""
        self.ledger = CallLedger()
        self._settings: LiveSettings = router.settings
        self._peers: dict[Any, Peer] = {}
        self._now = time.monotonic

    def attach(self, session: Any) -> None:
        """A session has joined the realm."""
        super().attach(session)
        peer = self._peers[session] = Peer(session, self._settings.current)
        self._callee_to_invocations[session] = peer.invocations
        self._caller_to_invocations[session] = peer.calls

    def peer(self, number: int) -> Peer | None:
        """Return the session of this number, if there is one."""
        return self._peers.get(self._router._session_id_to_session.get(number))

    def drain(self, peer: Peer) -> None:
        """Give a session no more calls."""
        peer.is_draining = True
        for registration in list(self._session_to_registrations[peer.session]):
            queue = registration.extra.queue
            self._carry_out(queue, queue.drain(peer, self._now()))

    # -- REGISTER

    def processRegister(self, session: Any, register: Register) -> None:
        """A session wants to take the calls of a procedure."""
        uri = register.procedure
        if not PATTERNS[self._option_uri_strict, register.match].match(uri):
            text = f"register for invalid procedure URI '{uri}' (URI strict checking {self._option_uri_strict})"
            self._deny(session, register, ApplicationError.INVALID_URI, text)
        elif is_restricted(uri, session):
            self._deny(session, register, ApplicationError.INVALID_URI, f"register for restricted procedure URI '{uri}'")
        elif uri.startswith(OWN):
            self._router.send(session, refusal.reserved(uri).to_error(register.request, Register.MESSAGE_TYPE))
        else:
            peer = self._peers[session]
            self._authorize(session, register).addCallbacks(
                lambda authorization: self._register_if(bool(authorization.get("allow")), peer, register),
                lambda failure: self._authorizer_failed(session, register, failure),
            ).addErrback(lambda failure: self.log.failure("REGISTER of {uri} failed", uri=uri, failure=failure))

    def _authorize(self, session: Any, register: Register) -> Deferred[dict[str, Any]]:
        """Ask the authorizer. Who puts others out needs the permission for the procedure, and the one for every URI as well."""

        def ask(uri: str) -> Deferred[dict[str, Any]]:
            answer: Deferred[dict[str, Any]] = self._router.authorize(session, uri, "register", options=register.marshal_options())
            return answer

        asked = ask(register.procedure)
        if register.force_reregister:
            asked.addCallback(lambda authorization: ask("") if authorization.get("allow") else authorization)
        return asked

    def _deny(self, session: Any, request: Any, error: str, *texts: str) -> None:
        self._router.send(session, Error(request.MESSAGE_TYPE, request.request, error, list(texts) or None))

    def _authorizer_failed(self, session: Any, register: Register, failure: Any) -> None:
        self.log.failure("the authorizer failed for REGISTER of {uri}", uri=register.procedure, failure=failure)
        text = f"failed to authorize session for registering procedure '{register.procedure}': {failure.value}"
        self._deny(session, register, ApplicationError.AUTHORIZATION_FAILED, text)

    def _register_if(self, is_allowed: bool, peer: Peer, register: Register) -> None:
        session, uri = peer.session, register.procedure
        if self._peers.get(session) is not peer:
            return  # it left while the authorizer thought
        former = self._registration_map.get_observation(uri, register.match)
        if not is_allowed:
            text = refusal.not_authorized(session, "register", uri)
            if register.force_reregister:
                text += ": force_reregister needs the permission to register everything"
            self._deny(session, register, ApplicationError.NOT_AUTHORIZED, text)
        elif former is None or register.force_reregister:
            self._register(peer, register, former)
        elif self._is_shared(uri):
            self._register(peer, register, None)
        elif former.extra.invoke == Register.INVOKE_SINGLE:
            text = f"register for already registered procedure '{uri}'"
            self._deny(session, register, ApplicationError.PROCEDURE_ALREADY_EXISTS, text)
        elif former.extra.invoke != register.invoke:
            text = (
                f"register for already registered procedure '{uri}' with conflicting invocation policy "
                f"(has {former.extra.invoke} and {register.invoke} was requested)"
            )
            self._deny(session, register, ApplicationError.PROCEDURE_EXISTS_INVOCATION_POLICY_CONFLICT, text)
        else:
            self._register(peer, register, None)

    def _is_shared(self, uri: str) -> bool:
        """Whether a rule chooses among the callees of this registration, so that no callee can say that it is the only one."""
        return self._settings.current.rule_for(uri).choose != "as_registered"

    def _register(self, peer: Peer, register: Register, former: Any) -> None:
        """Register `peer`; with all callees of the registration `former`, if there is one, in its place."""
        session, uri, match = peer.session, register.procedure, register.match
        kicked = [] if former is None else list(former.observers)
        for callee in kicked:
            self._forget(callee, former)
        registration = self._registration_map.get_observation(uri, match)
        is_first = registration is None
        invoke = SHARED if self._is_shared(uri) else register.invoke
        queue = self._queue_for(uri, match, invoke) if is_first else registration.extra.queue
        if queue.invoke != invoke:  # the rule has come since
            registration.extra.invoke = invoke
            queue.change_invoke(invoke)
        registration, was_registered, _ = self._registration_map.add_observer(session, uri, match, RegistrationExtra(queue))
        self._session_to_registrations[session].add(registration)
        queue.registration = registration
        self.queues[uri, match] = registration, queue

        for callee in kicked:
            self._router.send(callee, Unregistered(0, registration=former.id, reason="wamp.error.unregistered"))
        self._router.send(session, Registered(register.request, registration.id))

        # the others go after the new one has come, and its answer has gone out: what waits is for it
        now = self._now()
        moves = [] if peer.is_draining else [*queue.join(peer, register.concurrency or queue.rule.concurrency, now)]
        for callee in kicked:
            if callee is not session:
                moves += queue.unregister(self._peers[callee], now)
        self._carry_out(queue, moves)
        for callee in kicked:
            self._announce_unregistered(callee, former, None, is_last=callee is kicked[-1])
        self._announce_registered(session, registration, register, is_first=is_first, is_new=not was_registered)

    def _queue_for(self, uri: str, match: str, invoke: str) -> ProcedureQueue:
        counts = self.ledger.open(uri, match)
        known = self.queues.get((uri, match))
        if known is None:
            return ProcedureQueue(self._settings.current.rule_for(uri), invoke, counts)
        queue = known[1]
        queue.change_invoke(invoke)
        return queue

    # -- UNREGISTER

    def processUnregister(self, session: Any, unregister: Unregister) -> None:
        """A session wants no more calls; what it works on it may finish."""
        registration = self._registration_map.get_observation_by_id(unregister.registration)
        if registration is None or session not in registration.observers:
            self._deny(session, unregister, ApplicationError.NO_SUCH_REGISTRATION)
        else:
            self._unregister(registration, session, unregister)

    def removeCallee(self, registration: Any, session: Any, reason: str | None = None) -> tuple[bool, bool]:
        """Unregister a session that did not ask for it; return whether it was registered, and whether it was the last one."""
        was_registered = session in registration.observers
        if was_registered:
            self._unregister(registration, session, None, reason)
        return was_registered, was_registered and not registration.observers

    def _unregister(self, registration: Any, session: Any, unregister: Unregister | None, reason: str | None = None) -> None:
        self._forget(session, registration)
        if unregister is not None:
            self._router.send(session, Unregistered(unregister.request))
        else:
            features = session._session_roles.get("callee")
            if features and features.registration_revocation:
                self._router.send(session, Unregistered(0, registration=registration.id, reason=reason))
        queue = registration.extra.queue
        self._carry_out(queue, queue.unregister(self._peers[session], self._now()))
        self._announce_unregistered(session, registration, unregister, is_last=not registration.observers)

    def _forget(self, session: Any, registration: Any) -> None:
        """Take a session off a registration, and the registration away if it was the last one."""
        self._registration_map.drop_observer(session, registration)
        self._session_to_registrations[session].discard(registration)
        if not registration.observers:
            self._registration_map.delete_observation(registration)
            self.ledger.close(registration.uri, registration.match)

    def _close(self, queue: ProcedureQueue) -> None:
        """Drop a queue in which nothing is left, unless somebody is registered who is given nothing."""
        registration = queue.registration
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        if not registration.observers:
            self.queues.pop((registration.uri, registration.match), None)

    def _carry_out(self, queue: ProcedureQueue, moves: Sequence[Move]) -> None:
        raise NotImplementedError

    # -- meta events

    def _announce_registered(self, session: Any, registration: Any, register: Register, *, is_first: bool, is_new: bool) -> None:
        if session._authrole == "rlink":
            return
        if is_first:
            details = {
                "id": registration.id,
                "created": registration.created,
                "uri": registration.uri,
                "match": registration.match,
                "invoke": registration.extra.invoke,
            }
            self._announce("wamp.registration.on_create", session, registration, details, register)
        if is_new:
            self._announce("wamp.registration.on_register", session, registration, registration.id, register)

    def _announce_unregistered(self, session: Any, registration: Any, request: Unregister | None, *, is_last: bool) -> None:
        self._announce("wamp.registration.on_unregister", session, registration, registration.id, request)
        if is_last and session._authrole != "rlink":
            self._announce("wamp.registration.on_delete", session, registration, registration.id, request)

    def _announce(self, topic: str, session: Any, registration: Any, what: Any, request: Any) -> None:
        """Publish a meta event, in the next turn of the reactor: the session is answered first."""
        realm = self._router._realm
        if realm is None or realm.session is None or registration.uri.startswith("wamp."):
            return
        options = None
        if request is not None and request.forward_for:
            # what other nodes have forwarded they know already
            options = PublishOptions(exclude_authid=[forwarder["authid"] for forwarder in request.forward_for])
        publish_soon(self._router, topic, session._session_id, what, options=options)
