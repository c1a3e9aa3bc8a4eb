"""What a request says of its session."""

import pytest

from auditproxy.apis.session import SessionKind
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target
from auditproxy.sessions.forms import NO_FORM, BodyForm, read_form
from auditproxy.sessions.request import (
    FORM_NOT_READ,
    TWO_COMMANDS,
    SessionRequest,
    as_of_pod,
    describe,
)

EXEC, ATTACH, FORWARD = SessionKind.EXEC, SessionKind.ATTACH, SessionKind.PORT_FORWARD
POD = "/api/v1/namespaces/ns/pods/box"
NODE = "/api/v1/nodes/worker/proxy"


def described(target: str, form: BodyForm = NO_FORM) -> SessionRequest:
    """What a GET of this target says, or a POST with a form."""
    parsed = parse_target("GET", target.encode())
    return describe(resolve("GET", parsed), parsed.query, form)


def urlencoded(body: bytes) -> BodyForm:
    """A form as most clients send it."""
    return read_form("application/x-www-form-urlencoded", body)


def pod(kind: SessionKind, **more: object) -> SessionRequest:
    """A session in the pod."""
    values: dict[str, object] = {"kind": kind, "namespace": "ns", "pod": "box", **more}
    return SessionRequest(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            f"{POD}/exec?command=sh&command=-c&command=&command=a%20b+c&container=c&stdin=true&stdout=true&tty=true",
            pod(
                EXEC, command=("sh", "-c", "", "a b c"), container="c",
                stdin=True, stdout=True, tty=True,
            ),
        ),
        (f"{POD}/exec", pod(EXEC)),
        (f"{POD}/exec?%63ommand=id&std%6Fut=1", pod(EXEC, command=("id",), stdout=True)),
        (f"{POD}/exec?container=a&container=b", pod(EXEC, container="a")),
        (f"{POD}/exec?command=%ff", pod(EXEC, command=("\udcff",))),
        # With a terminal there is one output.
        (f"{POD}/exec?stdout=true&stderr=true&tty=true", pod(EXEC, stdout=True, tty=True)),
        (f"{POD}/attach?stdin&stderr=&command=x", pod(ATTACH, stdin=True, stderr=True)),
        (f"{POD}/%65xec?command=id", pod(EXEC, command=("id",))),
        (f"{POD}/portforward", pod(FORWARD)),
        (f"{POD}/portforward?ports=80&ports=443,8080,x,0", pod(FORWARD, ports=(80, 443, 8080))),
    ],
)  # fmt: skip
def test_pods(target: str, expected: SessionRequest) -> None:
    """kube-apiserver's own subresources."""
    assert described(target) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", False), ("tty=0", False), ("tty=false", False), ("tty=FALSE", False),
        ("tty=False&tty=true", False), ("TTY=true", False), ("tty;=true", False), ("tty=%zz", False),
        ("tty", True), ("tty=", True), ("tty=1", True), ("tty=T", True), ("tty=yes", True),
        ("tty=no", True), ("tty=00", True), ("tty=true&tty=false", True), ("a&%74ty=1", True),
    ],
)  # fmt: skip
def test_booleans(query: str, expected: bool) -> None:
    """Absent, 0 and false are false, everything else is true; the first value counts."""
    assert described(f"{POD}/exec?{query}").tty is expected


def node(kind: SessionKind, **more: object) -> SessionRequest:
    """A session through the kubelet."""
    return pod(kind, node="worker", **more)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            f"{NODE}/exec/ns/box/c?command=id&command=-u&input=1&output=1&tty=1&error=1",
            node(
                EXEC, container="c", command=("id", "-u"), stdin=True, stdout=True, tty=True
            ),
        ),
        (f"{NODE}/exec/ns/box/some-uid/c?error=1", node(EXEC, container="c", stderr=True)),
        # Only 1 is true there, and kube-apiserver's names mean nothing.
        (f"{NODE}/exec/ns/box/c?output=true&stdin=1&tty=", node(EXEC, container="c")),
        (f"{NODE}/attach/ns/box/c?input=1&command=x", node(ATTACH, container="c", stdin=True)),
        (
            f"{NODE}/run/ns/box/c?cmd=ls%20-l&cmd=x",
            node(EXEC, container="c", command=("ls", "-l"), has_streams=False),
        ),
        (f"{NODE}/portForward/ns/box?port=80,443", node(FORWARD, ports=(80, 443))),
        (f"{NODE}/portForward/ns/box/some-uid", node(FORWARD)),
        # As path.Join leaves it on the way to the kubelet.
        (f"{NODE}//x/../exec/./ns//box/c/", node(EXEC, container="c")),
        (f"{NODE}/%65xec%2Fns/box/c", node(EXEC, container="c")),
        ("/api/v1/nodes/https:worker:10250/proxy/exec/ns/box/c", node(EXEC, container="c")),
        ("/api/v1/nodes/worker:10250/proxy/exec/ns/box/c", node(EXEC, container="c")),
    ],
)  # fmt: skip
def test_nodes(target: str, expected: SessionRequest) -> None:
    """The kubelet's own API behind a node's proxy."""
    assert described(target) == expected


