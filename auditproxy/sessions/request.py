"""What a request says of its session: where it runs, which command, which streams.

pods/exec, pods/attach, pods/portforward    kube-apiserver's parameters
nodes/{name}/proxy/exec/...                 the kubelet's own API, its parameters and forms
anything else                               UNKNOWN: only the 101 may say that it is a session
"""

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.session import SessionKind
from auditproxy.request.target import Query
from auditproxy.sessions.forms import NO_FORM, BodyForm
from auditproxy.sessions.wire.ports import port_number

_KINDS = {
    "exec": SessionKind.EXEC,
    "attach": SessionKind.ATTACH,
    "portforward": SessionKind.PORT_FORWARD,
}
_SUBRESOURCES = {kind: subresource for subresource, kind in _KINDS.items()}
_KUBELET_KINDS = {
    "exec": SessionKind.EXEC,
    "run": SessionKind.EXEC,
    "attach": SessionKind.ATTACH,
    "portForward": SessionKind.PORT_FORWARD,
}
_FALSE = frozenset({"0", "false"})

FORM_NOT_READ = "what is asked for may be in a form in the request's body that is not read"
TWO_COMMANDS = (
    "the form in the request's body has this command and the query another one, and the version "
    "of the kubelet decides which of them runs"
)


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
    doubt: str = ""
    """Why the command, or which streams there are, may be others than these."""


def describe(info: RequestInfo, query: Query, form: BodyForm = NO_FORM) -> SessionRequest:
    """Return what a request says of its session; of a request for none, where it goes.

    ``form`` is in the request's body; only a kubelet looks for one.
    """
    if info.is_resource_request and not info.api_group:
        if info.resource == "pods":
            return _pod(info, query)
        if info.resource == "nodes":
            return _node(info, query, form)
    return SessionRequest(namespace=info.namespace)


def as_of_pod(info: RequestInfo, asked: SessionRequest) -> RequestInfo:
    """Return what kube-apiserver would understand if the session were asked of it.

    That of a kubelet, through ``nodes/{name}/proxy``, is one in a pod of a namespace, which the
    request itself has not. Any other request is its own.
    """
    if not asked.node or asked.kind is SessionKind.UNKNOWN:
        return info
    return RequestInfo(
        is_resource_request=True,
        path=info.path,
        verb=info.verb,
        api_prefix="api",
        api_version="v1",
        namespace=asked.namespace,
        resource="pods",
        subresource=_SUBRESOURCES[asked.kind],
        name=asked.pod,
    )


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


def _node(info: RequestInfo, query: Query, form: BodyForm) -> SessionRequest:
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
    where = SessionRequest(
        kind=kind,
        node=node,
        namespace=parts[1],
        pod=parts[2],
        container=parts[-1],
        doubt="" if form.is_read else FORM_NOT_READ,
    )
    if parts[0] == "run":
        return _run(where, query, form)
    tty = _is_one(query, form, "tty")
    return msgspec.structs.replace(
        where,
        command=query.values("command") if kind is SessionKind.EXEC else (),
        stdin=_is_one(query, form, "input"),
        stdout=_is_one(query, form, "output"),
        stderr=_is_one(query, form, "error") and not tty,
        tty=tty,
    )


def _run(where: SessionRequest, query: Query, form: BodyForm) -> SessionRequest:
    """An ordinary request: the command's output is the body of the answer.

    Kubelets of go-restful before 3.10 take the command of the form, later ones that of the query
    alone (go-restful request.go QueryParameter, kubelet server.go getRun). What requestURI does
    not show is shown here; where there may be a form that is not read, no command is asserted.
    """
    where = msgspec.structs.replace(where, has_streams=False)
    if where.doubt:
        return where
    in_query, in_form = query.first("cmd"), form.values.first("cmd")
    command = in_form if in_form is not None else in_query or ""
    differ = in_query is not None and command != in_query
    return msgspec.structs.replace(
        where, command=tuple(command.split(" ")), doubt=TWO_COMMANDS if differ else ""
    )


def _is_one(query: Query, form: BodyForm, name: str) -> bool:
    """As the kubelet's NewOptions: only 1 is true, and the form comes before the query."""
    value = form.values.first(name)
    return (query.first(name) if value is None else value) == "1"


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
