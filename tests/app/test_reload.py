"""Files that change under a running proxy: policy, authorities, tokens, certificates, credentials."""

import asyncio
import base64
import contextlib
import datetime
import json
import os
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from auditproxy import __version__
from tests.conformance.client import Answer, read_answer
from tests.fakes.alertrules import HEAD
from tests.fakes.authority import Authority
from tests.fakes.processes import started
from tests.fakes.proxy import ADMIN, ALICE, EVERYTHING, RunningProxy, proxy_before, request
from tests.fakes.tokens import ISSUER, account_claims, ec_key, public_pem, rsa_key, signed
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.fakes.waiting import turns
from tests.fakes.webhook import Receiver
from tests.fakes.webhook import answer as webhook_answer

METADATA = EVERYTHING.replace("RequestResponse", "Metadata")
ROOT = Authority("root")
OTHER = Authority("other")
DEADLINE = 10.0


async def reload(proxy: RunningProxy) -> None:
    """Have the files looked at once."""
    await proxy.proxy.reloader.poll(settle=False)


def reloads(proxy: RunningProxy, file: str, result: str) -> float:
    """How often a file was put in use, or refused."""
    return proxy.metric("auditproxy_config_reloads_total", file=file, result=result)


@contextlib.asynccontextmanager
async def tls_proxy(folder: Path, **flags: Any) -> AsyncIterator[RunningProxy]:
    """A proxy over TLS that knows the clients of ROOT; its own certificate is ROOT's too."""
    ROOT.write_leaf(folder / "server", "localhost")
    ROOT.write_leaf(folder / "alice", "alice")
    OTHER.write_leaf(folder / "bob", "bob")
    (folder / "ca.crt").write_bytes(ROOT.pem)
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        async with proxy_before(
            upstream.port,
            folder,
            tls=True,
            anonymous_auth=False,
            client_ca_file=str(folder / "ca.crt"),
            tls_cert_file=str(folder / "server.crt"),
            tls_private_key_file=str(folder / "server.key"),
            **flags,
        ) as proxy:
            proxy.upstream = upstream
            yield proxy


class Client:
    """One TLS connection, kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def server_certificate(self) -> bytes:
        """What the server showed."""
        der = self._writer.get_extra_info("ssl_object").getpeercert(True)
        assert isinstance(der, bytes)
        return der

    async def ask(self, token: str = "", headers: tuple[str, ...] = ()) -> Answer:
        """One request."""
        self._writer.write(request("GET", "/api/v1/pods", *headers, token=token))
        async with asyncio.timeout(DEADLINE):
            return await read_answer(self._reader, "GET")


async def connect(proxy: RunningProxy, folder: Path, name: str = "") -> Client:
    """A client with the certificate of this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if name:
        context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.proxy.port, ssl=context)
    proxy.writers.append(writer)
    return Client(reader, writer)


async def test_policy(tmp_path: Path) -> None:
    """T278: a request that began under one policy ends under it; the next has the new one."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        while await connection.read_head():
            arrived.set()
            await release.wait()
            connection.send(answer(200, b"{}"))

    async with FakeUpstream(script) as upstream:
        async with proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy:
            asking = asyncio.create_task(proxy.ask(request()))
            async with asyncio.timeout(DEADLINE):
                await arrived.wait()
            (tmp_path / "policy.yaml").write_text(EVERYTHING)
            await reload(proxy)
            release.set()
            await asking
            await proxy.ask(request())
            assert [event["level"] for event in proxy.events] == [
                *["Metadata"] * 2,
                *["RequestResponse"] * 2,
            ]
            assert proxy.metric("auditproxy_config_generation", file="audit-policy-file") == 2


async def test_a_misspelt_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A field that no policy has is told with what is made of it, as at the start."""
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy:
            (tmp_path / "policy.yaml").write_text(METADATA.replace("level", "levle: x, level"))
            capsys.readouterr()
            await reload(proxy)
            (line,) = [each for each in capsys.readouterr().err.splitlines() if "levle" in each]
            assert line.endswith("; falling back to lenient decoding")


