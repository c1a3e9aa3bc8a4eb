"""Composition: from options and what their files say to the services of the chain."""

import asyncio
import ipaddress
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from auditproxy.apis.audit import Stage
from auditproxy.apis.units import SECOND
from auditproxy.app import operatorlog
from auditproxy.app.auditids import new_audit_id
from auditproxy.app.authentication.authenticators import (
    anonymous_authenticator,
    front_proxy_headers,
    request_header_authenticator,
    x509_authenticator,
)
from auditproxy.app.authentication.issuers import KeysOfIssuers, TrustedKeys
from auditproxy.app.authentication.tokens import TokenAuthentication, TokenSources
from auditproxy.app.decoding import open_decoding
from auditproxy.app.sinks.backendpolicies import OwnBackend, with_policies
from auditproxy.app.upstream import Connected, connect
from auditproxy.audit.backend import Backend, TakeLine
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, with_stage
from auditproxy.audit.redaction.commandlines import line_redactor
from auditproxy.authentication.factory import new_authenticator
from auditproxy.authentication.tokens.tokenreview import Reviewer
from auditproxy.capture.copies import CaptureLimits, CaptureRoom
from auditproxy.files.files import Files
from auditproxy.files.policy import is_strict
from auditproxy.lookups.signatures import SignatureThreads
from auditproxy.metrics.registry import Metrics
from auditproxy.monitor.monitor import UpstreamMonitor
from auditproxy.options import Options
from auditproxy.request.sourceips import TrustedProxies
from auditproxy.server.services import Limits, Services, Shared
from auditproxy.sockets.tasks import spawn
from auditproxy.tracing.requests import Tracing

