"""Conditions: which requests are meant, asked of one event at a time, and in SQL.

Pure. A condition admits an event if one of its values does and none of its excluded ones does:

    alice, *@example.com    an asterisk stands for anything
    !alice                  anything but this

Before a line is decoded, the bytes that every line that matches must have are looked for. These are
parts of values that any writer of JSON spells as they are.
"""

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.user import UserInfo
from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.facts import KINDS, groups_of, kind_of, name_of, short_user
from auditproxy.reading.meaning.sentences import singular

SHORT_NAMES = {
    "cm": "configmaps",
    "crd": "customresourcedefinitions",
    "crds": "customresourcedefinitions",
    "cj": "cronjobs",
    "cs": "componentstatuses",
    "csr": "certificatesigningrequests",
    "deploy": "deployments",
    "ds": "daemonsets",
    "ep": "endpoints",
    "ev": "events",
    "hpa": "horizontalpodautoscalers",
    "ing": "ingresses",
    "ip": "ipaddresses",
    "limits": "limitranges",
    "netpol": "networkpolicies",
    "no": "nodes",
    "ns": "namespaces",
    "pc": "priorityclasses",
    "pdb": "poddisruptionbudgets",
    "po": "pods",
    "pv": "persistentvolumes",
    "pvc": "persistentvolumeclaims",
    "quota": "resourcequotas",
    "rc": "replicationcontrollers",
    "rs": "replicasets",
    "sa": "serviceaccounts",
    "sc": "storageclasses",
    "sts": "statefulsets",
    "svc": "services",
    "vac": "volumeattributesclasses",
}
"""kubectl's short names of resources."""
_OF_KUBECTL = {
    "exec": "--resource=pods/exec",
    "cp": "--resource=pods/exec",
    "attach": "--resource=pods/attach",
    "port-forward": "--resource=pods/portforward",
    "portforward": "--resource=pods/portforward",
    "logs": "--resource=pods/log",
    "log": "--resource=pods/log",
    "scale": "--resource=*/scale",
    "apply": "--verb=patch",
    "edit": "--verb=patch",
    "describe": "--verb=get",
    "read": "--verb=get,list,watch",
    "impersonate": "--where='impersonated_username IS NOT NULL'",
}
"""What people ask for by a word of kubectl or of RBAC, which no event has as its verb."""
_CODE = re.compile(r"!?(?:[1-5]xx|[1-9][0-9]{2})", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9 :@._-]+", re.ASCII)
"""Characters that no writer of JSON escapes."""
_SHORTEST = 3


class ColumnFilter(msgspec.Struct, frozen=True):
    """What one column must have: any of ``values``, and none of ``excluded``."""

    column: str
    values: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def varies(self) -> bool:
        """Whether it may admit an event of a request and not the last one, which decides."""
        return self.column == "code" or (bool(self.excluded) and self.column in _VARYING)

    def admits(self, event: TrailEvent) -> bool:
        """Whether an event has what is asked for."""
        found = _COLUMNS[self.column](event)
        matches = _MATCHES.get(self.column, _is)
        if self.excluded and any(matches(one, each) for one in self.excluded for each in found):
            return False
        if not self.values:
            return self.column != "code" or bool(found)
        return any(matches(one, each) for one in self.values for each in found)

    def literals(self) -> tuple[bytes, ...]:
        """Bytes of which every line that is admitted has at least one; () where not known."""
        if not self.values or self.column not in _WITH_LITERALS:
            return ()
        found = [_literal(self.column, value) for value in self.values]
        return tuple(found) if all(found) else ()


