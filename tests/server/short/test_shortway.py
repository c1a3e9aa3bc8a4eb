"""What the short way takes, what it leaves to the chain, and for how long it may remember."""

import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.units import SECOND
from auditproxy.authorization.authorizer import Decision
from auditproxy.downstream.connection import ClientConnection
from auditproxy.request.frontproxyheaders import FrontProxyHeaders
from tests.fakes.authority import Authority
from tests.fakes.bothways import JSON, OK, POD, Scene, both, scene
from tests.fakes.proxy import ADMIN, ALICE, BOB, EVERYTHING, request
from tests.fakes.upstream import FakeConnection, answer, dial
from tests.fakes.waiting import until

GET = request()
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
TYPE = "Content-Type: application/json"
PUT = request("PUT", LEASE, TYPE, body=b'{"kind":"Lease"}')


@pytest.mark.parametrize(
    ("raw", "again"),
    [
        pytest.param(GET, answer(200, POD, JSON, b"Connection: close"), id="none idle"),
        pytest.param(request("GET", "/api", "Impersonate-User: bob"), OK, id="impersonates"),
        pytest.param(request("GET", "/api", "Expect: 100-continue"), OK, id="expects"),
        pytest.param(request("GET", "/api", "X_Odd: 1"), OK, id="refused"),
    ],
)
async def test_a_token_is_a_hit_once(tmp_path: Path, raw: bytes, again: bytes) -> None:
    """A request that is left to the chain after all counts once in the token cache's metrics."""

    async def play(scene: Scene) -> None:
        await scene.ask(GET)
        for _ in range(3):
            await scene.ask(raw)

    await both(tmp_path, [OK, again, again, again], play, took=1 if raw is GET else 0)


