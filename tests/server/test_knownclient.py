"""Who asks is found out once for a header block of a connection, and again as soon as it may change."""

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from auditproxy.apis.units import SECOND
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import (
    AuthenticationRequest,
    Authenticator,
    Identity,
    identify,
)
from auditproxy.downstream.facts import ConnectionFacts
from auditproxy.request.headers import ClientHeaders
from auditproxy.server.knownclient import KnownClient, known_client
from tests.conformance.client import Answer, read_answer
from tests.fakes.authority import Authority
from tests.fakes.proxy import ADMIN, ALICE, BOB, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying

ROOT, OTHER = Authority("root"), Authority("other")
BLOCK = ((b"Host", b"a"), (b"User-Agent", b"curl"), (b"X-Forwarded-For", b"1.2.3.4"))
FACTS = ConnectionFacts("127.0.0.1", None)


class Until:
    """A proof that holds until a time, and counts how often it was looked at."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.asked = 0

    def holds(self, now: int) -> bool:
        """Before the end."""
        self.asked += 1
        return now < self.end


class Counting:
    """An authenticator that counts what it is asked."""

    def __init__(self, inner: Authenticator) -> None:
        self.inner = inner
        self.asked = 0

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """What the real one says."""
        self.asked += 1
        return await self.inner.authenticate(request)


async def services(proxy: RunningProxy) -> Any:
    """The services of a proxy, which counts from now on what its authenticator is asked."""
    found = proxy.proxy.handler.services
    found.authenticator = Counting(found.authenticator)
    return found


async def test_one_object(tmp_path: Path) -> None:
    """The same block on the same connection, under the same services, is the same client."""
    async with proxy_before(1, tmp_path) as proxy:
        ours = proxy.proxy.handler.services
        headers = ClientHeaders(BLOCK)
        known = known_client(headers, FACTS, ours)
        assert known_client(headers, FACTS, ours) is known
        assert known.source_ips == ("1.2.3.4", "127.0.0.1")
        assert known.user_agent == "curl"
        assert not known.impersonates
        other = known_client(headers, ConnectionFacts("127.0.0.2", None), ours)
        assert other.source_ips == ("1.2.3.4", "127.0.0.2")
        assert known_client(ClientHeaders(BLOCK), FACTS, ours) is not known
        assert known_client(headers, FACTS, dataclasses.replace(ours)) is not other
        asking = ClientHeaders((*BLOCK, (b"impersonate-uid", b"1")))
        assert known_client(asking, FACTS, ours).impersonates


def client(proxy: RunningProxy) -> KnownClient:
    """A client of which nothing is known."""
    return KnownClient(ClientHeaders(BLOCK), FACTS, proxy.proxy.handler.services)


async def test_proofs(tmp_path: Path) -> None:
    """An identity is used again while its proof holds; the object stays while it says the same."""
    alice = UserInfo(username="alice")
    async with proxy_before(1, tmp_path) as proxy:
        known = client(proxy)
        assert known.identity(0) is None
        proof = Until(10)
        first = identify(alice, method="bearer", token="t", proof=proof)
        assert known.authenticated(first, warned=False) is first
        assert known.identity(9) is first
        assert known.identity(10) is None
        assert proof.asked == 2
        again = identify(alice, method="bearer", token="t", proof=Until(20))
        assert known.authenticated(again, warned=False) is first
        assert known.identity(19) is first
        for other in (
            identify(alice, method="bearer", token="u", proof=Until(20)),
            identify(alice, method="x509", proof=Until(20)),
            identify(UserInfo(username="bob"), method="x509", proof=Until(20)),
        ):
            assert known.authenticated(other, warned=False) is other
            assert known.identity(19) is other
        known.authenticated(identify(alice, method="bearer", token="t"), warned=False)
        assert known.identity(0) is None
        known.authenticated(first, warned=True)
        assert known.identity(0) is None


class Client:
    """One connection, kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, *headers: str, token: str = "", target: str = "/api/v1/pods") -> Answer:
        """One request."""
        self._writer.write(request("GET", target, *headers, token=token))
        async with asyncio.timeout(5):
            return await read_answer(self._reader, "GET")


