"""RequestFacts: what follows from a request's events, under the names of the columns.

Pure. Everything is read from the last event; bodies are only read where a name is missing.
"""

import re
from functools import cached_property
from typing import Any

import msgspec

from auditproxy.apis.audit import ObjectReference, Stage
from auditproxy.apis.user import ANONYMOUS
from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.requests import TrailRequest
from auditproxy.request.target import Query

ALLOWED, FORBIDDEN, UNAUTHENTICATED, FAILED, OPEN = OUTCOMES = (
    "allowed",
    "forbidden",
    "unauthenticated",
    "failed",
    "open",
)
KINDS = ("human", "serviceaccount", "node", "control-plane", "anonymous", "unknown")
SESSIONS = frozenset(("exec", "attach", "portforward"))
_DELETIONS = ("delete", "deletecollection")
DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"

_SERVICE_ACCOUNT = "system:serviceaccount:"
_NODE = "system:node:"
_NO_REFERENCE = ObjectReference()
_BINDING = re.compile(r'RBAC: allowed by (\w+) "([^"]*)" of (\w+) "([^"]*)" to (.*)', re.DOTALL)
_AGENT = re.compile(r"[^ (]*")


class RequestFacts:
    """The columns of one request; each is read when it is asked for, and once."""

    def __init__(self, request: TrailRequest) -> None:
        self.request = request
        self.event = request.event
        self.reference = request.event.object_ref or _NO_REFERENCE

    @property
    def user(self) -> str:
        """Who asked; "" where no user was authenticated."""
        return self.event.user.username

    @property
    def impersonated(self) -> str:
        """The user that the request was made as, if it is another one, or ""."""
        acting = self.event.impersonated_user
        return acting.username if acting is not None else ""

    @property
    def actor(self) -> str:
        """The user that the request was made as."""
        return self.impersonated or self.user

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the user and of the one that the user acted as."""
        return groups_of(self.event)

    @property
    def kind(self) -> str:
        """What the actor is, one of KINDS, by its name."""
        return kind_of(self.event)

    @property
    def resource(self) -> str:
        """``pods/exec``, ``deployments``; "" for what is not a resource."""
        reference = self.reference
        both = (reference.resource, reference.subresource)
        return "/".join(part for part in both if part)

    @cached_property
    def name(self) -> str:
        """The object's name; of one whose name the server chose, from the bodies, or ``web-*``."""
        return name_of(self.event)

    @property
    def namespace(self) -> str:
        """The namespace of the object; "" for what is in none, or in all."""
        return self.reference.namespace

    @property
    def path(self) -> str:
        """Of requestURI, without the query."""
        return self.event.request_uri.partition("?")[0]

    @cached_property
    def query(self) -> Query:
        """The parameters of requestURI."""
        _, _, query = self.event.request_uri.partition("?")
        return Query(query.encode("utf-8", "surrogatepass"))

    @property
    def command(self) -> tuple[str, ...]:
        """What an exec ran."""
        return self.query.values("command") if self.is_session else ()

    @property
    def is_session(self) -> bool:
        """Whether it is an exec, an attach or a port-forward."""
        return self.reference.resource == "pods" and self.reference.subresource in SESSIONS

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing was to be stored."""
        return "dryRun" in self.query or _asks_for_dry_run(self.event)

    @property
    def code(self) -> int:
        """The HTTP status; 0 where there was no answer yet."""
        status = self.event.response_status
        return status.code if status is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether the trail does not have its end.

        An error in ResponseStarted is one: failed logins have no later event.
        """
        stage = self.event.stage
        if stage in (Stage.RESPONSE_COMPLETE, Stage.PANIC):
            return False
        return stage != Stage.RESPONSE_STARTED or self.code < 400

    @property
    def outcome(self) -> str:
        """One of OUTCOMES."""
        if self.event.stage == Stage.PANIC:
            return FAILED
        if self.is_open:
            return OPEN
        code = self.code
        if code < 400:
            return ALLOWED
        return {401: UNAUTHENTICATED, 403: FORBIDDEN}.get(code, FAILED)

    @property
    def duration(self) -> int | None:
        """Nanoseconds from its arrival to its end; None while it is open and where not known."""
        seen = self.request.last
        if self.is_open or not seen.event.request_received_timestamp:
            return None
        return max(0, seen.staged - seen.received) if seen.event.stage_timestamp else None

    @property
    def peer(self) -> str:
        """The other end of the connection: the last source address."""
        return self.event.source_ips[-1] if self.event.source_ips else ""

    @property
    def claimed_address(self) -> str:
        """The first source address, which a client may choose."""
        return self.event.source_ips[0] if self.event.source_ips else ""

    @property
    def client(self) -> str:
        """The program, of the user agent."""
        found = _AGENT.match(self.event.user_agent)
        return found[0] if found is not None else ""

    @property
    def reason(self) -> str:
        """Why the authorizer decided so; "" where it said nothing."""
        return self.event.annotations.get(REASON, "")

    @property
    def granted_by(self) -> str:
        """The binding that allowed it: ``ClusterRoleBinding/x``; of several, the one it named."""
        found = _BINDING.fullmatch(self.reason)
        return f"{found[1]}/{found[2]}" if found is not None else ""

    @property
    def witnesses(self) -> int:
        """How many servers wrote of it."""
        return len(self.request.accounts)

    @cached_property
    def asked(self) -> Any:
        """The body of the request; None where the trail does not have it."""
        return _value(self.event.request_object)

    @cached_property
    def answered(self) -> Any:
        """The body of the answer; None where the trail does not have it."""
        return _value(self.event.response_object)


