"""Rights that requests needed: who asked for what, and whether it was allowed.

Pure. Verb, resource and name are read from requestURI, as the authorizer was asked: the name in
objectRef may come from a body. To act as another user is a right, and the rest is the
other's.
"""

from collections.abc import Iterator, Sequence

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.memo import Memo
from auditproxy.apis.user import AUTHENTICATED, MASTERS, UserInfo
from auditproxy.audit.policy.simulation.logged import request_info
from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.facts import DECISION
from auditproxy.reading.rbac.rules import GENERATED, AskedRight

NAME = "rbac"
DERIVED = "rbac derive"
ALLOWED, REFUSED = ("allowed", "refused")
SERVICE_ACCOUNT = "system:serviceaccount:"
SESSIONS = ("exec", "attach", "portforward")
"""Subresources whose ``get`` is also asked as ``create`` (Kubernetes 1.35)."""
_REMEMBERED = 8192
_LONGEST = 1024
_BETWEEN = "\n"
_WRITTEN_WHOLE = ("update", "patch")
_CREATED = 201
INITIAL = "sendInitialEvents=true"
_known: Memo[tuple[str, str], RequestInfo] = Memo(_REMEMBERED)

RightKey = tuple[str, ...]
"""Outcome, user, groups, whether the right is only added, and the fields of an AskedRight."""


def keys_of(event: TrailEvent, received: str) -> Sequence[RightKey]:
    """What a request needed; nothing where no user was authenticated."""
    acting = event.impersonated_user
    who = event.user if acting is None else acting
    if not who.username:
        return ()
    outcome = _outcome(event)
    if not outcome:
        return ()
    status = event.response_status
    code = 0 if status is None else status.code
    keys = [
        _key(outcome, who, asked, added)
        for asked, added in _asked(event, is_created=code == _CREATED)
    ]
    if acting is not None and acting.username != event.user.username:
        keys += [_key(ALLOWED, event.user, asked, "") for asked in _impersonation(acting)]
    return keys


def derived_keys_of(event: TrailEvent, received: str) -> Sequence[RightKey]:
    """The same for roles: names that no role has are left out, because they have no end."""
    return [
        (*key[:8], "", key[9])
        if key[0] == ALLOWED and key[6].partition("/")[0] in GENERATED
        else key
        for key in keys_of(event, received)
    ]


def right_of(key: RightKey) -> AskedRight:
    """What a key says was asked."""
    return AskedRight(*key[4:])


def groups_in(key: RightKey) -> tuple[str, ...]:
    """The groups of the user of a key."""
    return tuple(key[2].split(_BETWEEN)) if key[2] else ()


def _key(outcome: str, who: UserInfo, asked: AskedRight, added: str) -> RightKey:
    fields = (
        asked.verb, asked.group, asked.resource, asked.namespace, asked.name, asked.path,
    )  # fmt: skip
    return (outcome, who.username, _BETWEEN.join(sorted(who.groups)), added, *fields)


def _outcome(event: TrailEvent) -> str:
    """By the authorizer's decision, or by the code where the event has none; "" is neither."""
    status = event.response_status
    code = 0 if status is None else status.code
    decision = event.annotations.get(DECISION, "")
    if decision:
        return ALLOWED if decision == "allow" else REFUSED
    if code == 401 or not code:
        return ""
    return REFUSED if code == 403 else ALLOWED


def _asked(event: TrailEvent, *, is_created: bool) -> Iterator[tuple[AskedRight, str]]:
    """What a request asked for, and what servers ask besides, with the reason."""
    asked = _right(event)
    yield asked, ""
    _, _, subresource = asked.resource.partition("/")
    if asked.verb == "get" and subresource in SESSIONS:
        # Older kubectls and servers since 1.35 ask for it.
        yield _with_verb(asked, "create"), "a session by WebSocket is also asked as create"
    if asked.verb == "watch" and INITIAL in event.request_uri.partition("?")[2]:
        # client-go lists where that does not work (tools/cache/reflector.go), also now and then.
        yield _with_verb(asked, "list"), "a watch that begins with all objects may also be a list"
    if asked.verb in _WRITTEN_WHOLE and is_created and not subresource:
        yield _with_verb(asked, "create"), "the object was created by it"


def _with_verb(asked: AskedRight, verb: str) -> AskedRight:
    return AskedRight(verb, asked.group, asked.resource, asked.namespace, asked.name)


def _right(event: TrailEvent) -> AskedRight:
    reference = event.object_ref
    if not event.request_uri and reference is not None:
        # An export without it: the reference is what there is.
        both = (reference.resource, reference.subresource)
        resource = "/".join(part for part in both if part)
        group, namespace, name = reference.api_group, reference.namespace, reference.name
        return AskedRight(event.verb, group, resource, namespace, name)
    info = _info(event.verb, event.request_uri)
    if not info.is_resource_request:
        return AskedRight(event.verb, path=info.path or event.request_uri.partition("?")[0])
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    return AskedRight(info.verb, info.api_group, resource, info.namespace, info.name)


def _info(verb: str, uri: str) -> RequestInfo:
    found = _known.get((verb, uri))
    if found is None:
        found = request_info(verb, uri)
        if len(uri) <= _LONGEST:
            _known.remember((verb, uri), found)
    return found


def _impersonation(acting: UserInfo) -> Iterator[AskedRight]:
    """The rights to act as a user (apiserver endpoints/filters/impersonation.go).

    Groups that servers add by themselves are not asked for.
    """
    added = {AUTHENTICATED, "system:unauthenticated"}
    name = acting.username
    if name.startswith(SERVICE_ACCOUNT) and name.count(":") == 3:
        namespace, _, account = name.removeprefix(SERVICE_ACCOUNT).partition(":")
        added |= {"system:serviceaccounts", f"system:serviceaccounts:{namespace}"}
        yield AskedRight("impersonate", "", "serviceaccounts", namespace, account)
    else:
        yield AskedRight("impersonate", "", "users", "", name)
    for group in acting.groups:
        if group not in added:
            yield AskedRight("impersonate", "", "groups", "", group)
    if acting.uid:
        yield AskedRight("impersonate", "authentication.k8s.io", "uids", "", acting.uid)
    for key, values in acting.extra.items():
        for value in values:
            resource = f"userextras/{key}"
            yield AskedRight("impersonate", "authentication.k8s.io", resource, "", value)


def is_master(groups: Sequence[str]) -> bool:
    """Whether RBAC was not asked: members of system:masters may do everything."""
    return MASTERS in groups
