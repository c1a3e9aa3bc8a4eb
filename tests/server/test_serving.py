"""Serving over TLS: certificates of clients, failed handshakes, and an orderly end."""

import asyncio
import contextlib
import resource
import socket
import ssl
from pathlib import Path

import pytest

from auditproxy.app.proxy import build
from auditproxy.server.serving import Serving
from auditproxy.tls.handshake import ServingContext
from auditproxy.tls.pki import create_client, create_pki
from auditproxy.tls.serving import ServingError, new_serving_context, read_key_pair
from tests.conformance.client import read_answer
from tests.fakes.options import options
from tests.fakes.proxy import EventCollector, proxy_before, request
from tests.fakes.tlsclients import ask, client_tls
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.fakes.waiting import pause, until

BOTH_LOOPS = True
DEADLINE = 10.0


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A development PKI with two clients, and one of somebody else's."""
    folder = tmp_path_factory.mktemp("pki")
    create_pki(folder / "ours", server_names=("localhost", "127.0.0.1"))
    create_client(folder / "ours", "alice", ("dev", "ops"))
    create_pki(folder / "theirs", server_names=("localhost",))
    create_client(folder / "theirs", "mallory", ("system:masters",))
    return folder


async def test_client_certificates(tmp_path: Path, pki: Path) -> None:
    """A good certificate is the user with its groups; a foreign one fails the handshake, counted."""
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        (tmp_path / "policy.yaml").write_text(
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
        )
        (tmp_path / "kubeconfig").write_text(
            '{"apiVersion":"v1","kind":"Config","current-context":"c",'
            '"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],'
            f'"clusters":[{{"name":"c","cluster":{{"server":"http://127.0.0.1:{upstream.port}"}}}}],'
            '"users":[{"name":"u","user":{"token":"x"}}]}'
        )
        collector = EventCollector()
        proxy = await build(
            options(
                kubeconfig=str(tmp_path / "kubeconfig"),
                audit_policy_file=str(tmp_path / "policy.yaml"),
                client_ca_file=str(pki / "ours" / "ca.crt"),
                tls_cert_file=str(pki / "ours" / "server.crt"),
                tls_private_key_file=str(pki / "ours" / "server.key"),
            ),
            sink=collector,
            listener_tls=True,
        )
        await proxy.start()
        try:
            assert (await ask(proxy.port, client_tls(pki, "ours/alice"))).status == 200
            user = collector.events[-1]["user"]
            assert user["username"] == "alice"
            assert user["groups"] == ["dev", "ops", "system:authenticated"]
            digest = user["extra"]["authentication.kubernetes.io/credential-id"][0]
            assert digest.startswith("X509SHA256=")
            assert (await ask(proxy.port, client_tls(pki))).status == 200
            assert collector.events[-1]["user"]["username"] == "system:anonymous"
            seen = len(collector.events)
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await ask(proxy.port, client_tls(pki, "theirs/mallory"))
            assert len(collector.events) == seen
            value = proxy.handler.shared.metrics.registry.get_sample_value
            await until(
                lambda: value("apiserver_tls_handshake_errors_total") == 1, "the error is counted"
            )
        finally:
            await proxy.close()


async def test_garbage_instead_of_tls(tmp_path: Path, pki: Path) -> None:
    """T099: plain HTTP on the TLS port is a counted handshake error; the next client is served."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        told: list[str] = []
        pair = read_key_pair(f"{pki}/ours/server.crt", f"{pki}/ours/server.key")
        context = new_serving_context(pair, client_authorities=b"", minimum="VersionTLS12")
        serving = Serving(proxy.proxy.handler, context, report=told.append)
        port = await serving.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
        assert (await ask(port, client_tls(pki), "admin-token")).status == 200
        assert told[0].startswith("TLS handshake error from 127.0.0.1: ")
        await serving.close(1.0)


async def test_shutdown_order(tmp_path: Path) -> None:
    """T184: T267: short requests finish, watches are ended with their last event, nothing new is
    accepted."""
    release = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        head = await connection.read_head()
        if b"watch=1" in head:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
            await connection.wait_closed(10)
            return
        await release.wait()
        connection.send(answer(200, b"late"))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        watch, watch_writer = await proxy.connect()
        watch_writer.write(request("GET", "/api/v1/pods?watch=1"))
        await watch.readuntil(b"hi")
        short, short_writer = await proxy.connect()
        short_writer.write(request("GET", "/api/v1/nodes/n"))
        await upstream.until(lambda: len(upstream.connections) == 2)
        await proxy.until_events(3)
        closing = asyncio.create_task(proxy.proxy._serving.close(5.0))

        async def refused() -> bool:
            try:
                await proxy.connect()
            except OSError:
                return True
            return False

        await until(refused, "the proxy stops to listen")
        assert not closing.done()
        release.set()
        async with asyncio.timeout(5):
            assert (await read_answer(short, "GET")).body == b"late"
            await closing
        stages = {(e["verb"], e["stage"]) for e in proxy.events}
        assert ("watch", "ResponseComplete") in stages
        assert ("get", "ResponseComplete") in stages


async def test_idle_connections_end_at_once(tmp_path: Path) -> None:
    """T268: what has no request is closed when a stop begins, and not when the last request ends."""
    release = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        while b"/nodes/slow" not in await connection.read_head():
            connection.send(answer(200, b"ok"))
        await release.wait()
        connection.send(answer(200, b"late"))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        idle, idle_writer = await proxy.connect()
        idle_writer.write(request("GET", "/api/v1/nodes/n"))
        assert (await read_answer(idle, "GET")).body == b"ok"
        busy, busy_writer = await proxy.connect()
        busy_writer.write(request("GET", "/api/v1/nodes/slow"))
        await until(
            lambda: any(b"/nodes/slow" in one.received for one in upstream.connections),
            "the slow request is under way",
        )
        closing = asyncio.create_task(proxy.proxy._serving.close(20.0))
        async with asyncio.timeout(10):
            assert await idle.read() == b""
        assert not closing.done()
        release.set()
        async with asyncio.timeout(10):
            assert (await read_answer(busy, "GET")).body == b"late"
            await closing


async def test_address_in_use(tmp_path: Path) -> None:
    """A port that is taken is one line that names the flags."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        serving = Serving(proxy.proxy.handler, None, report=lambda text: None)
        with pytest.raises(ServingError, match="cannot be used: Address already in use; choose"):
            await serving.start("127.0.0.1", upstream.port)