UNUSUAL = {
    "HEAD": GET.replace(b"GET", b"HEAD"),
    "OPTIONS": GET.replace(b"GET", b"OPTIONS"),
    "unknown method": GET.replace(b"GET", b"BREW"),
    "lower case": GET.replace(b"GET", b"get"),
    "HTTP/1.0": GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "1.0, kept": request("GET", "/api", "Connection: keep-alive").replace(b"/1.1", b"/1.0"),
    "HTTP/1.2": GET.replace(b"HTTP/1.1", b"HTTP/1.2"),
    "http/1.1": GET.replace(b"HTTP/1.1", b"http/1.1"),
    "absolute": GET.replace(b"GET /", b"GET http://proxy/"),
    "fragment": GET.replace(b"/box", b"/box#a"),
    "tab": GET.replace(b"GET ", b"GET\t"),
    "two blanks": GET.replace(b"GET ", b"GET  "),
    "blank at the end": GET.replace(b"HTTP/1.1\r", b"HTTP/1.1 \r"),
    "eight bits": GET.replace(b"/box", b"/b\xc3\xb6x"),
    "NUL": GET.replace(b"/box", b"/b\0x"),
    "carriage return": GET.replace(b"/box", b"/b\rx"),
    "line feed": GET.replace(b"/box HTTP/1.1", b"/box HTTP/1.1\nX-Other: 1"),
    "only line feed": GET.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n"),
    "percent": GET.replace(b"/box", b"/%zz%00%2e%2e"),
    "long": GET.replace(b"/box", b"/" + b"a" * 600),
    "two slashes": GET.replace(b"GET /", b"GET //evil/"),
    "no slash": GET.replace(b"GET /", b"GET "),
    "star": b"OPTIONS * HTTP/1.1\r\n" + GET.partition(b"\r\n")[2],
    "leading lines": b"\r\n\r\n" + GET,
    "lone CR": b"\r" + GET,
    "other block": GET.replace(b"Host: proxy", b"Host:  proxy"),
    "folded": GET.replace(b"\r\n\r\n", b"\r\nX-A: b\r\n c\r\n\r\n"),
    "bare line feed": GET.replace(b"\r\n\r\n", b"\r\nX-A: b\nX-B: c\r\n\r\n"),
    "no block": b"GET /api HTTP/1.1\r\n\r\n",
    "close": request("GET", "/api", "Connection: close"),
    "close and more": request("GET", "/api", "Connection: close, x") + GET,
    "named header": request("GET", "/api", "Connection: X-A", "X-A: b"),
    "upgrade": request("GET", "/api", "Connection: Upgrade", "Upgrade: h2c") + GET,
    "half an upgrade": request("GET", "/api", "Connection: xupgrade", "Upgrade: h2c") + GET,
    "upgrade alone": request("GET", "/api", "Upgrade: websocket"),
    "subprotocols": request("GET", "/api", "Sec-WebSocket-Protocol: a"),
    "own id": request("GET", "/api", "Audit-ID: mine"),
    "impersonates": request("GET", "/api", "Impersonate-User: bob", "Impersonate-Group: dev"),
    "unknown impersonation": request("GET", "/api", "Impersonate-Foo: bob"),
    "odd name": request("GET", "/api", "X_Remote_User: bob"),
    "timeout": request("GET", "/api?timeout=x"),
    "exec": request("POST", "/api/v1/namespaces/d/pods/p/exec?command=ls"),
    "proxy": request("GET", "/api/v1/namespaces/d/pods/p/proxy/x"),
    "log": request("GET", "/api/v1/namespaces/d/pods/p/log"),
    "wrong token": request("GET", "/api", token="wrong"),
    "no token": request("GET", "/api", token=""),
    "expect": request("PUT", LEASE, "Expect: 100-continue", body=b"{}"),
    "other expectation": request("PUT", LEASE, "Expect: x", body=b"{}"),
    "two lengths": request("PUT", LEASE, "Content-Length: 2", body=b"{}"),
    "other lengths": request("PUT", LEASE, "Content-Length: 1", body=b"{}"),
    "zeros": request("PUT", LEASE, "Content-Length: 002") + b"{}",
    "plus": request("PUT", LEASE, "Content-Length: +2") + b"{}",
    "length and chunks": request("PUT", LEASE, "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks": request("PUT", LEASE, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    "body of GET": request("GET", LEASE, TYPE, body=b"{}"),
    "body of DELETE": request("DELETE", LEASE, TYPE, body=b"{}"),
    "empty PUT": request("PUT", LEASE, TYPE),
    "length 0": request("PUT", LEASE, TYPE, "Content-Length: 0"),
    "long body": request("PUT", LEASE, TYPE, body=b'"' + b"x" * 70_000 + b'"'),
}


async def ask_unless_closed(scene: Scene, raw: bytes) -> None:
    """Send what may have any number of answers, or end the connection; wait until it is over."""
    client = scene.client
    if client.closed.is_set():
        return
    before = len(client.received)
    client.send(raw)
    await until(lambda: len(client.received) > before or client.closed.is_set(), "it is answered")
    await scene.over()
    scene.answers = client.received.count(b"HTTP/1.1 ")


@pytest.mark.parametrize("name", UNUSUAL)
async def test_unusual(tmp_path: Path, name: str) -> None:
    """T089: requests that differ a little from one that is known are read as the parser reads them."""
    raw = UNUSUAL[name]

    async def play(scene: Scene) -> None:
        for known in (GET, PUT, GET, PUT):
            await scene.ask(known)
        for _ in range(3):
            await ask_unless_closed(scene, raw)
        if not scene.client.closed.is_set():
            scene.client.send(GET)
            await until(
                lambda: (
                    scene.client.received.count(b"HTTP/1.1 ") > scene.answers
                    or scene.client.closed.is_set()
                ),
                "the known one is answered again",
            )

    await both(tmp_path, [], play, took=2)


def traced(number: int, name: str = "Traceparent") -> str:
    """The header of a request of another trace."""
    return f"{name}: 00-{number + 1:032x}-{number + 2:016x}-01"


def put(length: int, *headers: str) -> bytes:
    """A PUT with so many bytes of JSON."""
    return request("PUT", LEASE, TYPE, *headers, body=b'{"kind":"Lease"}'.ljust(length))


ALIKE = {
    "lengths": [put(length) for length in (16, 99, 100, 1016, 16)],
    "traces": [request("GET", "/api", traced(number)) for number in range(5)],
    "both": [put(20 + number, traced(number)) for number in range(5)],
    "lower case": [request("GET", "/api", traced(number, "traceparent")) for number in range(5)],
}


@pytest.mark.parametrize("name", ALIKE)
async def test_blocks_that_are_alike(tmp_path: Path, name: str) -> None:
    """A request that differs from one before in its length and trace alone is taken, and sent with
    its own."""

    async def play(scene: Scene) -> None:
        for raw in (*ALIKE[name], *ALIKE[name]):
            await scene.ask(raw)
        await scene.ask(GET)

    await both(tmp_path, [], play, took=9)


NOT_ALIKE = {
    "two traces": [request("GET", "/api", traced(number), traced(7)) for number in range(4)],
    "two spellings": [
        request("GET", "/api", traced(number), traced(7, "traceparent")) for number in range(4)
    ],
    "other version": [
        request("GET", "/api", traced(number).replace(" 00-", " 01-")) for number in range(4)
    ],
    "upper case": [request("GET", "/api", traced(number).upper()) for number in range(9, 13)],
    "named": [
        request("GET", "/api", "Connection: traceparent", traced(number)) for number in range(4)
    ],
    "twice the value": [
        request("GET", "/api", traced(number, "X-Other"), traced(number)) for number in range(4)
    ],
    "impersonates": [
        request("GET", "/api", "Impersonate-User: bob", traced(number)) for number in range(4)
    ],
    "without a blank": [
        request("GET", "/api", traced(number).replace(": ", ":")) for number in range(4)
    ],
    "another user": [
        request("GET", "/api", traced(number), token=(ADMIN, ALICE, BOB)[number % 3])
        for number in range(9)
    ],
    "no length, then one": [
        request("PUT", LEASE, TYPE, traced(1)),
        put(16, traced(2)),
        request("PUT", LEASE, TYPE, traced(3)),
        put(17, traced(4)),
    ],
    "less than it says": [put(16), put(20), put(22)[:-2] + GET, GET],
    "more than it says": [put(16), put(20), put(22) + GET, GET],
}


@pytest.mark.parametrize("name", NOT_ALIKE)
async def test_blocks_that_are_nearly_alike(tmp_path: Path, name: str) -> None:
    """T089: whatever else differs, a request is read as the parser reads it."""

    async def play(scene: Scene) -> None:
        await scene.ask(put(18))
        await scene.ask(request("GET", "/api", traced(3)))
        for raw in NOT_ALIKE[name]:
            await ask_unless_closed(scene, raw)

    await both(tmp_path, [], play, took=0)


# --- for how long it may remember ------------------------------------------------------


@contextlib.asynccontextmanager
async def warmed(folder: Path, **flags: Any) -> AsyncIterator[Scene]:
    """A scene whose client's request was served both ways before."""
    async with scene(folder, [], short=True, **flags) as (of, _):
        await of.ask(GET)
        await of.ask(GET)
        assert of.handler.short.taken == 1
        yield of


def told(of: Scene) -> dict[str, Any]:
    """The last event."""
    return of.proxy.events[-1]


def sent(of: Scene) -> bytes:
    """The last head that the upstream got."""
    (connection,) = [each for each in of.upstream.connections if not each.closed.is_set()][-1:]
    return bytes(connection.received).rsplit(b"\r\n\r\n", 2)[-2]


async def reload(of: Scene) -> None:
    """Have the proxy look at its files."""
    await of.proxy.proxy.reloader.poll(settle=False)


async def test_tokens_that_change(tmp_path: Path) -> None:
    """T051: a token that is gone, or means another user, does so from the next request on."""
    async with warmed(tmp_path) as of:
        for tokens, code, name, groups in (
            (f'{ADMIN},carol,3,"ops"', 200, "carol", ["ops", "system:authenticated"]),
            (f'{ADMIN},carol,3,"dev"', 200, "carol", ["dev", "system:authenticated"]),
            (f"{ALICE},alice,1", 401, "", None),
            (f"{ADMIN},dave,4", 200, "dave", ["system:authenticated"]),
        ):
            (tmp_path / "tokens.csv").write_text(tokens + "\n", encoding="utf-8")
            await reload(of)
            for _ in range(3):
                await of.ask(GET)
                assert told(of)["responseStatus"]["code"] == code
                assert told(of)["user"].get("username", "") == name
                if groups is not None:
                    assert told(of)["user"]["groups"] == groups
                    assert b"Impersonate-User: %b\r\n" % name.encode() in sent(of) + b"\r\n"
        assert of.handler.short.taken == 1 + 3 * 2


async def test_policy_that_changes(tmp_path: Path) -> None:
    """A new policy applies to the next request."""
    async with warmed(tmp_path) as of:
        for level, stages in (("Metadata", 2), ("Request", 2), ("None", 0), ("Metadata", 2)):
            changed = EVERYTHING.replace("RequestResponse", level)
            (tmp_path / "policy.yaml").write_text(changed, encoding="utf-8")
            await reload(of)
            for _ in range(3):
                before = len(of.proxy.events)
                await of.ask(GET)
                new = of.proxy.events[before:]
                assert [event["level"] for event in new] == [level] * stages
        assert of.handler.short.taken == 1 + 4 * 2


async def test_credential_that_changes(tmp_path: Path) -> None:
    """A new credential of ours goes with the next request."""
    async with warmed(tmp_path) as of:
        kubeconfig = (tmp_path / "kubeconfig").read_text(encoding="utf-8")
        for credential in ("second", "third"):
            changed = kubeconfig.replace("proxy-credential", credential)
            (tmp_path / "kubeconfig").write_text(changed, encoding="utf-8")
            await reload(of)
            for _ in range(3):
                await of.ask(GET)
                assert b"Authorization: Bearer %b\r\n" % credential.encode() in sent(of)
        assert of.handler.short.taken >= 3


async def test_token_of_ours_in_a_file(tmp_path: Path) -> None:
    """A token file of ours that is written anew: the lines of a sender are made anew."""
    path = tmp_path / "token"
    path.write_text("first", encoding="utf-8")

    def change(kubeconfig: dict[str, Any]) -> None:
        kubeconfig["users"][0]["user"] = {"tokenFile": str(path)}

    async with warmed(tmp_path, change=change) as of:
        credential = of.handler.services.upstream._credential
        for text in ("second", "third"):
            path.write_text(text, encoding="utf-8")
            credential._read_at = None
            before = of.handler.short.taken
            for _ in range(3):
                await of.ask(GET)
                assert b"Authorization: Bearer %b\r\n" % text.encode() in sent(of)
            assert of.handler.short.taken > before


async def test_mode_that_changes(tmp_path: Path) -> None:
    """Services are compared, not what they say: whatever is new, what was known is asked again."""
    async with warmed(tmp_path) as of:
        services = of.handler.services
        for more in (
            {"limits": dataclasses.replace(services.limits, request_timeout=1)},
            {"infer_decision": not services.infer_decision},
            {"redactor": None},
            {"front_proxy": FrontProxyHeaders(frozenset({b"x-remote-user"}), ())},
        ):
            services = of.handler.services = dataclasses.replace(services, **more)
            before = of.handler.short.taken
            await of.ask(GET)
            assert of.handler.short.taken == before
            await of.ask(GET)
            assert of.handler.short.taken == before + 1
            decided = "authorization.k8s.io/decision" in told(of).get("annotations", {})
            assert decided is services.infer_decision


async def test_annotations_by_review(tmp_path: Path) -> None:
    """Where each request is reviewed, none goes the short way."""

    class Counting:
        """Counts its questions."""

        asked = 0

        async def authorize(self, attributes: Attributes) -> Decision:
            """Yes."""
            self.asked += 1
            return Decision(allowed=True, reason="because")

    async with warmed(tmp_path) as of:
        counting = of.handler.services.annotation_authorizer = Counting()
        for number in range(1, 4):
            await of.ask(GET)
            assert counting.asked == number
            assert told(of)["annotations"]["authorization.k8s.io/reason"] == "because"
        assert of.handler.short.taken == 1


async def test_token_that_expires(tmp_path: Path) -> None:
    """A token's answer is used for its time and not longer."""
    async with warmed(tmp_path) as of:
        (connection,) = of.proxy.proxy._serving.server.connections
        assert isinstance(connection, ClientConnection)
        (headers,) = connection.facts.memory.blocks.values()

        class Until:
            """Holds as long as it is told to."""

            now = True

            def holds(self, now: int) -> bool:
                """As it is told."""
                return self.now

        headers.sender.known._proof = proof = Until()
        await of.ask(GET)
        assert of.handler.short.taken == 2
        proof.now = False
        await of.ask(GET)
        assert of.handler.short.taken == 2
        await of.ask(GET)
        assert of.handler.short.taken == 3


async def test_two_tokens_in_turns(tmp_path: Path) -> None:
    """T033: one connection, two users: each request is its own user's, and never the other's."""
    async with warmed(tmp_path) as of:
        for _ in range(3):
            for token, name in ((ALICE, "alice"), (BOB, "bob"), (ADMIN, "admin")):
                await of.ask(request(token=token))
                assert told(of)["user"]["username"] == name
                assert b"\r\nImpersonate-User: %b" % name.encode() in sent(of)
        assert of.handler.short.taken == 1 + 2 + 2 * 2 + 1


async def test_two_connections(tmp_path: Path) -> None:
    """The same bytes on another connection are another client's until that is authenticated."""
    async with warmed(tmp_path) as of:
        first = of.client
        for number in range(3):
            other = await dial("127.0.0.1", of.proxy.proxy.port)
            before = of.handler.short.taken
            other.send(GET)
            await other.until(lambda: POD in other.received)  # noqa: B023
            await of.over()
            assert of.handler.short.taken == before, number
            await other.stop()
        assert of.client is first


async def test_facts_are_compared(tmp_path: Path) -> None:
    """T034: a block that another connection has read is not taken, were it offered."""
    async with warmed(tmp_path) as of:
        other = await dial("127.0.0.1", of.proxy.proxy.port)
        other.send(request("GET", "/api", token=BOB))
        await other.until(lambda: POD in other.received)
        await of.over()
        ours, theirs = of.proxy.proxy._serving.server.connections
        assert isinstance(ours, ClientConnection)
        assert isinstance(theirs, ClientConnection)
        line = GET.partition(b"\r\n")[0]
        for connection, offered in ((ours, theirs), (theirs, ours)):
            (headers,) = offered.facts.memory.blocks.values()
            assert not of.handler.short.take(connection, line, headers, b"")
        assert of.handler.short.taken == 1
        await other.stop()


# --- clients with certificates -----------------------------------------------------------


ROOT, OTHER = Authority("root"), Authority("other")
PLAIN = request(token="")


def context_of(
    folder: Path, name: str, authority: Authority = ROOT, **shape: Any
) -> ssl.SSLContext:
    """The TLS of a client with a certificate."""
    authority.write_leaf(folder / name, name, **shape)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return context


def tls(folder: Path, **more: Any) -> dict[str, Any]:
    """Flags of a proxy over TLS that knows the clients of ROOT."""
    ROOT.write_leaf(folder / "server", "localhost")
    (folder / "ca.crt").write_bytes(ROOT.pem)
    return {
        "tls": True,
        "anonymous_auth": False,
        "client_ca_file": str(folder / "ca.crt"),
        "tls_cert_file": str(folder / "server.crt"),
        "tls_private_key_file": str(folder / "server.key"),
        **more,
    }


@pytest.mark.parametrize("reply", [OK, answer(404, POD, JSON), OK[:-5], OK + b"x"])
async def test_over_tls(tmp_path: Path, reply: bytes) -> None:
    """Requests over TLS, of a client with a certificate."""

    async def rest(connection: FakeConnection) -> None:
        await connection.drip(reply, len(reply))
        if OK.startswith(reply):
            connection.send(OK[len(reply) :])

    async def play(scene: Scene) -> None:
        for raw in (PLAIN, PLAIN, PLAIN):
            await scene.ask(raw)

    context = context_of(tmp_path, "alice", organizations=("dev",))
    seen = await both(
        tmp_path, [OK, rest], play, client_context=context, took=2 - (reply == OK + b"x"),
        **tls(tmp_path),
    )  # fmt: skip
    assert {event["user"]["username"] for event in seen.events[:6]} == {"alice"}


async def test_two_certificates(tmp_path: Path) -> None:
    """T034: the same bytes on connections with different certificates are different users'."""
    flags = tls(tmp_path, client_context=context_of(tmp_path, "alice"))
    bob = context_of(tmp_path, "bob")
    async with scene(tmp_path, [], short=True, **flags) as (of, _):
        other = await dial("127.0.0.1", of.proxy.proxy.port, context=bob)
        clients = {"alice": of.client, "bob": other}
        for number in range(1, 4):
            for name, client in clients.items():
                client.send(PLAIN)
                await client.until(lambda: client.received.count(POD) == number)  # noqa: B023
                await of.over()
                assert told(of)["user"]["username"] == name
                assert b"\r\nImpersonate-User: %b" % name.encode() in sent(of)
        assert of.handler.short.taken == 4
        await other.stop()


async def test_certificate_that_expires(tmp_path: Path) -> None:
    """T077: a certificate is refused from the moment at which it has expired."""
    flags = tls(tmp_path, client_context=context_of(tmp_path, "alice"))
    async with scene(tmp_path, [], short=True, **flags) as (of, _):
        clock = of.handler.shared.wall_clock
        for ahead, code in ((0, 200), (400, 401), (0, 200)):
            of.handler.shared.wall_clock = lambda: clock() + ahead * 86400 * SECOND  # noqa: B023
            for _ in range(3):
                await of.ask(PLAIN)
                assert told(of)["responseStatus"]["code"] == code
        assert of.handler.short.taken >= 4


async def test_authorities_that_change(tmp_path: Path) -> None:
    """T078: without its authority a client is refused, on its open connection too."""
    flags = tls(tmp_path, client_context=context_of(tmp_path, "alice"))
    async with scene(tmp_path, [], short=True, **flags) as (of, _):
        for bundle, code in ((ROOT.pem, 200), (OTHER.pem, 401), (ROOT.pem + OTHER.pem, 200)):
            (tmp_path / "ca.crt").write_bytes(bundle)
            await reload(of)
            for _ in range(3):
                await of.ask(PLAIN)
                assert told(of)["responseStatus"]["code"] == code
        assert of.handler.short.taken == 4


async def test_front_proxies(tmp_path: Path) -> None:
    """Users behind a front proxy are named by each request, and its headers are nobody else's."""
    (tmp_path / "front.crt").write_bytes(OTHER.pem)
    flags = tls(
        tmp_path,
        requestheader_client_ca_file=str(tmp_path / "front.crt"),
        requestheader_username_headers=("X-Remote-User",),
        client_context=context_of(tmp_path, "front", OTHER),
    )
    alice = context_of(tmp_path, "alice")
    async with scene(tmp_path, [], short=True, **flags) as (of, _):
        other = await dial("127.0.0.1", of.proxy.proxy.port, context=alice)
        for number in range(1, 4):
            for name in ("carol", "dave"):
                raw = request("GET", "/api", f"X-Remote-User: {name}", token="")
                await of.ask(raw)
                assert told(of)["user"]["username"] == name
                other.send(raw)
                count = other.received.count(POD)
                await other.until(lambda: other.received.count(POD) > count)  # noqa: B023
                await of.over()
                assert told(of)["user"]["username"] == "alice", number
                assert b"X-Remote-User" not in sent(of)
        await other.stop()
