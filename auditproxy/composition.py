"""Composition: from options to services; reads the files that the options name.

Every fault of every file is found before anything is built, so that an
operator sees all of them at once.
"""

import os
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditproxy.apis.audit import Policy
from auditproxy.audit.backend import Backend
from auditproxy.audit.builtin import BUILTIN_POLICY
from auditproxy.audit.metrics import Metrics
from auditproxy.audit.policy import PolicyError, PolicyRuleEvaluator, load_policy
from auditproxy.audit.redact import Redactor
from auditproxy.authentication.authenticator import TokenAuthenticator
from auditproxy.authentication.authenticatorfactory import new_authenticator
from auditproxy.authentication.certificate import PeerCertificate
from auditproxy.authentication.tokenfile import (
    TokenFile,
    TokenFileAuthenticator,
    TokenFileError,
    parse_token_file,
)
from auditproxy.authentication.tokenreview import Reviewer, TokenReviewAuthenticator
from auditproxy.authentication.x509 import X509Authenticator
from auditproxy.authorization.authorizer import PrivilegedGroupAuthorizer
from auditproxy.authorization.impersonation import DeferredImpersonator, Impersonator
from auditproxy.options import Options
from auditproxy.redactionfile import read_redactor
from auditproxy.server.apiclient import ApiClient
from auditproxy.server.credentials import CredentialError, UpstreamTarget
from auditproxy.server.kubeconfig import Upstream, load_upstream
from auditproxy.server.reviews import (
    CachingReviewer,
    FallbackReviewer,
    SelfSubjectReviewer,
    SubjectAccessReviewAuthorizer,
    TokenReviewer,
)
from auditproxy.server.services import ConnectionFacts, Limits, Services
from auditproxy.server.upstream import UpstreamPool
from auditproxy.server.upstreamidentity import Impersonating, PassingThrough

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Files:
    """What the files say that the options name."""

    policy: Policy
    token_file: TokenFile | None
    upstream: Upstream
    redactor: Redactor | None
    notes: tuple[str, ...]
    """Start-up lines: each default that was taken, each warning of a file."""


class FilesError(Exception):
    """Files that cannot be used; ``faults`` has a line for each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def read_files(options: Options) -> Files:
    """Read and check every file; raises FilesError with all faults."""
    faults: list[str] = []
    notes: list[str] = []
    policy = _policy(options.audit.policy_file, faults, notes)
    token_file = _token_file(options.authentication.token_auth_file, faults, notes)
    upstream = _upstream(options, faults, notes)
    redactor = read_redactor(options.audit, faults, notes)
    client_ca = options.authentication.client_ca_file
    _check_authorities(client_ca, faults)
    if client_ca and options.upstream.upstream_identity == "passthrough":
        notes.append(
            "--client-ca-file with --upstream-identity=passthrough: clients known by certificate "
            "are refused, because their certificate cannot be passed through"
        )
    if (
        options.authentication.token_auth_file
        and options.upstream.upstream_identity == "passthrough"
    ):
        notes.append(
            "--token-auth-file with --upstream-identity=passthrough: its tokens are passed to the "
            "upstream, which must know them too"
        )
    if options.audit_webhook.config_file:
        faults.append("--audit-webhook-config-file: not wired yet")
    if options.audit_log.mode == "batch" or options.audit_log.truncate_enabled:
        faults.append("--audit-log-mode batch and --audit-log-truncate-enabled: not wired yet")
    if faults or policy is None or upstream is None:
        raise FilesError(tuple(faults))
    return Files(policy, token_file, upstream, redactor, tuple(notes))


def _read(path: str, flag: str, faults: list[str]) -> bytes:
    """A file's bytes; none and a fault when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        faults.append(f"{flag} {path} cannot be read: {error.strerror}")
        return b""


def _check_authorities(path: str, faults: list[str]) -> None:
    """The client CA bundle must hold at least one certificate."""
    if not path:
        return
    before = len(faults)
    bundle = _read(path, "--client-ca-file", faults)
    if len(faults) == before and b"-----BEGIN CERTIFICATE-----" not in bundle:
        faults.append(f"--client-ca-file {path} holds no PEM certificate; name a PEM bundle")


def _policy(path: str, faults: list[str], notes: list[str]) -> Policy | None:
    """The policy, in kube-apiserver's words when it is not good."""
    if not path:
        notes.append(
            "no --audit-policy-file: the built-in policy records the metadata of all requests "
            "but health checks and leases"
        )
        return load_policy(BUILTIN_POLICY, "")[0]
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        faults.append(
            f'loading audit policy file: failed to read file path "{path}": '
            f"open {path}: {(error.strerror or '').lower()}"
        )
        return None
    try:
        policy, warnings = load_policy(raw, path)
    except PolicyError as error:
        faults.append(f"loading audit policy file: {error}")
        return None
    notes += warnings
    return policy


