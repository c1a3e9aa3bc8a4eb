"""AuditContext: the contents of one request's events, collected as they become known.

    created --begin--> begun --event(RequestReceived)--> .. --event(ResponseComplete|Panic)--> done
       \\--begin(failed=True)--> one event(ResponseStarted) and nothing else

The context is filled by plain calls and never waits; ``event`` returns the frozen
value for one stage, or None if the policy omits it. The rules are
those of kube-apiserver's WithAudit and WithFailedAuthenticationAudit
(apiserver endpoints/filters/audit.go, authn_audit.go, audit/context.go).
"""

import copy

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import (
    API_VERSION,
    LEVEL_WORDS,
    AuthenticationMetadata,
    Event,
    Level,
    ObjectReference,
    RequestAuditConfig,
    Stage,
)
from auditproxy.apis.status import Status, failure, only_code
from auditproxy.apis.user import NOBODY, UserInfo
from auditproxy.audit.annotations import DECISION, REASON
from auditproxy.audit.redaction.exchange import ExchangeRedactor
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.serializer.duration import format_duration
from auditproxy.serializer.json import status_object
from auditproxy.serializer.protobuf.envelope import ObjectMeta
from auditproxy.serializer.times import micro_time

LATENCY_THRESHOLD = 500_000_000
"""Nanoseconds above which ResponseComplete has latency annotations, as in kube-apiserver."""

REDACTED = "auditproxy.io/redacted"
"""Names the members of the event that hold markers in place of secret values."""

_LATENCY_PREFIX = "apiserver.latency.k8s.io/"
_NO_CONFIG = RequestAuditConfig(Level.NONE)
_NO_INFO = RequestInfo(is_resource_request=False, path="", verb="")

_RECORDED = (
    "object_ref",
    "_redaction",
    "annotations",
    "impersonated_user",
    "request_object",
    "response_object",
    "response_status",
)
"""What audit/record.py writes."""


def object_reference(info: RequestInfo) -> ObjectReference:
    """What the URL of a request for a resource says of its object."""
    return ObjectReference(
        resource=info.resource,
        namespace=info.namespace,
        name=info.name,
        api_group=info.api_group,
        api_version=info.api_version,
        subresource=info.subresource,
    )


def completed_reference(reference: ObjectReference, metadata: ObjectMeta) -> ObjectReference:
    """Fill the members that the URL lacks from the request's object."""
    return msgspec.structs.replace(
        reference,
        namespace=reference.namespace or metadata.namespace,
        name=reference.name or metadata.name,
        uid=reference.uid or metadata.uid,
        resource_version=reference.resource_version or metadata.resource_version,
    )


class Changes(msgspec.Struct, frozen=True):
    """What recording bodies has changed of a context, but for the two objects."""

    annotations: dict[str, str]
    is_impersonated: bool
    object_ref: ObjectReference | None
    response_status: Status | None