def conditions_of(given: Mapping[str, Sequence[str]]) -> tuple[ColumnFilter, ...]:
    """The conditions of values by column, rarest first.

    Raises ValueError: the value that is not valid, and what is.
    """
    found = []
    for column in COLUMNS:
        texts = [text for text in given.get(column, ()) if text]
        if not texts:
            continue
        for text in texts:
            if column == "code" and not _CODE.fullmatch(text):
                raise ValueError(
                    f"{go_quote(text)} is not an HTTP code such as 403, or a class such as 4xx"
                )
            if column == "kind" and text.removeprefix("!") not in KINDS:
                raise ValueError(f"{go_quote(text)} is not one of {', '.join(KINDS)}")
            if column == "verb" and text.removeprefix("!").lower() in _OF_KUBECTL:
                fix = _OF_KUBECTL[text.removeprefix("!").lower()]
                raise ValueError(f"{go_quote(text)} is not a verb of the API; use {fix}")
            if column == "source-ip" and "/" in text:
                raise ValueError(
                    f"{go_quote(text)} is not an address; use an asterisk for a network, such as "
                    "192.0.2.*"
                )
        values = tuple(_spelled(column, text) for text in texts if not text.startswith("!"))
        excluded = tuple(_spelled(column, text[1:]) for text in texts if text.startswith("!"))
        found.append(ColumnFilter(column, values, excluded))
    return tuple(found)


def admits_all(conditions: Sequence[ColumnFilter], event: TrailEvent) -> bool:
    """Whether every condition admits an event."""
    return all(condition.admits(event) for condition in conditions)


def is_user(conditions: Sequence[ColumnFilter], name: str) -> bool:
    """Whether conditions of users admit one name."""
    event = TrailEvent(user=UserInfo(username=name))
    return admits_all(conditions, event)


def as_sql(conditions: Sequence[ColumnFilter]) -> tuple[str, list[str]]:
    """The same as a WHERE clause over the columns of docs/events-schema.md, and its parameters."""
    clauses: list[str] = []
    parameters: list[str] = []
    for condition in conditions:
        for values, negation in ((condition.values, ""), (condition.excluded, "NOT ")):
            if not values:
                continue
            parts = []
            for value in values:
                text, bound = _sql(condition.column, value)
                # NULL is not what is asked for, and not what is excluded.
                parts.append(f"coalesce({text}, false)")
                parameters += bound
            clauses.append(f"{negation}({' OR '.join(parts)})")
    return " AND ".join(clauses) or "true", parameters


def _spelled(column: str, text: str) -> str:
    """A value as events have it: whole names of resources and of service accounts."""
    if column == "user" and text.count("/") == 1 and ":" not in text and "@" not in text:
        namespace, _, name = text.partition("/")
        return f"system:node:{name}" if namespace == "node" else text
    if column == "verb":
        return text.lower()
    if column == "resource":
        resource, slash, subresource = text.lower().partition("/")
        name, dot, group = resource.partition(".")
        return SHORT_NAMES.get(name, name) + dot + group + slash + subresource
    return text


def _is(wanted: str, value: str) -> bool:
    if wanted == value:
        return True
    return "*" in wanted and fnmatch.fnmatchcase(
        value, wanted.replace("[", "[[]").replace("?", "[?]")
    )


def _is_user(wanted: str, value: str) -> bool:
    return _is(wanted, value) or ("/" in wanted and _is(wanted, short_user(value)))


def _is_code(wanted: str, value: str) -> bool:
    return value[:1] == wanted[:1] if wanted.endswith("xx") else value == wanted


def _is_resource(wanted: str, value: str) -> bool:
    """``pods``, ``pods/exec``, ``pods/*``, ``*/scale``, ``deployments.apps``; plural or not."""
    wanted, _, wanted_sub = wanted.partition("/")
    wanted, dot, wanted_group = wanted.partition(".")
    both, _, group = value.partition(" ")
    resource, _, subresource = both.partition("/")
    if dot and not _is(wanted_group, group):
        return False
    if not _is(wanted_sub, subresource):
        return False
    return _is(wanted, resource) or singular(wanted) == singular(resource)


def _users(event: TrailEvent) -> tuple[str, ...]:
    acting = event.impersonated_user
    return (event.user.username,) if acting is None else (event.user.username, acting.username)


def _resources(event: TrailEvent) -> tuple[str, ...]:
    reference = event.object_ref
    if reference is None:
        return ("",)
    both = f"{reference.resource}/{reference.subresource}"
    return (f"{both} {reference.api_group}",)


