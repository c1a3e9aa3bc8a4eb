"""Composition: from options and what their files say to the services of the chain."""

import asyncio
import ipaddress
import time
import uuid
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from auditproxy.apis.audit import Stage
from auditproxy.app import operatorlog
from auditproxy.app.issuers import KeysOfIssuers
from auditproxy.app.tokens import TokenAuthentication, TokenSources
from auditproxy.app.upstream import connect
from auditproxy.audit.backend import Backend
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, with_stage
from auditproxy.authentication.anonymous import AnonymousAuthenticator
from auditproxy.authentication.factory import new_authenticator
from auditproxy.authentication.requestheader import (
    RequestHeaderAuthenticator,
    RequestHeaderConfig,
)
from auditproxy.authentication.tokens.keysource import KeySource, StaticKeys
from auditproxy.authentication.x509.authenticator import X509Authenticator
from auditproxy.capture.copies import CaptureLimits, CaptureRoom
from auditproxy.capture.decoding import DecodeQueue
from auditproxy.files.files import Files, is_strict
from auditproxy.lookups.signatures import SignatureThreads
from auditproxy.metrics.registry import Metrics
from auditproxy.monitor.monitor import UpstreamMonitor
from auditproxy.options import Options
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders
from auditproxy.request.sourceips import TrustedProxies
from auditproxy.server.services import Limits, Services, Shared

NANOSECONDS = 1_000_000_000