@pytest.mark.parametrize("text", ["a: " + "[" * 2_000, '{"a":' * 2_000])
async def test_nested_too_deeply(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Files that cannot be read because they are nested too deeply are named with this reason."""
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy:
            for name in ("kubeconfig", "policy.yaml"):
                (tmp_path / name).write_text(text)
            capsys.readouterr()
            await reload(proxy)
            output = "".join(capsys.readouterr())
            lines = [each for each in output.splitlines() if "nested too deeply" in each]
            assert len(lines) == 2, output
            assert f"kubeconfig {tmp_path}/kubeconfig" in "".join(lines)
            assert f"--audit-policy-file {tmp_path}/policy.yaml: " in "".join(lines)
            assert (await proxy.ask(request())).status == 200


async def test_policy_under_load(tmp_path: Path) -> None:
    """T278: however often the policy changes, both events of a request have one level."""
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy:
            stop = False

            async def client() -> None:
                reader, writer = await proxy.connect()
                while not stop:
                    writer.write(request())
                    async with asyncio.timeout(DEADLINE):
                        assert (await read_answer(reader, "GET")).status == 200

            clients = [asyncio.create_task(client()) for _ in range(4)]
            for turn in range(20):
                before = len(proxy.events)
                (tmp_path / "policy.yaml").write_text((EVERYTHING, METADATA)[turn % 2])
                await reload(proxy)
                await proxy.until_events(before + 8)
            stop = True
            await asyncio.gather(*clients)
            await proxy.proxy.settle()
            levels: dict[str, set[str]] = {}
            for event in proxy.events:
                levels.setdefault(event["auditID"], set()).add(event["level"])
            assert all(len(of_one) == 1 for of_one in levels.values())
            assert set().union(*levels.values()) == {"Metadata", "RequestResponse"}
            assert reloads(proxy, "audit-policy-file", "success") == 20


async def test_warnings_of_a_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is probably not meant so is said of what comes later, too."""
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy:
            capsys.readouterr()
            policy = METADATA.replace("{level", "{users: ['dev-*'], level")
            assert policy != METADATA
            (tmp_path / "policy.yaml").write_text(policy)
            await reload(proxy)
            assert 'rules[0].users has "dev-*"' in capsys.readouterr().err


async def test_warnings_stay_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is one at the start is one after a reload, and facts are facts."""
    rules = tmp_path / "rules.yaml"
    text = f"{HEAD}rules: [{{name: R, severity: low, summary: s, match: {{users: [%s]}}}}]\n"
    rules.write_text(text % "dev")
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, rules_file=str(rules)) as proxy:
            capsys.readouterr()
            rules.write_text(text % "dev-*")
            await reload(proxy)
            err = capsys.readouterr().err
            (line,) = (line for line in err.splitlines() if 'match.users has "dev-*"' in line)
            assert " [warning  ] " in line
            (line,) = (line for line in err.splitlines() if "version 2" in line)
            assert " [info     ] " in line


async def test_redaction(tmp_path: Path) -> None:
    """New rules count from the next request on with the key of before; senseless ones change nothing."""
    rules = (
        "apiVersion: auditproxy.io/v1alpha1\nkind: RedactionConfiguration\nqueryParameters: [%s]\n"
    )
    path = tmp_path / "rules.yaml"
    path.write_text(rules % "first")
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, audit_redact=str(path)) as proxy:

            async def recorded() -> list[str]:
                await proxy.ask(request("GET", "/version?first=canary&second=canary"))
                uri = proxy.events[-1]["requestURI"]
                return [setting.partition("=")[2] for setting in uri.partition("?")[2].split("&")]

            marked, plain = await recorded()
            assert plain == "canary" != marked
            path.write_text(rules % "first, second")
            await reload(proxy)
            assert await recorded() == [marked, marked]
            path.write_text("kind: Nothing\n")
            await reload(proxy)
            assert await recorded() == [marked, marked]
            assert reloads(proxy, "audit-redact", "success") == 1
            assert reloads(proxy, "audit-redact", "error") == 1


async def test_bad_files_are_kept_out(tmp_path: Path) -> None:
    """T279: half-written or senseless files change nothing, are counted and told, and recover."""
    async with tls_proxy(tmp_path) as proxy:
        client = await connect(proxy, tmp_path, "alice")
        files = {
            "audit-policy-file": "policy.yaml",
            "client-ca-file": "ca.crt",
            "tls-cert-file": "server.crt",
            "token-auth-file": "tokens.csv",
            "kubeconfig": "kubeconfig",
        }
        good = {name: (tmp_path / name).read_bytes() for name in files.values()}
        for bad in (b"", b"\xff\xfe:", None):
            for name in files.values():
                if bad is None:
                    (tmp_path / name).unlink()
                elif bad == b"" and name != "tokens.csv":
                    (tmp_path / name).write_bytes(good[name][: len(good[name]) // 2])
                else:
                    (tmp_path / name).write_bytes(b'"' + bad)
            await reload(proxy)
            for other in (client, await connect(proxy, tmp_path, "alice")):
                assert (await other.ask()).status == 200
            assert (await (await connect(proxy, tmp_path)).ask(ADMIN)).status == 200
        assert {name: reloads(proxy, name, "error") for name in files} == dict.fromkeys(files, 3)
        assert all("cannot be used" in line for line in proxy.proxy.reloader.describe())
        for name, content in good.items():
            (tmp_path / name).write_bytes(content)
        await reload(proxy)
        assert not any("cannot be used" in line for line in proxy.proxy.reloader.describe())
        assert {name: reloads(proxy, name, "success") for name in files} == dict.fromkeys(files, 0)


async def test_serving_certificate(tmp_path: Path) -> None:
    """T280: new handshakes see the new certificate, an old connection goes on with its own."""
    async with tls_proxy(tmp_path) as proxy:
        before = await connect(proxy, tmp_path, "alice")
        assert (await before.ask()).status == 200
        OTHER.write_leaf(tmp_path / "new", "localhost")
        # Between the two writes the pair does not fit; that is no new version.
        (tmp_path / "server.crt").write_bytes((tmp_path / "new.crt").read_bytes())
        await reload(proxy)
        assert (await connect(proxy, tmp_path)).server_certificate == before.server_certificate
        (tmp_path / "server.key").write_bytes((tmp_path / "new.key").read_bytes())
        await reload(proxy)
        after = await connect(proxy, tmp_path, "alice")
        assert after.server_certificate != before.server_certificate
        assert (await before.ask()).status == 200
        assert (await after.ask()).status == 200
        assert reloads(proxy, "tls-cert-file", "error") == 1
        assert reloads(proxy, "tls-cert-file", "success") == 1


async def test_end_of_the_serving_certificate(tmp_path: Path) -> None:
    """C11: the metric tells the end of the certificate in use, from the start and after a change."""

    def end() -> float:
        return proxy.metric(
            "auditproxy_serving_certificate_expiry_timestamp_seconds", file="tls-cert-file"
        )

    def expected() -> float:
        pem = (tmp_path / "server.crt").read_bytes()
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()

    async with tls_proxy(tmp_path) as proxy:
        first = end()
        assert first == expected() > 0
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
        ROOT.write_leaf(tmp_path / "server", "localhost", not_after=later)
        await reload(proxy)
        assert end() == expected() != first
        version = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
        assert proxy.metric("auditproxy_build_info", version=__version__, python=version) == 1
        assert proxy.metric("process_start_time_seconds") > 0


async def test_client_authority_is_replaced(tmp_path: Path) -> None:
    """T052: who was let in by an authority that is gone is a 401 on the connection it has."""
    async with tls_proxy(tmp_path) as proxy:
        alice = await connect(proxy, tmp_path, "alice")
        assert (await alice.ask()).status == 200
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await (await connect(proxy, tmp_path, "bob")).ask()
        (tmp_path / "ca.crt").write_bytes(ROOT.pem + OTHER.pem)
        await reload(proxy)
        bob = await connect(proxy, tmp_path, "bob")
        assert (await bob.ask()).status == 200
        assert (await alice.ask()).status == 200
        (tmp_path / "ca.crt").write_bytes(OTHER.pem)
        await reload(proxy)
        assert (await alice.ask()).status == 401
        assert (await bob.ask()).status == 200
        # With another credential the connection is as good as any.
        assert (await alice.ask(ADMIN)).status == 200
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await (await connect(proxy, tmp_path, "alice")).ask()


async def test_certificate_expires(tmp_path: Path) -> None:
    """T051: a certificate counts until its end and no longer, on a connection it has opened."""
    async with tls_proxy(tmp_path) as proxy:
        alice = await connect(proxy, tmp_path, "alice")
        assert (await alice.ask()).status == 200
        proxy.proxy.handler.shared.wall_clock = lambda: time.time_ns() + 2 * 3600 * 10**9
        assert (await alice.ask()).status == 401
        assert proxy.events[-1]["responseStatus"]["code"] == 401
        proxy.proxy.handler.shared.wall_clock = time.time_ns
        assert (await alice.ask()).status == 200


async def test_sessions_are_not_resumed(tmp_path: Path) -> None:
    """T053, T078: no ticket carries a certificate past a change of the authorities."""
    async with tls_proxy(tmp_path) as proxy:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(tmp_path / "alice.crt", tmp_path / "alice.key")

        def twice() -> bool | None:
            session = None
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", proxy.proxy.port), 10) as plain:
                    with context.wrap_socket(plain, session=session) as secured:
                        secured.sendall(request("GET", "/api/v1/pods", token=""))
                        assert secured.recv(12) == b"HTTP/1.1 200"
                        session, reused = secured.session, secured.session_reused
            return reused

        for newest in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            context.maximum_version = newest
            assert await asyncio.to_thread(twice) is False


@pytest.mark.parametrize(
    ("allowed", "groups", "code"),
    [
        (("*",), ("system:masters",), 200),
        ((), ("system:masters",), 401),
        ((), ("dev",), 200),
        (("system:masters",), ("dev", "system:masters"), 200),
        (("system:masters",), ("system:nodes",), 401),
    ],
)
async def test_reserved_groups(
    tmp_path: Path, allowed: tuple[str, ...], groups: tuple[str, ...], code: int
) -> None:
    """T040: with the guard a certificate has no name of Kubernetes' own but those allowed."""
    ROOT.write_leaf(tmp_path / "carol", "carol", organizations=groups)
    ROOT.write_leaf(tmp_path / "node", "system:node:a", organizations=("dev",))
    async with tls_proxy(tmp_path, client_ca_allowed_system_groups=allowed) as proxy:
        assert (await (await connect(proxy, tmp_path, "carol")).ask()).status == code
        # Usernames are never exempt.
        node = (await (await connect(proxy, tmp_path, "node")).ask()).status
        assert node == (200 if "*" in allowed else 401)


async def test_front_proxies(tmp_path: Path) -> None:
    """T007, T052: a front proxy names users; its headers never pass, and its authority can go."""
    front = Authority("front")
    front.write_leaf(tmp_path / "proxy", "front-proxy")
    front.write_leaf(tmp_path / "impostor", "impostor")
    (tmp_path / "front.crt").write_bytes(front.pem)
    async with tls_proxy(
        tmp_path,
        requestheader_client_ca_file=str(tmp_path / "front.crt"),
        requestheader_allowed_names=("front-proxy",),
        requestheader_username_headers=("X-Who",),
        requestheader_group_headers=("X-Remote-Group",),
        requestheader_extra_headers_prefix=("X-More-",),
    ) as proxy:
        named = ("X-Who: bob", "X-Remote-Group: dev", "X-More-example.com%2fa: b")
        client = await connect(proxy, tmp_path, "proxy")
        assert (await client.ask(headers=named)).status == 200
        user = proxy.events[-1]["user"]
        assert (user["username"], user["groups"]) == ("bob", ["dev", "system:authenticated"])
        assert user["extra"] == {"example.com/a": ["b"]}
        # Without a name it is nobody; a client's certificate names nobody but itself.
        assert (await client.ask()).status == 401
        alice = await connect(proxy, tmp_path, "alice")
        assert (await alice.ask(headers=named)).status == 200
        assert proxy.events[-1]["user"]["username"] == "alice"
        impostor = await connect(proxy, tmp_path, "impostor")
        assert (await impostor.ask(headers=named)).status == 401
        assert (await (await connect(proxy, tmp_path)).ask(headers=named)).status == 401
        upstream = proxy.upstream
        assert upstream is not None
        for connection in upstream.connections:
            assert b"x-who" not in connection.received.lower()
            assert b"x-remote" not in connection.received.lower()
            assert b"x-more" not in connection.received.lower()
        # kube-apiserver's fault at start is one at a reload, too, unless names are given.
        (tmp_path / "front.crt").write_bytes(OTHER.pem)
        await reload(proxy)
        assert (await client.ask(headers=named)).status == 401
        assert reloads(proxy, "requestheader-client-ca-file", "success") == 1


async def test_overlapping_authorities(tmp_path: Path) -> None:
    """T279: authorities that must not overlap may not come to overlap."""
    (tmp_path / "front.crt").write_bytes(OTHER.pem)
    async with tls_proxy(
        tmp_path,
        requestheader_client_ca_file=str(tmp_path / "front.crt"),
        requestheader_username_headers=("X-Remote-User",),
    ) as proxy:
        (tmp_path / "ca.crt").write_bytes(ROOT.pem + OTHER.pem)
        await reload(proxy)
        assert reloads(proxy, "client-ca-file", "error") == 1
        bob = await connect(proxy, tmp_path, "bob")
        assert (await bob.ask(headers=("X-Remote-User: eve",))).status == 200
        assert (await bob.ask()).status == 401


async def test_token_file(tmp_path: Path) -> None:
    """T051: a token that is gone from the file is a 401, a new one is known."""
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path) as proxy:
            assert (await proxy.ask(request(token=ALICE))).status == 200
            assert (await proxy.ask(request(token="new"))).status == 401
            (tmp_path / "tokens.csv").write_text("new,carol,1\n")
            await reload(proxy)
            assert (await proxy.ask(request(token=ALICE))).status == 401
            assert (await proxy.ask(request(token="new"))).status == 200
            assert proxy.events[-1]["user"]["username"] == "carol"


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a kubeconfig."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