def test_a_form_has_the_command_of_run() -> None:
    """The kubelet reads it before the query, so that the query's is not known to be the one."""
    target = f"{NODE}/run/ns/box/c?cmd=ls"
    assert described(target).command == ("ls",)
    assert described(target, urlencoded(b"cmd=id")).command == ("id",)
    for content_type in ("multipart/form-data; boundary=b", "application/x-www-form-urlencoded; x"):
        assert described(target, read_form(content_type, b"cmd=id")).command == ()


@pytest.mark.parametrize(
    ("query", "form", "command", "doubt"),
    [
        ("?cmd=ls", NO_FORM, "ls", ""),
        ("?cmd=ls", urlencoded(b"cmd=cat+/etc/shadow"), "cat /etc/shadow", TWO_COMMANDS),
        ("?cmd=ls", urlencoded(b"cmd=ls&cmd=id"), "ls", ""),
        ("?cmd=ls", urlencoded(b"cmd=%zz&x=1"), "ls", ""),
        ("?cmd=ls", urlencoded(b"cmd="), "", TWO_COMMANDS),
        ("", urlencoded(b"cmd=id"), "id", ""),
        ("", urlencoded(b"x=1"), "", ""),
        ("?cmd=ls", read_form("multipart/form-data; boundary=b", b"--b"), None, FORM_NOT_READ),
    ],
)
def test_commands_in_forms(query: str, form: BodyForm, command: str | None, doubt: str) -> None:
    """What requestURI does not show is not hidden, and what is not known is not asserted."""
    found = described(f"{NODE}/run/ns/box/c{query}", form)
    argv = () if command is None else tuple(command.split(" "))
    assert found == node(EXEC, container="c", command=argv, has_streams=False, doubt=doubt)


@pytest.mark.parametrize("kind", ["exec", "attach"])
def test_streams_in_forms(kind: str) -> None:
    """The kubelet takes the form's for those of the query; the command is the query's alone."""
    target = f"{NODE}/{kind}/ns/box/c?command=id&tty=0&error=1&output=1"
    found = described(target, urlencoded(b"tty=1&input=1&command=sh"))
    assert (found.tty, found.stdin, found.stdout, found.stderr) == (True, True, True, False)
    assert found.command == (("id",) if kind == "exec" else ())
    assert found.doubt == ""
    assert described(target, read_form("multipart/form-data", b"x")).doubt == FORM_NOT_READ


def test_kube_apiserver_reads_no_form() -> None:
    """It has the query alone."""
    assert described(f"{POD}/exec?command=id", urlencoded(b"tty=1")) == pod(EXEC, command=("id",))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"{NODE}/metrics", SessionRequest(node="worker")),
        (f"{NODE}/exec/ns/box", SessionRequest(node="worker")),
        (f"{NODE}/exec/a/b/c/d/e", SessionRequest(node="worker")),
        (f"{NODE}/portForward/ns", SessionRequest(node="worker")),
        (f"{NODE}/portforward/ns/box", SessionRequest(node="worker")),
        (f"{NODE}", SessionRequest(node="worker")),
        (f"{NODE}/../exec/ns/box", SessionRequest(node="worker")),
        ("/api/v1/nodes/worker/exec/ns/box/c", SessionRequest(node="worker")),
        (f"{POD}/proxy/exec?command=id", SessionRequest(namespace="ns", pod="box")),
        ("/api/v1/namespaces/ns/pods/http:box:80/proxy/", SessionRequest(namespace="ns", pod="box")),
        ("/api/v1/namespaces/ns/services/web/proxy/exec", SessionRequest(namespace="ns")),
        ("/apis/g/v1/namespaces/ns/pods/box/exec?command=id", SessionRequest(namespace="ns")),
        (f"{POD}/log", SessionRequest(namespace="ns", pod="box")),
        ("/exec", SessionRequest()),
    ],
)  # fmt: skip
def test_no_session(target: str, expected: SessionRequest) -> None:
    """Everything else may be one only by its 101."""
    assert described(target) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("exec/ns/box/c?command=id", ("pods", "exec", "ns", "box")),
        ("run/ns/box/c?cmd=id", ("pods", "exec", "ns", "box")),
        ("attach/ns/box/uid/c", ("pods", "attach", "ns", "box")),
        ("portForward/ns/box", ("pods", "portforward", "ns", "box")),
        ("logs/ns/box/c", ("nodes", "proxy", "", "worker")),
    ],
)
def test_as_of_pod(target: str, expected: tuple[str, str, str, str]) -> None:
    """A kubelet's session is one in a pod of a namespace; what is none stays what it was."""
    parsed = parse_target("GET", f"{NODE}/{target}".encode())
    info = resolve("GET", parsed)
    found = as_of_pod(info, describe(info, parsed.query))
    assert (found.resource, found.subresource, found.namespace, found.name) == expected
    assert (found.verb, found.is_resource_request) == ("get", True)
