"""A: our credential and clients' tokens never share a connection (rule R5)."""

import json
import ssl
from pathlib import Path

import pytest

from tests.fakes.certificates import write_localhost_certificate
from tests.fakes.proxy import ALICE, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.threats.rig import OK


@pytest.mark.parametrize("mode", ["passthrough", "impersonate"])
async def test_our_certificate(tmp_path: Path, mode: str) -> None:
    """T019, T021: with the client's token on a connection our certificate is not offered, else it is."""
    ca, certificate, key = write_localhost_certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    server.load_verify_locations(ca)
    # An upstream that asks for a certificate, and cannot verify the one for a server that we offer.
    server.verify_mode = ssl.CERT_OPTIONAL
    offered = []

    async def script(connection: FakeConnection) -> None:
        head = await connection.read_head()
        offered.append(connection.transport.get_extra_info("ssl_object").getpeercert(True))
        assert b"Authorization: Bearer " + ALICE.encode() in head
        connection.send(OK)

    async with FakeUpstream(script, server_context=server) as upstream:
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "clusters": [
                {
                    "name": "a",
                    "cluster": {
                        "server": f"https://127.0.0.1:{upstream.port}",
                        "certificate-authority": str(ca),
                    },
                }
            ],
            "users": [
                {
                    "name": "a",
                    "user": {"client-certificate": str(certificate), "client-key": str(key)},
                }
            ],
        }
        path = tmp_path / "with-certificate"
        path.write_text(json.dumps(kubeconfig), encoding="utf-8")
        async with proxy_before(
            upstream.port, tmp_path, kubeconfig=str(path), upstream_identity=mode
        ) as proxy:
            got = await proxy.ask(request(token=ALICE))
    if mode == "passthrough":
        assert (got.status, offered) == (200, [None])
    else:
        assert (got.status, offered) == (502, []) or got.status == 503