async def test_credential(tmp_path: Path) -> None:
    """T281: a new credential is used for new requests, on new connections; a stream goes on."""
    async with FakeUpstream(_streaming) as upstream:
        async with proxy_before(upstream.port, tmp_path) as proxy:
            reader, writer = await proxy.connect()
            writer.write(request("GET", "/api/v1/pods?watch=1"))
            async with asyncio.timeout(DEADLINE):
                await reader.readuntil(b"first")
            await proxy.ask(request())
            edit(
                tmp_path / "kubeconfig",
                lambda value: value["users"][0]["user"].update(token="renewed"),
            )
            await reload(proxy)
            opened = len(upstream.connections)
            await proxy.ask(request())
            assert len(upstream.connections) == opened + 1
            assert b"Bearer renewed" in upstream.connections[-1].received
            assert b"Bearer proxy-credential" not in upstream.connections[-1].received
            upstream.connections[0].send(b"6\r\nsecond\r\n0\r\n\r\n")
            async with asyncio.timeout(DEADLINE):
                await reader.readuntil(b"second")


async def _streaming(connection: FakeConnection) -> None:
    while head := await connection.read_head():
        if b"watch=1" in head:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await connection.wait_closed(60)
            return
        connection.send(answer(200, b"{}"))


async def test_request_header(tmp_path: Path) -> None:
    """T019, T281: as a front proxy we show its certificate alone and name the user, nothing else."""
    front = Authority("front")
    ROOT.write_leaf(tmp_path / "api", "localhost")
    front.write_leaf(tmp_path / "front", "front-proxy")
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listening.load_cert_chain(tmp_path / "api.crt", tmp_path / "api.key")
    listening.load_verify_locations(cadata=front.pem.decode())
    listening.verify_mode = ssl.CERT_REQUIRED
    async with FakeUpstream(replying(answer(200, b"{}")), server_context=listening) as upstream:
        (tmp_path / "kubeconfig").write_text("")

        def https(value: dict[str, Any]) -> None:
            cluster = value["clusters"][0]["cluster"]
            cluster["server"] = f"https://localhost:{upstream.port}"
            cluster["certificate-authority-data"] = base64.b64encode(ROOT.pem).decode()

        async with proxy_before(
            upstream.port,
            tmp_path,
            change=https,
            upstream_identity="request-header",
            proxy_client_cert_file=str(tmp_path / "front.crt"),
            proxy_client_key_file=str(tmp_path / "front.key"),
        ) as proxy:
            for expected in (1, 2):
                asked = request(
                    "GET", "/api/v1/pods", "X-Remote-User: eve", "X-Remote-Group: system:masters",
                    "Connection: X-Remote-User", token=ALICE,
                )  # fmt: skip
                assert (await proxy.ask(asked)).status == 200
                (head,) = [
                    bytes(connection.received)
                    for connection in upstream.connections
                    if b"alice" in connection.received
                ][expected - 1 :]
                assert b"X-Remote-User: alice\r\nX-Remote-Uid: 1\r\n" in head
                assert head.lower().count(b"x-remote-user") == 1
                for absent in (b"authorization", b"impersonate", b"masters", b"credential"):
                    assert absent not in head.lower()
                shown = upstream.connections[-1].transport.get_extra_info("peercert")
                assert shown["subject"][-1][0] == ("commonName", "front-proxy")
                # Its certificate is renewed as any other credential.
                front.write_leaf(tmp_path / "front", "front-proxy")
                await reload(proxy)
            # May alice be somebody else? The kubeconfig's own credential asks; it is none here.
            jane = request("GET", "/api/v1/pods", "Impersonate-User: jane", token=ALICE)
            assert (await proxy.ask(jane)).status == 403
            assert (await proxy.ask(request("GET", "/", "Impersonate-User: jane"))).status == 200
            assert b"X-Remote-User: jane\r\n" in upstream.connections[-1].received
            assert reloads(proxy, "kubeconfig", "success") == 2


