"""audit.k8s.io/v1: Level, Stage, Event, Policy.

Event's members are in Go's order and are omitted when Go omits them
(apiserver apis/audit/v1/types.go), so that encoding the value gives
kube-apiserver's line.
"""

import enum
from typing import Literal

import msgspec

from auditproxy.apis.status import Status
from auditproxy.apis.user import UserInfo

API_VERSION = "audit.k8s.io/v1"


class Level(enum.IntEnum):
    """How much is recorded; a larger level records more."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    @property
    def word(self) -> str:
        """The level as the policy and the event spell it."""
        return LEVEL_WORDS[self]


LEVEL_WORDS = {
    Level.NONE: "None",
    Level.METADATA: "Metadata",
    Level.REQUEST: "Request",
    Level.REQUEST_RESPONSE: "RequestResponse",
}


class Stage(enum.StrEnum):
    """When in a request's life an event is written."""

    REQUEST_RECEIVED = "RequestReceived"
    RESPONSE_STARTED = "ResponseStarted"
    RESPONSE_COMPLETE = "ResponseComplete"
    PANIC = "Panic"


class ObjectReference(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the request is about; every empty member is omitted."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_group: str = msgspec.field(default="", name="apiGroup")
    api_version: str = msgspec.field(default="", name="apiVersion")
    resource_version: str = msgspec.field(default="", name="resourceVersion")
    subresource: str = ""


class AuthenticationMetadata(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which constrained impersonation mode let the request through."""

    impersonation_constraint: str = msgspec.field(default="", name="impersonationConstraint")


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """One audit event; times are RFC 3339 in UTC with six digits."""

    kind: Literal["Event"]
    api_version: str
    level: str
    audit_id: str = msgspec.field(name="auditID")
    stage: str
    request_uri: str = msgspec.field(name="requestURI")
    verb: str
    user: UserInfo
    impersonated_user: UserInfo | None = None
    authentication_metadata: AuthenticationMetadata | None = None
    source_ips: tuple[str, ...] = msgspec.field(default=(), name="sourceIPs")
    user_agent: str = ""
    object_ref: ObjectReference | None = None
    response_status: Status | None = None
    request_object: msgspec.Raw | None = None
    response_object: msgspec.Raw | None = None
    request_received_timestamp: str
    stage_timestamp: str
    annotations: dict[str, str] = {}


class GroupResources(msgspec.Struct, frozen=True, kw_only=True):
    """Which resources of one API group a rule means."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class Selectors(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests a rule means: those that every list admits; an empty list admits all.

    With resources or namespaces they are requests for resources, with URLs the others.
    """

    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()


class PolicyRule(Selectors, frozen=True, kw_only=True):
    """One rule of a policy; ``omit_managed_fields`` None is the policy's."""

    level: Level
    omit_stages: tuple[Stage, ...] = ()
    omit_managed_fields: bool | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's rules; the first that matches decides."""

    rules: tuple[PolicyRule, ...]
    omit_stages: tuple[Stage, ...] = ()
    omit_managed_fields: bool = False


class RequestAuditConfig(msgspec.Struct, frozen=True):
    """What the policy says about one request."""

    level: Level
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool = False