@contextlib.asynccontextmanager
async def tls_proxy(folder: Path, **flags: Any) -> AsyncIterator[RunningProxy]:
    """A proxy over TLS that knows the clients of ROOT."""
    ROOT.write_leaf(folder / "server", "localhost")
    (folder / "ca.crt").write_bytes(ROOT.pem)
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(
            upstream.port,
            folder,
            tls=True,
            anonymous_auth=False,
            client_ca_file=str(folder / "ca.crt"),
            tls_cert_file=str(folder / "server.crt"),
            tls_private_key_file=str(folder / "server.key"),
            **flags,
        ) as proxy,
    ):
        proxy.upstream = upstream
        yield proxy


async def connect(proxy: RunningProxy, certificate: Path | None = None) -> Client:
    """A client, over TLS if it has a certificate."""
    if certificate is None:
        return Client(*await proxy.connect())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.proxy.port, ssl=context)
    proxy.writers.append(writer)
    return Client(reader, writer)


def shape(event: dict[str, Any]) -> dict[str, Any]:
    """An event without its id and times."""
    changing = ("auditID", "requestReceivedTimestamp", "stageTimestamp")
    return {key: value for key, value in event.items() if key not in changing}


async def test_tokens(tmp_path: Path) -> None:
    """The same request again and on another connection: the same events, one question each."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        asked = (await services(proxy)).authenticator
        first, second = await connect(proxy), await connect(proxy)
        for of in (first, first, first, second, second):
            assert (await of.ask("X-Forwarded-For: 1.2.3.4", token=ALICE)).status == 200
        assert asked.asked == 2
        events = [shape(event) for event in await proxy.until_events(10)]
        assert all(event == events[index % 2] for index, event in enumerate(events))
        assert proxy.metric("authentication_token_cache_request_total", status="hit") == 4
        assert proxy.metric("authentication_token_cache_request_total", status="miss") == 1
        # Another block of the same connection is another client.
        for token, username in ((BOB, "bob"), (ALICE, "alice"), (BOB, "bob")):
            assert (await first.ask(token=token)).status == 200
            assert proxy.events[-1]["user"]["username"] == username
        assert (await first.ask("X-Forwarded-For: 1.2.3.4", token="wrong")).status == 401
        assert (await first.ask("X-Forwarded-For: 1.2.3.4", token=ALICE)).status == 200


async def test_token_that_is_removed(tmp_path: Path) -> None:
    """A token that is gone from the file is refused on a connection that it was remembered on."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        of = await connect(proxy)
        for _ in range(2):
            assert (await of.ask(token=ALICE)).status == 200
        (tmp_path / "tokens.csv").write_text(f"{ADMIN},carol,3\n", encoding="utf-8")
        await proxy.proxy.reloader.poll(settle=False)
        for _ in range(2):
            assert (await of.ask(token=ALICE)).status == 401
            assert (await of.ask(token=ADMIN)).status == 200
            assert proxy.events[-1]["user"]["username"] == "carol"


async def test_certificates(tmp_path: Path) -> None:
    """Two users with certificates: each is verified once, and each stays itself."""
    for name in ("alice", "bob"):
        ROOT.write_leaf(tmp_path / name, name, organizations=("dev",))
    async with tls_proxy(tmp_path) as proxy:
        asked = (await services(proxy)).authenticator
        clients = {name: await connect(proxy, tmp_path / name) for name in ("alice", "bob")}
        for _ in range(3):
            for name, of in clients.items():
                assert (await of.ask()).status == 200
                assert proxy.events[-1]["user"]["username"] == name
                assert proxy.events[-1]["user"]["groups"] == ["dev", "system:authenticated"]
        assert asked.asked == 2