def _namespaces(event: TrailEvent) -> tuple[str, ...]:
    return ("" if event.object_ref is None else event.object_ref.namespace,)


def _codes(event: TrailEvent) -> tuple[str, ...]:
    status = event.response_status
    return () if status is None or not status.code else (str(status.code),)


_COLUMNS: dict[str, Callable[[TrailEvent], tuple[str, ...]]] = {
    "audit-id": lambda event: (event.audit_id,),
    "user": _users,
    "name": lambda event: (name_of(event),),
    "source-ip": lambda event: event.source_ips,
    "resource": _resources,
    "user-agent": lambda event: (event.user_agent,),
    "code": _codes,
    "group": groups_of,
    "namespace": _namespaces,
    "kind": lambda event: (kind_of(event),),
    "verb": lambda event: (event.verb,),
}
COLUMNS = tuple(_COLUMNS)
"""What can be asked for, rarest first."""
_VARYING = frozenset(("user", "name", "group", "kind"))
_MATCHES = {"user": _is_user, "code": _is_code, "resource": _is_resource}
_WITH_LITERALS = frozenset(_COLUMNS) - {"code", "kind"}


def _literal(column: str, value: str) -> bytes:
    """A part of what a line must have; b"" where there is none that is long enough."""
    if column == "resource":
        resource, _, subresource = value.partition("/")
        resource = resource.partition(".")[0]
        # A singular form is a part of most plural ones, and not of all: policy, policies.
        value = subresource if subresource and "*" not in subresource else singular(resource)[:-1]
    elif column == "user" and "/" in value:
        value = value.rpartition("/")[2]
    runs = [run for part in value.split("*") for run in _PLAIN.findall(part)]
    longest = max(runs, key=len, default="")
    if len(longest) < _SHORTEST:
        return b""
    is_whole = longest == value and column not in ("resource", "user")
    return (f'"{longest}"' if is_whole else longest).encode()


_SQL = {
    "audit-id": "audit_id",
    "user-agent": "user_agent",
    "name": "name",
    "namespace": "namespace",
    "kind": "kind",
    "verb": "verb",
}


def _sql(column: str, value: str) -> tuple[str, list[str]]:
    text, operator = (_like(value), "LIKE") if "*" in value else (value, "=")
    suffix = " ESCAPE '\\'" if operator == "LIKE" else ""

    def compare(name: str) -> str:
        # An asterisk alone stands for nothing too, which is NULL there.
        named = f"coalesce({name}, '')" if suffix else name
        return f"{named} {operator} ?{suffix}"

    if column == "user":
        names: tuple[str, ...] = ("username", "impersonated_username")
        if "/" in value:
            names = (*names, "short_user(username)", "short_user(impersonated_username)")
        return " OR ".join(map(compare, names)), [text] * len(names)
    if column == "code":
        first = value[0]
        if value.endswith("xx"):
            return "code // 100 = CAST(? AS INTEGER)", [first]
        return "code = CAST(? AS INTEGER)", [value]
    if column in ("group", "source-ip"):
        name = "groups" if column == "group" else "source_ips"
        if operator == "=":
            return f"list_contains({name}, ?)", [text]
        return f"len(list_filter({name}, lambda x: {compare('x')})) > 0", [text]
    if column == "resource":
        return _resource_sql(value)
    return compare(_SQL[column]), [text]


def _resource_sql(value: str) -> tuple[str, list[str]]:
    resource, _, subresource = value.partition("/")
    resource, dot, group = resource.partition(".")
    names = [resource, f"{resource}s", f"{resource}es"]
    names += [f"{resource[:-1]}ies"] if resource.endswith("y") else []
    clauses = [
        "(" + " OR ".join(["coalesce(resource, '') LIKE ? ESCAPE '\\'"] * len(names)) + ")",
        "coalesce(subresource, '') LIKE ? ESCAPE '\\'",
    ]
    parameters = [_like(name) for name in (*names, subresource)]
    if dot:
        clauses.append("coalesce(api_group, '') LIKE ? ESCAPE '\\'")
        parameters.append(_like(group))
    return f"({' AND '.join(clauses)})", parameters


def _like(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