class Composed:
    """The services, made anew as a whole when files change, and what must be closed after them.

    Requests that are under way keep the services that they began with.
    """

    def __init__(
        self,
        options: Options,
        files: Files,
        *,
        sink: Backend,
        metrics: Metrics,
        report: Callable[[str], None],
    ) -> None:
        self.files = files
        self._options = options
        self._metrics = metrics
        self._report = report
        self._connected = connect(options, files.upstream)
        self.monitor = UpstreamMonitor(
            lambda: self._connected.questions,
            period=options.upstream.check_period / NANOSECONDS,
            metrics=metrics.upstream,
            report=report,
            inform=operatorlog.info,
        )
        captures = files.captures
        self.shared = Shared(
            sink=sink,
            metrics=metrics,
            wall_clock=time.time_ns,
            monotonic_clock=time.perf_counter_ns,
            new_audit_id=lambda: str(uuid.uuid4()),
            report=report,
            room=capture_room(captures, metrics, report),
            # A quarter of all room: what one user sends cannot crowd out everybody's copies.
            decoding=DecodeQueue((captures.memory + captures.files) // 4),
            watch=self.monitor,
        )
        # Streams may still run over what was replaced; it is gone with the last of them.
        self._replaced: weakref.WeakSet[Any] = weakref.WeakSet()
        self._retiring: set[asyncio.Task[None]] = set()
        self._signatures = SignatureThreads()
        self._service_account_ring = self._keys_of_issuers()
        self._fetched_service_account_keys = self._service_account_ring.of_service_accounts(
            options.authentication, lambda: self._connected.own
        )
        self._service_account_keys = self._keys_of_service_accounts()
        self._ring = self._keys_of_issuers()
        self._issuers = self._ring.authenticators(files.trusted)
        self._tokens = self._token_authentication()
        self.services = self._services()

    def replace_files(self, files: Files) -> Services:
        """The services for other files; what hangs on an unchanged one is kept, caches included."""
        if files.upstream is not self.files.upstream:
            for old in (*self._connected.closers, *self._connected.pools):
                self._replaced.add(old)
            self._connected = connect(self._options, files.upstream)
            self.monitor.replaced()
        previous, self.files = self.files, files
        if files.service_account_keys is not previous.service_account_keys:
            self._service_account_keys = self._keys_of_service_accounts()
        ring = self._ring
        if files.trusted is not previous.trusted:
            self._ring = self._keys_of_issuers()
            self._issuers = self._ring.authenticators(files.trusted)
        if not self._tokens.sources.same(self._token_sources()):
            # Requests that are being authenticated have begun to look their tokens up.
            ending = self._tokens.retire()
            self._retire(ending if ring is self._ring else ring.close_after(ending))
            self._tokens = self._token_authentication()
        self.services = self._services()
        return self.services

    def _retire(self, ending: Coroutine[Any, Any, None]) -> None:
        """Let something replaced end in its own time."""
        retiring = asyncio.create_task(ending)
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    def describe_issuers(self) -> tuple[str, ...]:
        """A line for each issuer whose keys are fetched."""
        return (*self._service_account_ring.describe(), *self._ring.describe())

    def _keys_of_issuers(self) -> KeysOfIssuers:
        return KeysOfIssuers(
            self._signatures.check,
            metrics=self._metrics.issuers,
            report=self._report,
            inform=operatorlog.info,
        )

    def _keys_of_service_accounts(self) -> KeySource | None:
        if self._fetched_service_account_keys is not None:
            return self._fetched_service_account_keys
        keys = self.files.service_account_keys
        return StaticKeys(keys, self._signatures.check) if keys else None

    async def close(self) -> None:
        """Close reviews and upstream connections."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for each in (
            self._tokens,
            self._ring,
            self._service_account_ring,
            *self._connected.closers,
            *self._connected.pools,
            *self._replaced,
        ):
            await each.close()
        self._signatures.close()
        self.shared.decoding.close()
        self.shared.room.close()

    def _token_sources(self) -> TokenSources:
        files, connected = self.files, self._connected
        return TokenSources(
            token_file=files.token_file,
            service_account_keys=self._service_account_keys,
            issuers=self._issuers,
            webhook=files.token_webhook,
            reviewer=connected.reviewer,
            lookup=connected.lookup,
        )

    def _token_authentication(self) -> TokenAuthentication:
        return TokenAuthentication(
            self._options.authentication,
            self._token_sources(),
            metrics=self._metrics.token_cache,
            report=self._report,
        )

    def _services(self) -> Services:
        options, files, connected = self._options, self.files, self._connected
        annotations = options.audit.authorization_annotations
        return Services(
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
        )


def capture_room(
    limits: CaptureLimits, metrics: Metrics, report: Callable[[str], None]
) -> CaptureRoom:
    """The room for copies of bodies, which the metrics look into."""
    room = CaptureRoom(limits, dropped=metrics.captures.dropped, report=report)
    metrics.captures.holding(room.settle, lambda: room.in_files)
    return room


def describe_authentication(options: Options, files: Files) -> str:
    """Which credentials of clients are recognised, in the order in which they are looked at."""
    authentication = options.authentication
    ways = (
        ("front proxies (--requestheader-client-ca-file)", files.front_proxy_authorities),
        ("client certificates (--client-ca-file)", files.client_authorities),
        ("static tokens (--token-auth-file)", files.token_file),
        (
            "service account tokens (--service-account-issuer)",
            authentication.service_account_issuer,
        ),
        ("tokens of issuers", files.trusted.issuers),
        ("tokens that the webhook knows", files.token_webhook),
        ("tokens that the API server knows", authentication.token_review),
    )
    known = [name for name, there in ways if there]
    rest = "anonymous" if anonymous_authenticator(options, files) else "refused"
    return f"clients are recognised by {', '.join(known) or 'nothing'}; others are {rest}"


def anonymous_authenticator(options: Options, files: Files) -> AnonymousAuthenticator | None:
    """The authenticator of requests without credentials, None where there are none."""
    anonymous = files.trusted.anonymous
    if anonymous is not None:
        return AnonymousAuthenticator(anonymous.paths) if anonymous.enabled else None
    return AnonymousAuthenticator() if options.authentication.anonymous_auth else None


def x509_authenticator(options: Options, files: Files) -> X509Authenticator | None:
    """The authenticator of client certificates, None without an authority for them."""
    if files.client_authorities is None:
        return None
    allowed = frozenset(options.authentication.client_ca_allowed_system_groups)
    return X509Authenticator(files.client_authorities, None if "*" in allowed else allowed)


def request_header_authenticator(
    options: Options, files: Files
) -> RequestHeaderAuthenticator | None:
    """The authenticator of front proxies, None without an authority for them."""
    if files.front_proxy_authorities is None:
        return None
    authentication = options.authentication
    return RequestHeaderAuthenticator(
        files.front_proxy_authorities,
        RequestHeaderConfig(
            allowed_names=frozenset(authentication.requestheader_allowed_names),
            username_headers=authentication.requestheader_username_headers,
            uid_headers=authentication.requestheader_uid_headers,
            group_headers=authentication.requestheader_group_headers,
            extra_prefixes=authentication.requestheader_extra_headers_prefix,
        ),
    )


def front_proxy_headers(options: Options) -> FrontProxyHeaders:
    """The headers that only a front proxy may send; they are left behind like X-Remote-*."""
    authentication = options.authentication
    if not authentication.requestheader_client_ca_file:
        return NO_FRONT_PROXY
    return FrontProxyHeaders.of(
        (
            *authentication.requestheader_username_headers,
            *authentication.requestheader_uid_headers,
            *authentication.requestheader_group_headers,
        ),
        authentication.requestheader_extra_headers_prefix,
    )


def trusted_proxies(options: Options) -> TrustedProxies | None:
    """The proxies in front of us, None where everybody is believed."""
    cidrs = options.serving.trusted_proxy_cidrs
    return TrustedProxies(tuple(map(ipaddress.ip_network, cidrs))) if cidrs else None