async def test_certificate_that_expires(tmp_path: Path) -> None:
    """A certificate is refused as soon as it has expired, and accepted when the clock is set back."""
    ROOT.write_leaf(tmp_path / "alice", "alice")
    async with tls_proxy(tmp_path) as proxy:
        shared = proxy.proxy.handler.shared
        clock = shared.wall_clock
        of = await connect(proxy, tmp_path / "alice")
        for _ in range(2):
            assert (await of.ask()).status == 200
        shared.wall_clock = lambda: clock() + 400 * 86400 * SECOND
        for _ in range(2):
            assert (await of.ask()).status == 401
        shared.wall_clock = clock
        assert (await of.ask()).status == 200


async def test_authorities_that_change(tmp_path: Path) -> None:
    """Another bundle applies to the next request of a connection whose client was remembered."""
    ROOT.write_leaf(tmp_path / "alice", "alice")
    async with tls_proxy(tmp_path) as proxy:
        of = await connect(proxy, tmp_path / "alice")
        for _ in range(2):
            assert (await of.ask()).status == 200
        for bundle, status in ((OTHER.pem, 401), (ROOT.pem, 200)):
            (tmp_path / "ca.crt").write_bytes(bundle)
            await proxy.proxy.reloader.poll(settle=False)
            for _ in range(2):
                assert (await of.ask()).status == status


async def test_front_proxy(tmp_path: Path) -> None:
    """Users behind one front proxy, on one connection: the headers decide about each request."""
    front = Authority("front")
    front.write_leaf(tmp_path / "proxy", "front-proxy")
    ROOT.write_leaf(tmp_path / "alice", "alice")
    (tmp_path / "front.crt").write_bytes(front.pem)
    async with tls_proxy(
        tmp_path,
        requestheader_client_ca_file=str(tmp_path / "front.crt"),
        requestheader_username_headers=("X-Remote-User",),
    ) as proxy:
        asked = (await services(proxy)).authenticator
        of, alice = (
            await connect(proxy, tmp_path / "proxy"),
            await connect(proxy, tmp_path / "alice"),
        )
        for name in ("carol", "dave", "carol", "dave"):
            assert (await of.ask(f"X-Remote-User: {name}")).status == 200
            assert proxy.events[-1]["user"]["username"] == name
            assert (await alice.ask(f"X-Remote-User: {name}")).status == 200
            assert proxy.events[-1]["user"]["username"] == "alice"
        assert (await of.ask()).status == 401
        # Behind the error of a front proxy's authorities nothing is remembered either.
        assert asked.asked == 9


async def test_impersonation(tmp_path: Path) -> None:
    """Headers that ask to act as another apply to their own request and to no other."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        of = await connect(proxy)
        for asks in (False, True, True, False, True):
            headers = ("Impersonate-User: bob",) if asks else ()
            assert (await of.ask(*headers, token=ADMIN)).status == 200
            event = proxy.events[-1]
            assert event["user"]["username"] == "admin"
            assert event.get("impersonatedUser", {}).get("username") == ("bob" if asks else None)
        (connection,) = upstream.connections
        acted = [
            line.partition(b": ")[2]
            for line in connection.received.split(b"\r\n")
            if line.startswith(b"Impersonate-User")
        ]
        assert acted == [b"admin", b"bob", b"bob", b"admin", b"bob"]


async def test_policy_that_changes(tmp_path: Path) -> None:
    """A new policy applies to the next request of a client that was remembered."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        of = await connect(proxy)
        policy = (tmp_path / "policy.yaml").read_text(encoding="utf-8")
        for level in ("RequestResponse", "Metadata", "Request"):
            changed = policy.replace("RequestResponse", level)
            (tmp_path / "policy.yaml").write_text(changed, encoding="utf-8")
            await proxy.proxy.reloader.poll(settle=False)
            for _ in range(2):
                assert (await of.ask(token=ALICE)).status == 200
                assert proxy.events[-1]["level"] == level