class AuditContext(msgspec.Struct, eq=False):
    """One request's audit record in the making; times are nanoseconds since the epoch."""

    audit_id: str
    received: int
    config: RequestAuditConfig = _NO_CONFIG
    level: Level = Level.NONE
    """The level that the policy gave this request; NONE before it was asked."""
    annotations: dict[str, str] = {}
    latencies: dict[str, int] = {}
    impersonated_user: UserInfo | None = None
    authentication_metadata: AuthenticationMetadata | None = None
    object_ref: ObjectReference | None = None
    request_object: msgspec.Raw | None = None
    response_object: msgspec.Raw | None = None
    response_status: Status | None = None
    request_uri: str = ""
    user: UserInfo = NOBODY
    source_ips: tuple[str, ...] = ()
    user_agent: str = ""
    redactor: Redactor | None = None
    failed: bool = False
    finished: bool = False
    _redaction: ExchangeRedactor | None = None
    _request_info: RequestInfo = _NO_INFO
    _impersonation_decided: bool = True
    _received_text: str = ""

    def __repr__(self) -> str:
        # Its members may hold secrets.
        return f"AuditContext({self.audit_id!r})"

    def begin(
        self,
        config: RequestAuditConfig,
        *,
        info: RequestInfo,
        request_uri: str,
        user: UserInfo | None,
        source_ips: tuple[str, ...],
        user_agent: str,
        failed: bool = False,
        redactor: Redactor | None = None,
    ) -> None:
        """Set the policy's decision and the members that all events of this request share.

        ``failed`` marks a request refused before authentication was done: its
        only event is ResponseStarted. Annotations made earlier are dropped when
        the level is None. ``redactor`` marks secrets in the URI, and in bodies later.
        """
        self.config = config
        self.level = config.level
        self.failed = failed
        if config.level is Level.NONE:
            self.annotations.clear()
            return
        self._request_info = info
        self.redactor = redactor
        self.request_uri = request_uri if redactor is None else redactor.request_uri(request_uri)
        if self.request_uri != request_uri:
            self.redacted("requestURI")
        self.user = user or NOBODY
        self.source_ips = source_ips
        self.user_agent = user_agent
        if info.is_resource_request:
            self.object_ref = object_reference(info)

    @property
    def verb(self) -> str:
        """The verb of a request that has begun."""
        return self._request_info.verb

    def annotate(self, key: str, value: str) -> None:
        """Add an annotation; the first value of a key stays, as in kube-apiserver."""
        self.annotations.setdefault(key, value)

    def annotate_again(self, key: str, value: str) -> None:
        """Replace an annotation by what is known better now."""
        self.annotations[key] = value

    def redacted(self, member: str) -> None:
        """Note that a member of the event holds markers in place of secret values."""
        known = self.annotations.get(REDACTED)
        members = {*known.split(","), member} if known else {member}
        self.annotations[REDACTED] = ",".join(sorted(members))

    def redaction(self, info: RequestInfo) -> ExchangeRedactor | None:
        """Return the redactor of this request; None if no rule names its resource."""
        if self._redaction is None and self.redactor is not None:
            scope = self.redactor.scope(info)
            if scope is not None:
                self._redaction = ExchangeRedactor(self.redactor, scope, info)
        return self._redaction

    def fork(self) -> "AuditContext":
        """Return a copy in the same state, for a thread to record into."""
        forked = copy.copy(self)
        forked.annotations = dict(self.annotations)
        return forked

    def adopt(self, recorded: "AuditContext") -> None:
        """Copy back what was recorded into a fork."""
        for name in _RECORDED:
            setattr(self, name, getattr(recorded, name))

    def changes(self) -> Changes:
        """What ``apply`` needs for the same state after bodies were recorded, elsewhere."""
        return Changes(
            self.annotations,
            self.impersonated_user is not None,
            self.object_ref,
            self.response_status,
        )

    def apply(
        self,
        changes: Changes,
        request_object: msgspec.Raw | None,
        response_object: msgspec.Raw | None,
    ) -> None:
        """Take over what was recorded elsewhere, into a copy of this context."""
        self.annotations = changes.annotations
        if not changes.is_impersonated:
            self.impersonated_user = None
        self.object_ref = changes.object_ref
        self.response_status = changes.response_status
        self.request_object, self.response_object = request_object, response_object

    def impersonate(self, user: UserInfo, constraint: str, *, decided: bool = True) -> None:
        """Record the impersonated user, and the constrained mode that allowed it.

        ``decided`` is false if the upstream decides whether the client may impersonate.
        """
        self.impersonated_user = user
        self._impersonation_decided = decided
        if constraint:
            self.authentication_metadata = AuthenticationMetadata(
                impersonation_constraint=constraint
            )

    @property
    def effective_user(self) -> UserInfo:
        """The user of the request: the impersonated user, otherwise the authenticated one."""
        return self.impersonated_user or self.user

    def not_authorized(self, *, impersonated: bool) -> None:
        """Remove the decision recorded in advance: the upstream never asked its authorizer.

        ``impersonated``: the upstream allowed the impersonation. If not, and if the decision
        was the upstream's, remove the impersonated user too.
        """
        for key in (DECISION, REASON):
            self.annotations.pop(key, None)
        if not impersonated and not self._impersonation_decided:
            self.impersonated_user = None

    def complete_reference(self, metadata: ObjectMeta) -> None:
        """Fill the members of objectRef that the URL lacks from the request's object."""
        if self.object_ref is not None:
            self.object_ref = completed_reference(self.object_ref, metadata)

    def answered(self, status: Status) -> None:
        """Set the Status of an answer generated by the proxy, as the client receives it."""
        self.response_status = status
        if self.level >= Level.REQUEST_RESPONSE:
            self.response_object = msgspec.Raw(status_object(status))

    def answers_with(self, status: Status) -> None:
        """Set a Status that the client may get in another form, or not at all."""
        self.response_status = status

    def wrote_code(self, code: int) -> None:
        """Record the code sent to the client; a Status already recorded keeps its other members."""
        if self.response_status is None:
            self.response_status = only_code(code)
        elif self.response_status.code != code:
            self.response_status = msgspec.structs.replace(self.response_status, code=code)

    def wrote_nothing(self, code: int = 0) -> None:
        """Note that the client got no answer (it left), in kube-apiserver's words.

        ``code`` is that of an answer that was there already.
        """
        if code:
            self.wrote_code(code)
        else:
            self.response_status = Status(
                metadata={}, status="Success", message="Connection closed early", code=200
            )

    def panicked(self, value: str) -> None:
        """Record a crash of the proxy's handler; replaces any status recorded before."""
        self.response_status = failure(500, "InternalError", f"APIServer panic'd: {value}")

    def track(self, layer: str, nanoseconds: int) -> None:
        """Add to the time spent in one layer (authentication, impersonation, ...)."""
        self.latencies[layer] = self.latencies.get(layer, 0) + nanoseconds

    def wants(self, stage: Stage) -> bool:
        """Whether an event of this stage is to be written at all."""
        config = self.config
        if config.level is Level.NONE or stage in config.omit_stages:
            return False
        return not self.failed or stage is Stage.RESPONSE_STARTED

    def event(self, stage: Stage, now: int) -> Event | None:
        """Return the event of one stage at ``now``, or None if the policy omits it."""
        if not self.wants(stage):
            return None
        early = stage is Stage.REQUEST_RECEIVED
        if not self._received_text:
            self._received_text = micro_time(self.received)
        annotations = dict(self.annotations)
        if stage is Stage.RESPONSE_COMPLETE:
            annotations.update(self._latency_annotations(now))
        if len(annotations) > 1:
            annotations = dict(sorted(annotations.items()))
        level = self.config.level
        return Event(
            kind="Event",
            api_version=API_VERSION,
            level=LEVEL_WORDS[level],
            audit_id=self.audit_id,
            stage=stage,
            request_uri=self.request_uri,
            verb=self._request_info.verb,
            user=self.user,
            impersonated_user=self.impersonated_user,
            authentication_metadata=self.authentication_metadata,
            source_ips=self.source_ips,
            user_agent=self.user_agent,
            object_ref=self.object_ref,
            response_status=self.response_status,
            request_object=self.request_object if level >= Level.REQUEST else None,
            response_object=self.response_object if level >= Level.REQUEST_RESPONSE else None,
            request_received_timestamp=self._received_text,
            stage_timestamp=self._received_text if early else micro_time(now),
            annotations=annotations,
        )

    def _latency_annotations(self, now: int) -> dict[str, str]:
        """The latency annotations of a slow request; a watch has none."""
        total = now - self.received
        if total <= LATENCY_THRESHOLD or self._request_info.verb == "watch":
            return {}
        layers = {layer: spent for layer, spent in self.latencies.items() if spent > 0}
        layers["total"] = total
        return {_LATENCY_PREFIX + layer: format_duration(spent) for layer, spent in layers.items()}
