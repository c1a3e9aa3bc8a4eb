"""Inputs of the chain: Services, rebuilt when a file changes, and Shared, which never is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.audit import RequestAuditConfig
from auditproxy.apis.user import UserInfo
from auditproxy.audit.backend import Backend, TakeLine
from auditproxy.audit.deprecation import Deprecations
from auditproxy.audit.objects import BUILTIN_TYPES
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.authentication.authenticator import Authenticator, Identity
from auditproxy.authorization.authorizer import Authorizer
from auditproxy.authorization.impersonation import Impersonated
from auditproxy.capture.copies import CaptureRoom
from auditproxy.capture.decoding import DecodeQueue
from auditproxy.metrics.registry import Metrics
from auditproxy.monitor.monitor import Unwatched, UpstreamWatch
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders
from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.request.resolution import KnownTargets
from auditproxy.request.sourceips import TrustedProxies
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.server.deadline import Deadlines
from auditproxy.tracing.requests import Tracing
from auditproxy.upstream.pool import UpstreamPool

if TYPE_CHECKING:
    from auditproxy.sessions.rules import RecordingPolicy
    from auditproxy.supervision.supervisor import Supervisor


class PolicyEvaluator(Protocol):
    """Decides what the operator wants recorded of a request."""

    def decide(self, user: UserInfo | None, info: RequestInfo) -> RequestAuditConfig:
        """The level and stages for one request of ``user``, None when unknown."""

    def kind(self, info: RequestInfo) -> tuple[object, ...]:
        """All that ``decide`` goes by besides the user: it says the same of equal kinds."""


class Impersonation(Protocol):
    """Decides which user a request acts as."""

    async def impersonate(
        self, headers: ClientHeaders, requestor: UserInfo, attributes: Attributes
    ) -> Impersonated | None:
        """The impersonated user, or None when the request does not impersonate.

        Raises ImpersonationBadRequest and ImpersonationForbidden.
        """


class UpstreamIdentity(Protocol):
    """How the upstream learns who asks: one pool and the headers that go with it."""

    pool: UpstreamPool
    host: bytes
    base_path: bytes

    def at_hand(self) -> object:
        """What the lines of ``known_headers`` follow from besides the client.

        The same object as long as they do; None where they are not to be kept.
        """

    def known_headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders | None:
        """What ``headers`` would return, where it is known without waiting; never raises.

        The same object for the same client as long as nothing that it follows from changes.
        """

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """The identity headers for a request of ``identity`` acting as ``user``; ``wanted`` is what
        it asked to be, if anything.

        Raises UnforwardableIdentityError when they would not say the same to the
        upstream, and CredentialError when our own cannot be had.
        """


class ActingUser(msgspec.Struct, frozen=True, gc=False):
    """The user that a request acts as, and the impersonation that it ``wanted``, if any."""

    user: UserInfo
    wanted: UserInfo | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request; nanoseconds and bytes."""

    request_timeout: int = 60_000_000_000
    body_wait: int = 20_000_000_000
    """How long a request's body may keep us waiting; each 500 bytes of it add a second."""
    request_copy: int = 3 * 1024 * 1024
    response_copy: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BackendPolicy:
    """A backend, and the services whose evaluator and redactor decide what it gets."""

    backend: Backend
    services: "Services"


@dataclass(slots=True)
class Services:
    """What depends on options and files; see each Protocol for its promise.

    A request keeps the services that it began with.
    """

    authenticator: Authenticator
    evaluator: PolicyEvaluator
    impersonator: Impersonation
    annotation_authorizer: Authorizer | None
    infer_decision: bool
    upstream: UpstreamIdentity
    redactor: Redactor | None = None
    limits: Limits = field(default_factory=Limits)
    front_proxy: FrontProxyHeaders = NO_FRONT_PROXY
    trusted_proxies: TrustedProxies | None = None
    types: Decoder = BUILTIN_TYPES
    recording_policy: "RecordingPolicy | None" = None
    """Which sessions are recorded; None records none."""
    redact_line: Callable[[str], str] = str
    """Marks secrets in lines that users type."""
    policies: tuple[BackendPolicy, ...] = ()
    """Of every backend, where one has a policy of its own; else none, and all get the same."""


@dataclass(slots=True)
class Shared:
    """What is the process's own, whatever the files say: one for all requests."""

    sink: Backend
    metrics: Metrics
    wall_clock: Callable[[], int]
    monotonic_clock: Callable[[], int]
    new_audit_id: Callable[[], str]
    report: Callable[[str], None]
    room: CaptureRoom = field(default_factory=CaptureRoom)
    decoding: DecodeQueue = field(default_factory=DecodeQueue)
    watch: UpstreamWatch = field(default_factory=Unwatched)
    deprecations: Deprecations = field(default_factory=Deprecations)
    deadlines: Deadlines = field(default_factory=Deadlines)
    targets: KnownTargets = field(default_factory=KnownTargets)
    tracing: Tracing | None = None
    """Decides which requests are traced; None where none is."""
    supervisor: "Supervisor | None" = None
    """Follows sessions while they run; None where nothing comes of it."""
    session_annotations: bool = False
    take_line: TakeLine | None = None
    """Takes the line of an event in place of the event, or returns None: then the sink has to take
    the event, as always where this is None.
    """
    is_durable: bool = False
    """Whether no request is served before the events of the one before it are stored."""
    awaits_decoded: bool = False
    """Whether a connection's next request waits for events whose bodies are decoded aside, too,
    where it waits for others; always so where it ``is_durable``.
    """
