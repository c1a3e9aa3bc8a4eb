"""Composition: from options and what their files say to the services of the chain."""

import ipaddress
import secrets
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditproxy.audit.backend import Backend
from auditproxy.audit.metrics import Metrics
from auditproxy.audit.policy import PolicyRuleEvaluator
from auditproxy.authentication.authenticator import TokenAuthenticator
from auditproxy.authentication.authenticatorfactory import new_authenticator
from auditproxy.authentication.keysource import StaticKeys
from auditproxy.authentication.requestheader import (
    RequestHeaderAuthenticator,
    RequestHeaderConfig,
)
from auditproxy.authentication.serviceaccount import ServiceAccountAuthenticator
from auditproxy.authentication.tokenfile import (
    TokenFileAuthenticator,
)
from auditproxy.authentication.tokenreview import Reviewer, TokenReviewAuthenticator
from auditproxy.authentication.x509 import X509Authenticator
from auditproxy.authorization.authorizer import Authorizer, PrivilegedGroupAuthorizer
from auditproxy.authorization.impersonation import DeferredImpersonator, Impersonator
from auditproxy.files import Files
from auditproxy.options import Options
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders
from auditproxy.request.sourceips import TrustedProxies
from auditproxy.server.apiclient import ApiClient
from auditproxy.server.connectionfacts import facts_of
from auditproxy.server.credentials import UpstreamTarget
from auditproxy.server.kubeconfig import Upstream
from auditproxy.server.reviews import (
    CachingReviewer,
    FallbackReviewer,
    SelfSubjectReviewer,
    SubjectAccessReviewAuthorizer,
    TokenReviewer,
)
from auditproxy.server.services import Impersonation, Limits, Services, UpstreamIdentity
from auditproxy.server.upstream import UpstreamPool
from auditproxy.server.upstreamidentity import Impersonating, PassingThrough, RequestHeader

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Connected:
    """What speaks to one upstream; a changed kubeconfig makes another."""

    upstream: UpstreamIdentity
    impersonator: Impersonation
    authorizer: Authorizer
    reviewer: TokenAuthenticator | None
    pools: tuple[UpstreamPool, ...]
    closers: tuple[Any, ...]


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
        self._sink = sink
        self._metrics = metrics
        self._report = report
        self._connected = connect(options, files.upstream)
        # Streams may still run over what was replaced; it is gone with the last of them.
        self._replaced: weakref.WeakSet[Any] = weakref.WeakSet()
        self.services = self._services()

    def replace_files(self, files: Files) -> Services:
        """The services for other files; what hangs on an unchanged one is kept, caches included."""
        if files.upstream is not self.files.upstream:
            for old in (*self._connected.closers, *self._connected.pools):
                self._replaced.add(old)
            self._connected = connect(self._options, files.upstream)
        self.files = files
        pending = self.services.pending
        self.services = self._services()
        self.services.pending = pending
        return self.services

    async def close(self) -> None:
        """Close reviews and upstream connections."""
        for each in (*self._connected.closers, *self._connected.pools, *self._replaced):
            await each.close()

    def _services(self) -> Services:
        options, files, connected = self._options, self.files, self._connected
        tokens: list[TokenAuthenticator] = []
        if files.token_file is not None:
            tokens.append(TokenFileAuthenticator(files.token_file))
        if files.service_account_keys:
            issuers = options.authentication.service_account_issuer
            tokens.append(
                ServiceAccountAuthenticator(
                    issuers=issuers,
                    keys=StaticKeys(files.service_account_keys),
                    audiences=options.authentication.api_audiences or issuers,
                    clock=time.time,
                )
            )
        if connected.reviewer is not None:
            tokens.append(connected.reviewer)
        annotations = options.audit.authorization_annotations
        return Services(
            authenticator=new_authenticator(
                requestheader=request_header_authenticator(options, files),
                x509=x509_authenticator(options, files),
                tokens=tuple(tokens),
                anonymous=options.authentication.anonymous_auth,
            ),
            evaluator=PolicyRuleEvaluator(files.policy),
            sink=self._sink,
            metrics=self._metrics,
            impersonator=connected.impersonator,
            annotation_authorizer=connected.authorizer if annotations == "review" else None,
            infer_decision=annotations == "infer",
            upstream=connected.upstream,
            wall_clock=time.time_ns,
            monotonic_clock=time.perf_counter_ns,
            new_audit_id=lambda: str(uuid.uuid4()),
            facts_of=facts_of,
            report=self._report,
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


def connect(options: Options, upstream: Upstream) -> Connected:
    """The pools, reviews and identities for one upstream, inside a running event loop."""
    impersonating = UpstreamPool(upstream.impersonating)
    passthrough = UpstreamPool(upstream.passthrough)
    own = _client(impersonating, upstream.impersonating, upstream)
    theirs = _client(passthrough, upstream.passthrough, None)
    access_reviews = SubjectAccessReviewAuthorizer(own)
    authorizer = PrivilegedGroupAuthorizer(access_reviews)
    passing = options.upstream.upstream_identity == "passthrough"
    closers: list[Any] = [access_reviews]
    token_reviews = None
    if options.authentication.token_review:
        by_token = SelfSubjectReviewer(theirs)
        reviewer: Reviewer = by_token if passing else FallbackReviewer(TokenReviewer(own), by_token)
        caching = CachingReviewer(
            reviewer,
            authenticator="review",
            key=secrets.token_bytes(32),
            success_time_to_live=options.authentication.token_review_cache_success_ttl
            / NANOSECONDS,
            failure_time_to_live=options.authentication.token_review_cache_failure_ttl
            / NANOSECONDS,
        )
        closers.append(caching)
        token_reviews = TokenReviewAuthenticator(caching)
    identity: UpstreamIdentity
    pools = [impersonating, passthrough]
    original_user = options.upstream.impersonation_original_user_extra
    if passing:
        identity = PassingThrough(passthrough, upstream.passthrough)
    elif upstream.front_proxy is not None:
        pools.append(UpstreamPool(upstream.front_proxy))
        identity = RequestHeader(pools[-1], upstream.front_proxy, original_user)
    else:
        identity = Impersonating(
            impersonating,
            upstream.impersonating,
            upstream.credential,
            original_user,
            marker=options.upstream.marker(),
        )
    return Connected(
        upstream=identity,
        impersonator=DeferredImpersonator() if passing else Impersonator(authorizer),
        authorizer=authorizer,
        reviewer=token_reviews,
        pools=tuple(pools),
        closers=tuple(closers),
    )


def _client(pool: UpstreamPool, target: UpstreamTarget, upstream: Upstream | None) -> ApiClient:
    """A client for reviews; without ``upstream`` it has no credential of ours."""
    return ApiClient(
        pool,
        host=target.host_header,
        base_path=target.base_path,
        credential=upstream.credential if upstream is not None else None,
    )