def kind_of(event: TrailEvent) -> str:
    """What the actor of an event is, one of KINDS, by its name."""
    acting = event.impersonated_user
    return kind_of_name((acting.username if acting is not None else "") or event.user.username)


def kind_of_name(name: str) -> str:
    """What has this name, one of KINDS."""
    if not name:
        return "unknown"
    if name == ANONYMOUS:
        return "anonymous"
    if name.startswith(_SERVICE_ACCOUNT):
        return "serviceaccount"
    if name.startswith(_NODE):
        return "node"
    return "control-plane" if name.startswith("system:") else "human"


def groups_of(event: TrailEvent) -> tuple[str, ...]:
    """The groups of the user and of the one that the user acted as."""
    acting = event.impersonated_user
    return event.user.groups + (acting.groups if acting is not None else ())


def is_dry_run(event: TrailEvent) -> bool:
    """Whether nothing was to be stored; of a deletion also by its body, where the trail has it."""
    return "dryRun=" in event.request_uri or _asks_for_dry_run(event)


def _asks_for_dry_run(event: TrailEvent) -> bool:
    # kubectl puts it into the DeleteOptions, and nothing into the target.
    if event.verb not in _DELETIONS or not bytes(event.request_object):
        return False
    asked = _value(event.request_object)
    named = asked.get("dryRun") if isinstance(asked, dict) else None
    return isinstance(named, list) and bool(named)


def name_of(event: TrailEvent) -> str:
    """The name of an event's object; of a created one perhaps from the bodies, or ``web-*``."""
    reference = event.object_ref or _NO_REFERENCE
    if reference.name or event.verb != "create" or not bytes(event.request_object):
        return reference.name
    answered, asked = (
        _metadata(_value(event.response_object)),
        _metadata(_value(event.request_object)),
    )
    named = answered.get("name") or asked.get("name")
    if isinstance(named, str):
        return named
    generated = asked.get("generateName")
    return f"{generated}*" if isinstance(generated, str) and generated else ""


def short_user(name: str) -> str:
    """``ns/sa`` for a service account and ``node/x`` for a node; other names as they are."""
    if name.startswith(_SERVICE_ACCOUNT) and name.count(":") == 3:
        return name.removeprefix(_SERVICE_ACCOUNT).replace(":", "/")
    return f"node/{name.removeprefix(_NODE)}" if name.startswith(_NODE) else name


def _value(raw: msgspec.Raw) -> Any:
    data = bytes(raw)
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _metadata(value: Any) -> dict[str, Any]:
    found = value.get("metadata") if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
