"""What a request says of its session: where it runs, which command, which streams.

pods/exec, pods/attach, pods/portforward    kube-apiserver's parameters
nodes/{name}/proxy/exec/...                 the kubelet's own API and its parameters
anything else                               UNKNOWN: only the 101 may say that it is a session
"""

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.session import SessionKind
from auditproxy.request.target import Query
from auditproxy.sessions.wire.ports import port_number

_KINDS = {
    "exec": SessionKind.EXEC,
    "attach": SessionKind.ATTACH,
    "portforward": SessionKind.PORT_FORWARD,
}
_KUBELET_KINDS = {
    "exec": SessionKind.EXEC,
    "run": SessionKind.EXEC,
    "attach": SessionKind.ATTACH,
    "portForward": SessionKind.PORT_FORWARD,
}
_FALSE = frozenset({"0", "false"})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_WITH_FORM = frozenset({"POST", "PUT", "PATCH"})


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a session. Strings are as kube-apiserver decodes them.

    ``stderr`` is false with a terminal, whatever was asked: there is one output then. ``ports``
    are those that the query names, none for kubectl.
    """

    kind: SessionKind = SessionKind.UNKNOWN
    namespace: str = ""
    pod: str = ""
    node: str = ""
    container: str = ""
    command: tuple[str, ...] = ()
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False
    ports: tuple[int, ...] = ()
    has_streams: bool = True
    """False for the kubelet's ``run``, whose output is the answer of an ordinary request."""


def has_form(method: str, content_type: str) -> bool:
    """Return whether Go's Request.FormValue reads a request's body before its query."""
    return method in _WITH_FORM and content_type.partition(";")[0].strip().lower() in _FORMS


def describe(info: RequestInfo, query: Query, *, has_form: bool = False) -> SessionRequest:
    """Return what a request says of its session; of a request for none, where it goes.

    ``has_form``: its body is a form, which the kubelet's ``run`` reads before the query.
    """
    if info.is_resource_request and not info.api_group:
        if info.resource == "pods":
            return _pod(info, query)
        if info.resource == "nodes":
            return _node(info, query, has_form)
    return SessionRequest(namespace=info.namespace)


def _pod(info: RequestInfo, query: Query) -> SessionRequest:
    kind = _KINDS.get(info.subresource)
    if kind is None:
        return SessionRequest(namespace=info.namespace, pod=_host(info.name))
    if kind is SessionKind.PORT_FORWARD:
        return SessionRequest(
            kind=kind,
            namespace=info.namespace,
            pod=info.name,
            ports=_ports(query.values("ports")),
        )
    tty = _is_true(query, "tty")
    return SessionRequest(
        kind=kind,
        namespace=info.namespace,
        pod=info.name,
        container=query.first("container") or "",
        command=query.values("command") if kind is SessionKind.EXEC else (),
        stdin=_is_true(query, "stdin"),
        stdout=_is_true(query, "stdout"),
        stderr=_is_true(query, "stderr") and not tty,
        tty=tty,
    )


def _is_true(query: Query, name: str) -> bool:
    """As apimachinery's Convert_Slice_string_To_bool: all but absent, 0 and false is true."""
    value = query.first(name)
    return value is not None and value.lower() not in _FALSE


def _node(info: RequestInfo, query: Query, has_form: bool) -> SessionRequest:
    """Read a request to a kubelet: /{kind}/{namespace}/{pod}[/{uid}][/{container}]."""
    node = _host(info.name)
    parts = _cleaned(info.parts[3:]) if info.subresource == "proxy" else []
    kind = _KUBELET_KINDS.get(parts[0]) if parts else None
    if kind is None:
        return SessionRequest(node=node)
    if kind is SessionKind.PORT_FORWARD:
        if len(parts) not in (3, 4):
            return SessionRequest(node=node)
        return SessionRequest(
            kind=kind,
            node=node,
            namespace=parts[1],
            pod=parts[2],
            ports=_ports(query.values("port")),
        )
    if len(parts) not in (4, 5):
        return SessionRequest(node=node)
    runs = parts[0] == "run"
    if runs:
        # An ordinary request: the command's output is the body of the answer. Go's
        # Request.FormValue has the command, of which a form is the first source.
        command = () if has_form else tuple((query.first("cmd") or "").split(" "))
    else:
        command = query.values("command") if kind is SessionKind.EXEC else ()
    tty = _is_one(query, "tty") and not runs
    return SessionRequest(
        kind=kind,
        has_streams=not runs,
        node=node,
        namespace=parts[1],
        pod=parts[2],
        container=parts[-1],
        command=command,
        stdin=_is_one(query, "input") and not runs,
        stdout=_is_one(query, "output") and not runs,
        stderr=_is_one(query, "error") and not tty and not runs,
        tty=tty,
    )


def _is_one(query: Query, name: str) -> bool:
    """As the kubelet's NewOptions: only 1 is true."""
    return query.first(name) == "1"


def _ports(values: tuple[str, ...]) -> tuple[int, ...]:
    found = (port_number(text) for value in values for text in value.split(","))
    return tuple(port for port in found if port is not None)


def _cleaned(parts: tuple[str, ...]) -> list[str]:
    """Return path segments as Go's path.Join leaves them on the way to the kubelet."""
    cleaned: list[str] = []
    for part in parts:
        if part == "..":
            del cleaned[-1:]
        elif part not in ("", "."):
            cleaned.append(part)
    return cleaned


def _host(name: str) -> str:
    """Return the name in ``scheme:name:port``, the form that proxy subresources take."""
    parts = name.split(":")
    if len(parts) == 3:
        return parts[1]
    return parts[0] if len(parts) == 2 else name
