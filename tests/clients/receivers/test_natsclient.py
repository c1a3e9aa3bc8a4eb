"""Logging in to NATS: every kind of credentials, TLS, and that authorities count."""

import base64
import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nats.js.api import StreamConfig

from auditproxy.clients.receivers.jetstream import JetStreamReceiver
from auditproxy.clients.receivers.natstarget import NatsCredentials, NatsTarget
from auditproxy.tls.client import client_context
from auditproxy.tls.pem import load_pair
from tests.fakes.certificates import CERTIFICATE, KEY, write_localhost_certificate
from tests.fakes.hostilenats import INFO, HostileNats, reset
from tests.fakes.natsservers import jetstream, needs_nats_server, one_server
from tests.fakes.publishing import PUBLIC, SEED, fault, records, target

WITHOUT_A_CERTIFICATE = ("tls", "unreachable", "disconnected", "bad-answer")
"""TLS 1.3 lets a client find out only when it writes, and at which write is chance."""

LOGINS: list[tuple[dict[str, Any], NatsCredentials, dict[str, Any]]] = [
    (
        {"users": [{"user": "proxy", "password": "secret"}]},
        NatsCredentials(user="proxy", password="secret"),
        {"user": "proxy", "password": "secret"},
    ),
    ({"token": "to-ken"}, NatsCredentials(token="to-ken"), {"token": "to-ken"}),
    (
        {"users": [{"nkey": PUBLIC}, {"user": "test", "password": "test"}]},
        NatsCredentials(seed=SEED),
        {"user": "test", "password": "test"},
    ),
]


@needs_nats_server
@pytest.mark.parametrize(("authorization", "credentials", "login"), LOGINS)
async def test_credentials(
    authorization: dict[str, Any],
    credentials: NatsCredentials,
    login: dict[str, Any],
    tmp_path: Path,
) -> None:
    """A server accepts each kind, and nobody without; a reload gives the next one."""
    async with (
        one_server(tmp_path, authorization=authorization) as server,
        jetstream(server, **login) as stream,
    ):
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        receiver = JetStreamReceiver(target(server.port))
        error = await fault(receiver, records("a"))
        assert (error.reason, error.is_poison) == ("unauthorized", False)
        receiver.replace(replace(target(server.port), credentials=credentials))
        await receiver.publish(records("a"))
        await receiver.close()


async def test_a_jwt() -> None:
    """It is sent with a signature of the server's nonce by the user's key, and no seed."""
    greeting = INFO.replace(b"}", b',"auth_required":true,"nonce":"nonce-1"}')
    async with HostileNats(reset, greeting=greeting) as server:
        secret = NatsCredentials(jwt="a.b.c", seed=SEED)
        receiver = JetStreamReceiver(replace(target(server.port), credentials=secret))
        await fault(receiver, records("a"))
        await receiver.close()
        said = json.loads(server.said.split(b"\r\n")[0].removeprefix(b"CONNECT "))
    assert said["jwt"] == "a.b.c"
    raw = base64.b32decode(PUBLIC)[1:-2]
    signature = base64.b64decode(said["sig"])
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, b"nonce-1")
    assert SEED.encode() not in server.said


@needs_nats_server
async def test_tls(tmp_path: Path) -> None:
    """Server and client show certificates; one of other authorities is refused by us, ours by it."""
    ca, certificate, key = write_localhost_certificate(tmp_path)
    client_ca = tmp_path / "client.crt"
    client_ca.write_bytes(CERTIFICATE)
    tls = {
        "cert_file": str(certificate),
        "key_file": str(key),
        "ca_file": str(client_ca),
        "verify": True,
    }
    ours = client_context(ca.read_bytes())
    load_pair(ours, CERTIFICATE, KEY)
    async with one_server(tmp_path, tls=tls) as server:

        def through(context: ssl.SSLContext) -> NatsTarget:
            return replace(target(server.port), ssl_context=context)

        async with jetstream(server, tls=ours) as stream:
            await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        receiver = JetStreamReceiver(through(client_context(CERTIFICATE)))
        error = await fault(receiver, records("a"))
        assert error.reason == "tls"
        assert "certificate verify failed" in str(error)
        receiver.replace(through(client_context(ca.read_bytes())))
        assert (await fault(receiver, records("a"))).reason in WITHOUT_A_CERTIFICATE
        receiver.replace(through(ours))
        await receiver.publish(records("a"))
        await receiver.close()