async def test_another_cluster(tmp_path: Path) -> None:
    """A running proxy stays with its server and its context, whatever kubectl does to the file."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        FakeUpstream(replying(answer(200, b"{}"))) as other,
    ):
        async with proxy_before(upstream.port, tmp_path) as proxy:
            server = {"server": f"http://127.0.0.1:{other.port}"}

            def use_context(value: dict[str, Any]) -> None:
                value["clusters"].append({"name": "other", "cluster": server})
                context = {"cluster": "other", "user": "proxy"}
                value["contexts"].append({"name": "other", "context": context})
                value["current-context"] = "other"

            edit(tmp_path / "kubeconfig", use_context)
            await reload(proxy)
            assert reloads(proxy, "kubeconfig", "success") == 1
            edit(
                tmp_path / "kubeconfig",
                lambda value: value["clusters"][0].update(cluster=server),
            )
            await reload(proxy)
            assert reloads(proxy, "kubeconfig", "error") == 1
            assert (await proxy.ask(request())).status == 200
            assert other.connections == []


async def test_no_descriptors_left(tmp_path: Path) -> None:
    """T283: when no file can be opened the old ones stay, and are replaced later."""
    async with FakeUpstream(replying(answer(200, b"{}"))) as upstream:
        async with proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy:
            await proxy.ask(request())
            reader, writer = await proxy.connect()
            writer.write(request())
            async with asyncio.timeout(DEADLINE):
                await read_answer(reader, "GET")
            (tmp_path / "policy.yaml").write_text(EVERYTHING)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            # Python imports on first use; that needs files.
            await reload(proxy)
            (tmp_path / "policy.yaml").write_text(METADATA)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                await reload(proxy)
                writer.write(request())
                async with asyncio.timeout(DEADLINE):
                    assert (await read_answer(reader, "GET")).status == 200
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert reloads(proxy, "audit-policy-file", "error") == 1
            assert proxy.events[-1]["level"] == "RequestResponse"
            await reload(proxy)
            await proxy.ask(request())
            assert proxy.events[-1]["level"] == "Metadata"


async def test_signal_storm(tmp_path: Path) -> None:
    """T282: SIGHUP reads at once; a hundred of them are stable, and /readyz?verbose tells."""
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        async with started(upstream.port, tmp_path) as proxy:
            (tmp_path / "policy.yaml").write_text(EVERYTHING)
            for _ in range(100):
                proxy.process.send_signal(signal.SIGHUP)
                await turns()
            await proxy.until_said("--audit-policy-file was reloaded: version 2 is in use")
            told = (await proxy.health("/readyz?verbose")).body
            assert b"info: --audit-policy-file: version 2, in use since 20" in told
            assert os.fsencode(str(tmp_path)) not in told
            assert (await proxy.ask(request())).body == b"ok"
            assert proxy.process.returncode is None


def write_token_webhook(path: Path, server: str) -> None:
    """The kubeconfig of a token webhook."""
    path.write_text(
        json.dumps(
            {
                "current-context": "w",
                "contexts": [{"name": "w", "context": {"cluster": "w"}}],
                "clusters": [{"name": "w", "cluster": {"server": server}}],
            }
        )
    )


async def test_token_webhook(tmp_path: Path) -> None:
    """T081: with another webhook, whom the old one knew is forgotten at once."""
    known = {"status": {"authenticated": True, "user": {"username": "carol"}}}
    yes = webhook_answer(200, body=json.dumps(known).encode())
    no = webhook_answer(200, body=b'{"status": {}}')
    path = tmp_path / "token-webhook.yaml"
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        Receiver(yes, no) as old,
        Receiver(no, yes) as new,
    ):
        write_token_webhook(path, old.url)
        async with proxy_before(
            upstream.port,
            tmp_path,
            anonymous_auth=False,
            token_webhook_config_file=str(path),
        ) as proxy:
            for _ in range(2):
                assert (await proxy.ask(request(token="theirs"))).status == 200
            assert proxy.events[-1]["user"]["username"] == "carol"
            assert len(old.received) == 1
            path.write_text("nothing")
            await reload(proxy)
            name = "authentication-token-webhook-config-file"
            assert reloads(proxy, name, "error") == 1
            assert (await proxy.ask(request(token="theirs"))).status == 200
            # Another file, that tells nothing of tokens, forgets nothing.
            (tmp_path / "policy.yaml").write_text(METADATA)
            await reload(proxy)
            assert (await proxy.ask(request(token="theirs"))).status == 200
            assert len(old.received) == 1
            write_token_webhook(path, new.url)
            await reload(proxy)
            assert (await proxy.ask(request(token="theirs"))).status == 401
            assert len(new.received) == 1
            assert (await proxy.ask(request(token="others"))).status == 200


async def test_service_account_keys(tmp_path: Path) -> None:
    """T081: a token of an old key is nobody's once its key is gone, though it was remembered.

    A file without a key changes nothing.
    """
    path = tmp_path / "sa.pub"
    path.write_bytes(public_pem(rsa_key()))
    now = int(time.time())
    token = signed(account_claims(iat=now, nbf=now, exp=now + 600), rsa_key())
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        async with proxy_before(
            upstream.port,
            tmp_path,
            anonymous_auth=False,
            authentication_token_review=False,
            service_account_issuer=(ISSUER,),
            service_account_key_file=(str(path),),
            service_account_lookup=False,
        ) as proxy:
            assert (await proxy.ask(request(token=token))).status == 200
            path.write_bytes(b"nothing")
            await reload(proxy)
            assert reloads(proxy, "service-account-key-file", "error") == 1
            assert (await proxy.ask(request(token=token))).status == 200
            path.write_bytes(public_pem(ec_key()))
            await reload(proxy)
            assert (await proxy.ask(request(token=token))).status == 401