def _token_file(path: str, faults: list[str], notes: list[str]) -> TokenFile | None:
    if not path:
        return None
    before = len(faults)
    raw = _read(path, "--token-auth-file", faults)
    if len(faults) > before:
        return None
    try:
        token_file = parse_token_file(raw, path, secrets.token_bytes(32))
    except TokenFileError as error:
        faults.append(f"--token-auth-file: {error}")
        return None
    notes += token_file.warnings
    return token_file


def _upstream(options: Options, faults: list[str], notes: list[str]) -> Upstream | None:
    path = options.upstream.kubeconfig or default_kubeconfig(os.environ)
    if path and not options.upstream.kubeconfig and not Path(path).exists():
        faults.append(
            f"there is no upstream: {path} does not exist and this is no pod of a cluster; "
            "give --kubeconfig"
        )
        return None
    try:
        upstream = load_upstream(path, options.upstream.context)
    except CredentialError as error:
        faults.append(str(error))
        return None
    notes.append(f"the upstream is {upstream.source}")
    notes += upstream.warnings
    return upstream


def default_kubeconfig(environment: Any) -> str:
    """The kubeconfig that kubectl would use, or "" for the pod's service account.

    Inside a pod without $KUBECONFIG the service account wins, as for any controller.
    """
    named: str = environment.get("KUBECONFIG", "")
    if named:
        return next((path for path in named.split(os.pathsep) if path), "")
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return ""
    return str(Path.home() / ".kube" / "config")


class Composed:
    """The services and what must be closed after them."""

    def __init__(
        self, services: Services, pools: tuple[UpstreamPool, ...], closers: tuple[Any, ...]
    ) -> None:
        self.services = services
        self._pools = pools
        self._closers = closers

    async def close(self) -> None:
        """Close reviews and upstream connections."""
        for closer in self._closers:
            await closer.close()
        for pool in self._pools:
            await pool.close()


def compose(
    options: Options,
    files: Files,
    *,
    sink: Backend,
    metrics: Metrics,
    report: Callable[[str], None],
) -> Composed:
    """Build the services for a running event loop."""
    upstream = files.upstream
    impersonating = UpstreamPool(upstream.impersonating)
    passthrough = UpstreamPool(upstream.passthrough)
    own = _client(impersonating, upstream.impersonating, upstream)
    theirs = _client(passthrough, upstream.passthrough, None)
    access_reviews = SubjectAccessReviewAuthorizer(own)
    authorizer = PrivilegedGroupAuthorizer(access_reviews)
    passing = options.upstream.upstream_identity == "passthrough"
    closers: list[Any] = [access_reviews]

    tokens: list[TokenAuthenticator] = []
    if files.token_file is not None:
        tokens.append(TokenFileAuthenticator(files.token_file))
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
        tokens.append(TokenReviewAuthenticator(caching))
    annotations = options.audit.authorization_annotations
    services = Services(
        authenticator=new_authenticator(
            x509=X509Authenticator() if options.authentication.client_ca_file else None,
            tokens=tuple(tokens),
            anonymous=options.authentication.anonymous_auth,
        ),
        evaluator=PolicyRuleEvaluator(files.policy),
        sink=sink,
        metrics=metrics,
        impersonator=DeferredImpersonator() if passing else Impersonator(authorizer),
        annotation_authorizer=authorizer if annotations == "review" else None,
        infer_decision=annotations == "infer",
        upstream=(
            PassingThrough(passthrough, upstream.passthrough)
            if passing
            else Impersonating(impersonating, upstream.impersonating, upstream.credential)
        ),
        wall_clock=time.time_ns,
        monotonic_clock=time.perf_counter_ns,
        new_audit_id=lambda: str(uuid.uuid4()),
        facts_of=facts_of,
        report=report,
        redactor=files.redactor,
        limits=Limits(
            request_timeout=options.serving.request_timeout,
            request_copy=options.audit.capture_request_limit,
            response_copy=options.audit.capture_response_limit,
        ),
    )
    return Composed(services, (impersonating, passthrough), tuple(closers))


def _client(pool: UpstreamPool, target: UpstreamTarget, upstream: Upstream | None) -> ApiClient:
    """A client for reviews; without ``upstream`` it has no credential of ours."""
    return ApiClient(
        pool,
        host=target.host_header,
        base_path=target.base_path,
        credential=upstream.credential if upstream is not None else None,
    )


def facts_of(transport: Any) -> ConnectionFacts:
    """What a connection tells once: the peer's address and its verified certificate."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    remote = str(peer[0]) if isinstance(peer, tuple) and peer else ""
    secured = transport.get_extra_info("ssl_object") if transport is not None else None
    der = secured.getpeercert(True) if secured is not None else None
    return ConnectionFacts(remote, PeerCertificate.from_der(der) if der else None)