if TYPE_CHECKING:
    from auditproxy.app.sinks.receivers import OpenedReceiver
    from auditproxy.authentication.tokens.keysource import KeySource
    from auditproxy.notifiers.dispatcher import AlertDispatcher
    from auditproxy.supervision.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the composition: its attribute, what it is made of, and how.

    ``of`` names fields of Files and parts above it in _PARTS.
    """

    name: str
    of: frozenset[str]
    make: Callable[["Composed"], Any]


class Composed:
    """The services, rebuilt as a whole when files change, and what must be closed after them.

    Requests in progress keep the services that they began with.
    """

    _connected: Connected
    _reviewers: tuple[Reviewer | None, Reviewer | None]
    _service_account_keys: "KeySource | None"
    _issuers: TrustedKeys
    _tokens: TokenAuthentication
    services: Services

    def __init__(
        self,
        options: Options,
        files: Files,
        *,
        sink: Backend,
        metrics: Metrics,
        report: Callable[[str], None],
        take_line: TakeLine | None = None,
        is_durable: bool = False,
        awaits_decoded: bool = False,
        supervisor: "Supervisor | None" = None,
        session_annotations: bool = False,
        alerts: "AlertDispatcher | None" = None,
        tracing: Tracing | None = None,
        own_backends: tuple[OwnBackend, ...] = (),
        receivers: "tuple[OpenedReceiver, ...]" = (),
    ) -> None:
        self.files = files
        self._own_backends = own_backends
        self._options = options
        self._metrics = metrics
        self._report = report
        self._alerts = alerts
        self._receivers = receivers
        self.monitor = UpstreamMonitor(
            lambda: self._connected.questions,
            period=options.upstream.check_period / SECOND,
            metrics=metrics.upstream,
            report=report,
            inform=operatorlog.info,
        )
        captures = files.captures
        self.shared = Shared(
            sink=sink,
            take_line=take_line,
            is_durable=is_durable,
            awaits_decoded=awaits_decoded,
            metrics=metrics,
            wall_clock=time.time_ns,
            monotonic_clock=time.perf_counter_ns,
            new_audit_id=new_audit_id,
            report=report,
            room=capture_room(captures, metrics, report),
            decoding=open_decoding(options.audit, captures, report),
            watch=self.monitor,
            tracing=tracing,
            supervisor=supervisor,
            session_annotations=session_annotations,
        )
        # Streams may still run over what was replaced; it is gone with the last of them.
        self._replaced: weakref.WeakSet[Any] = weakref.WeakSet()
        self._retiring: set[asyncio.Task[None]] = set()
        self._signatures = SignatureThreads()
        # Published keys come from no file: they are fetched by whatever connection is in use.
        self._service_account_ring = self._new_ring()
        self._published_keys = self._service_account_ring.of_service_accounts(
            options.authentication, lambda: self._connected.own
        )
        for part in _PARTS:
            setattr(self, part.name, part.make(self))

    def replace_files(self, changes: Mapping[str, Any]) -> Services:
        """The services for other values of the fields of Files that ``changes`` names.

        What is made of none of them is kept, caches included.
        """
        old_connected, old_issuers, old_tokens = self._connected, self._issuers, self._tokens
        self.files = replace(self.files, **changes)
        changed = set(changes)
        for part in _PARTS:
            if part.of & changed:
                before, made = getattr(self, part.name), part.make(self)
                if made != before:
                    setattr(self, part.name, made)
                    changed.add(part.name)
        if self._alerts is not None:
            from auditproxy.app.alerts import replace_alerts

            replace_alerts(self._alerts, changes, self._metrics.alerts, self._report)
        for receiver in self._receivers:
            receiver.replace_files(changes)
        if "_connected" in changed:
            for old in (*old_connected.closers, *old_connected.pools):
                self._replaced.add(old)
            self.monitor.replaced()
        if "_tokens" in changed:
            # Requests that are being authenticated have begun to look their tokens up.
            ending = old_tokens.retire()
            replaced = "_issuers" in changed
            self._retire(old_issuers.ring.close_after(ending) if replaced else ending)
        return self.services

    def _retire(self, ending: Coroutine[Any, Any, None]) -> None:
        """Let something replaced end in its own time."""
        retiring = spawn(ending, "retire what was replaced")
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    def describe_issuers(self) -> tuple[str, ...]:
        """A line for each issuer whose keys are fetched."""
        return (*self._service_account_ring.describe(), *self._issuers.ring.describe())

    async def close(self) -> None:
        """Close reviews and upstream connections."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for each in (
            self._tokens,
            self._issuers.ring,
            self._service_account_ring,
            *self._connected.closers,
            *self._connected.pools,
            *self._replaced,
        ):
            await each.close()
        self._signatures.close()
        self.shared.decoding.close()
        self.shared.room.close()

    def _new_ring(self) -> KeysOfIssuers:
        return KeysOfIssuers(
            self._signatures.check,
            metrics=self._metrics.issuers,
            report=self._report,
            inform=operatorlog.info,
        )

    def _connect(self) -> Connected:
        return connect(self._options, self.files.upstream)

    def _reviewers_of_tokens(self) -> tuple[Reviewer | None, Reviewer | None]:
        return self._connected.reviewer, self._connected.lookup

    def _keys_of_service_accounts(self) -> "KeySource | None":
        if self._published_keys is not None:
            return self._published_keys
        keys = self.files.service_account_keys
        if not keys:
            return None
        from auditproxy.authentication.tokens.keysource import StaticKeys

        return StaticKeys(keys, self._signatures.check)

    def _keys_of_issuers(self) -> TrustedKeys:
        ring = self._new_ring()
        return TrustedKeys(ring, ring.authenticators(self.files.trusted))

    def _token_authentication(self) -> TokenAuthentication:
        reviewer, lookup = self._reviewers
        return TokenAuthentication(
            self._options.authentication,
            TokenSources(
                token_file=self.files.token_file,
                service_account_keys=self._service_account_keys,
                issuers=self._issuers.authenticators,
                webhook=self.files.token_webhook,
                reviewer=reviewer,
                lookup=lookup,
            ),
            metrics=self._metrics.token_cache,
            report=self._report,
        )

    def _services(self) -> Services:
        options, files, connected = self._options, self.files, self._connected
        annotations = options.audit.authorization_annotations
        services = Services(
            authenticator=new_authenticator(
                requestheader=request_header_authenticator(options, files),
                x509=x509_authenticator(options, files),
                tokens=self._tokens.authenticators,
                anonymous=anonymous_authenticator(options, files),
            ),
            evaluator=PolicyRuleEvaluator(
                with_stage(files.policy, Stage.REQUEST_RECEIVED)
                if is_strict(options)
                else files.policy
            ),
            impersonator=connected.impersonator,
            annotation_authorizer=connected.authorizer if annotations == "review" else None,
            infer_decision=annotations == "infer",
            upstream=connected.upstream,
            types=files.types,
            redactor=files.redactor,
            limits=Limits(
                request_timeout=options.serving.request_timeout,
                request_copy=options.audit.capture_request_limit,
                response_copy=options.audit.capture_response_limit,
            ),
            front_proxy=front_proxy_headers(options),
            trusted_proxies=trusted_proxies(options),
            recording_policy=files.recording_policy,
            redact_line=line_redactor(files.redactor),
        )
        return with_policies(services, options, files, self.shared.sink, self._own_backends)


_PARTS = (
    _Part("_connected", frozenset({"upstream"}), Composed._connect),
    _Part("_reviewers", frozenset({"_connected"}), Composed._reviewers_of_tokens),
    _Part(
        "_service_account_keys",
        frozenset({"service_account_keys"}),
        Composed._keys_of_service_accounts,
    ),
    _Part("_issuers", frozenset({"trusted"}), Composed._keys_of_issuers),
    _Part(
        "_tokens",
        frozenset(
            {"token_file", "token_webhook", "_reviewers", "_service_account_keys", "_issuers"}
        ),
        Composed._token_authentication,
    ),
    # The services are one value: any change rebuilds them.
    _Part(
        "services",
        frozenset({"_connected", "_tokens", *(each.name for each in fields(Files))}),
        Composed._services,
    ),
)
"""The parts in the order in which they are made: each after those that it is made of."""


def capture_room(
    limits: CaptureLimits, metrics: Metrics, report: Callable[[str], None]
) -> CaptureRoom:
    """The room for copies of bodies, which the metrics look into."""
    room = CaptureRoom(limits, dropped=metrics.captures.dropped, report=report)
    metrics.captures.holding(room.settle, lambda: room.in_files)
    return room


def trusted_proxies(options: Options) -> TrustedProxies | None:
    """The trusted proxies in front of this one, None where any peer is trusted."""
    cidrs = options.serving.trusted_proxy_cidrs
    return TrustedProxies(tuple(map(ipaddress.ip_network, cidrs))) if cidrs else None