async def test_silent_handshake(tmp_path: Path, pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T313: who does not begin TLS, or stops in the midst of it, is closed and counted."""
    monkeypatch.setattr("auditproxy.server.serving.HANDSHAKE_TIMEOUT", 0.2)
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        pair = read_key_pair(f"{pki}/ours/server.crt", f"{pki}/ours/server.key")
        context = new_serving_context(pair, client_authorities=b"", minimum="VersionTLS12")
        serving = Serving(proxy.proxy.handler, context, report=lambda text: None)
        port = await serving.start("127.0.0.1", 0)
        for start in (b"", b"\x16\x03\x01\x02\0\x01"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(start)
            await closed_unanswered(reader)
            writer.close()
        await until(
            lambda: proxy.metric("apiserver_tls_handshake_errors_total") == 2, "both are counted"
        )
        assert len(serving.limits) == 0
        await serving.close(1.0)


async def test_no_descriptors_left(tmp_path: Path) -> None:
    """T317: short of descriptors accepting pauses, and goes on when there are some again."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        assert (await proxy.ask(request())).status == 200
        told: list[str] = []
        serving = Serving(proxy.proxy.handler, None, report=told.append)
        port = await serving.start("127.0.0.1", 0)
        client = socket.socket()
        client.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            await until(lambda: told, "an operator's line")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert told[0].startswith(
            "accepting connections on --secure-port pauses for a second: Too many open files; "
        )
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(request())
        async with asyncio.timeout(DEADLINE):
            assert (await read_answer(reader, "GET")).status == 200
        writer.close()
        await serving.close(1.0)


V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes((1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 0, 10))


async def closed_unanswered(reader: asyncio.StreamReader) -> None:
    """Nothing comes but the end."""
    async with asyncio.timeout(DEADLINE):
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            return


@pytest.mark.parametrize(
    ("version", "header"),
    [("any", b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n"), ("any", V2), ("v2", V2)],
)
async def test_proxy_protocol(tmp_path: Path, version: str, header: bytes) -> None:
    """A trusted load balancer tells the client's address, however the header is cut."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            proxy_protocol=version,
            trusted_proxy_cidrs=("127.0.0.0/8",),
            max_connections_per_address=1,
        ) as proxy,
    ):
        reader, writer = await proxy.connect()
        for byte in header:
            writer.write(bytes((byte,)))
            await writer.drain()
        # The client is not trusted itself: what it forwards is its own claim.
        writer.write(request("GET", "/api/v1/pods", "X-Forwarded-For: 6.6.6.6"))
        async with asyncio.timeout(DEADLINE):
            assert (await read_answer(reader, "GET")).status == 200
        assert proxy.events[-1]["sourceIPs"] == ["1.2.3.4"]
        again, writer = await proxy.connect()
        writer.write(header + request())
        await closed_unanswered(again)
        assert proxy.metric("auditproxy_connections_refused_total", limit="address") == 1


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"PROXY nonsense\r\n", b""])
async def test_no_proxy_header(tmp_path: Path, first: bytes) -> None:
    """A trusted load balancer without its header is closed and counted, whatever it says."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(
            upstream.port, tmp_path, proxy_protocol="any", trusted_proxy_cidrs=("127.0.0.1/32",)
        ) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(first)
        writer.write_eof()
        await closed_unanswered(reader)
        await until(
            lambda: proxy.metric("auditproxy_proxy_protocol_errors_total") == 1,
            "the error is counted",
        )
        assert len(proxy.proxy._serving.limits) == 0


async def test_no_proxy_header_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T313: who never ends its header is closed."""
    monkeypatch.setattr("auditproxy.server.serving.HANDSHAKE_TIMEOUT", 0.05)
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(
            upstream.port, tmp_path, proxy_protocol="any", trusted_proxy_cidrs=("127.0.0.1/32",)
        ) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(b"PROXY TCP4 ")
        await closed_unanswered(reader)
        await until(
            lambda: proxy.metric("auditproxy_proxy_protocol_errors_total") == 1,
            "the error is counted",
        )


async def test_others_send_no_proxy_header(tmp_path: Path) -> None:
    """Who is no trusted proxy cannot say who it is: a header is no HTTP, nor TLS."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(
            upstream.port, tmp_path, proxy_protocol="any", trusted_proxy_cidrs=("10.0.0.0/8",)
        ) as proxy,
    ):
        assert (await proxy.ask(request())).status == 200
        assert proxy.events[-1]["sourceIPs"] == ["127.0.0.1"]
        assert (await proxy.ask(b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n" + request())).status == 400


async def test_limits(tmp_path: Path) -> None:
    """T318: a connection too many is closed at once and counted; a place that is free is had."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path, max_connections=2) as proxy,
    ):
        limits = proxy.proxy._serving.limits
        _, first_writer = await proxy.connect()
        await proxy.connect()
        await until(lambda: len(limits) == 2, "two connections are counted")
        assert proxy.metric("auditproxy_connections") == 2
        third, _ = await proxy.connect()
        await closed_unanswered(third)
        assert proxy.metric("auditproxy_connections_refused_total", limit="total") == 1
        first_writer.close()
        await until(lambda: len(limits) == 1, "one connection is left")
        assert (await proxy.ask(request())).status == 200


def resuming_client(pki: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that offers to resume, by session id and by ticket."""
    context = client_tls(pki, "ours/alice")
    context.maximum_version = version
    return context


def handshake(port: int, tls: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    """A handshake as a client makes it that knows a session."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    return tls.wrap_socket(plain, server_hostname="localhost", session=session)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_no_session_is_resumed(tmp_path: Path, pki: Path, version: ssl.TLSVersion) -> None:
    """B5, T053: neither by session id nor by ticket; each handshake is whole, and none fails."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            tls=True,
            client_ca_file=str(pki / "ours" / "ca.crt"),
            tls_cert_file=str(pki / "ours" / "server.crt"),
            tls_private_key_file=str(pki / "ours" / "server.key"),
        ) as proxy,
    ):
        context = resuming_client(pki, version)

        def ask_with(connection: ssl.SSLSocket) -> bytes:
            connection.sendall(request("GET", "/api/v1/pods", token=""))
            return connection.recv(1 << 16)

        session: ssl.SSLSession | None = None
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                # The one whose session this is stays open: its end could be the session's.
                connection = await asyncio.to_thread(handshake, proxy.proxy.port, context, session)
                stack.enter_context(connection)
                assert (await asyncio.to_thread(ask_with, connection)).startswith(b"HTTP/1.1 200 ")
                assert not connection.session_reused
                session = connection.session
        assert {event["user"]["username"] for event in proxy.events} == {"alice"}


async def test_only_who_needs_one_has_a_context(tmp_path: Path, pki: Path) -> None:
    """B5: TLS 1.3 and connections without a word share one context; TLS 1.2 has one each."""
    made = 0
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        pair = read_key_pair(f"{pki}/ours/server.crt", f"{pki}/ours/server.key")
        authorities = (pki / "ours" / "ca.crt").read_bytes()
        context = new_serving_context(pair, client_authorities=authorities, minimum="VersionTLS12")
        again = context.make_again
        assert again is not None

        def count() -> ServingContext:
            nonlocal made
            made += 1
            return again()

        context.make_again = count
        told: list[str] = []
        serving = Serving(proxy.proxy.handler, context, report=told.append)
        port = await serving.start("127.0.0.1", 0)
        socket.create_connection(("127.0.0.1", port)).close()
        await until(lambda: told, "an operator's line")
        assert (await ask(port, client_tls(pki), "admin-token")).status == 200
        assert made == 0
        old = client_tls(pki)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        for count_made in (1, 2):
            assert (await ask(port, old, "admin-token")).status == 200
            assert made == count_made
        await serving.close(1.0)


@pytest.mark.parametrize("cut", [1, 3, 5, 100])
async def test_a_hello_in_pieces(tmp_path: Path, pki: Path, cut: int) -> None:
    """B5: however the first message is cut, its client is served."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            tls=True,
            tls_cert_file=str(pki / "ours" / "server.crt"),
            tls_private_key_file=str(pki / "ours" / "server.key"),
        ) as proxy,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.proxy.port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_tls(pki).wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        for piece in (hello[:cut], hello[cut : cut + 7], hello[cut + 7 :]):
            writer.write(piece)
            await writer.drain()
            await pause(0.02)
        async with asyncio.timeout(DEADLINE):
            while True:
                incoming.write(await reader.read(1 << 16))
                with contextlib.suppress(ssl.SSLWantReadError):
                    client.do_handshake()
                    break
        assert client.version() == "TLSv1.3"
        writer.transport.abort()
