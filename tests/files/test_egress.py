"""--egress-selector-config-file: what kube-apiserver accepts and refuses, with all faults at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.app.wanted import described
from auditproxy.files.egress import load_egress
from auditproxy.files.files import read_files
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.connectproxy import FakeConnectProxy
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.options import options
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.webhook import Receiver

DIRECT = {"proxyProtocol": "Direct"}
UDS = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": "/run/k.sock"}}}


def document(*selections: tuple[str, Any], version: str = "v1beta1") -> bytes:
    """A file with these selections."""
    return json.dumps(
        {
            "apiVersion": f"apiserver.k8s.io/{version}",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [
                {"name": name, "connection": connection} for name, connection in selections
            ],
        }
    ).encode()


def tcp(url: str, **tls: str) -> dict[str, Any]:
    """A connection over TCP."""
    transport: dict[str, Any] = {"url": url}
    if tls:
        transport["tlsConfig"] = tls
    return {"proxyProtocol": "HTTPConnect", "transport": {"tcp": transport}}


def faults(text: bytes) -> tuple[str, ...]:
    """What is wrong with a file."""
    with pytest.raises(Unusable) as caught:
        load_egress(text)
    return caught.value.faults


@pytest.mark.parametrize("name", ["controlplane", "ControlPlane", "master"])
@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_unix_socket(name: str, version: str) -> None:
    """The selection by each of its names, the deprecated one among them."""
    other = ("cluster", {"proxyProtocol": "GRPC", "transport": {"uds": {"udsName": "/x"}}})
    egress = load_egress(document(other, (name, UDS), version=version))
    assert egress is not None
    assert (egress.udsname, egress.ssl_context) == ("/run/k.sock", None)


@pytest.mark.parametrize("selections", [(), (("controlplane", DIRECT),), (("etcd", UDS),)])
def test_direct(selections: tuple[tuple[str, Any], ...]) -> None:
    """Without a proxy for it the webhook is reached directly."""
    assert load_egress(document(*selections)) is None


def test_tls(tmp_path: Path) -> None:
    """The proxy's authorities, our certificate and the name it is verified by."""
    certificate, key = tmp_path / "c", tmp_path / "k"
    certificate.write_bytes(CERTIFICATE)
    key.write_bytes(KEY)
    pair = {"clientCert": str(certificate), "clientKey": str(key)}
    egress = load_egress(
        document(
            (
                "controlplane",
                tcp(
                    "https://[::1]:8131/",
                    caBundle=str(certificate),
                    tlsServerName="konnectivity",
                    **pair,
                ),
            )
        )
    )
    assert egress is not None
    assert (egress.host, egress.port, egress.server_name) == ("::1", 8131, "konnectivity")
    assert egress.place == "https://[::1]:8131"
    assert egress.ssl_context is not None
    assert len(egress.ssl_context.get_ca_certs()) == 1
    # Without a bundle the system's authorities are trusted.
    egress = load_egress(document(("controlplane", tcp("https://proxy:1", **pair))))
    assert egress is not None
    assert egress.ssl_context is not None


def test_plain_tcp() -> None:
    """http:// without TLS, which kube-apiserver's validation allows."""
    egress = load_egress(document(("controlplane", tcp("http://127.0.0.1:8131"))))
    assert egress is not None
    assert (egress.host, egress.port, egress.ssl_context) == ("127.0.0.1", 8131, None)


PATH = "egressSelections[0].connection"


@pytest.mark.parametrize(
    ("connection", "fault"),
    [
        ({}, f"{PATH}.proxyProtocol: is missing; give one of Direct, GRPC, HTTPConnect"),
        ({"proxyProtocol": "http"}, f"{PATH}.proxyProtocol: must be one of Direct, GRPC, HTTPC"),
        ({**DIRECT, "transport": {}}, f"{PATH}.transport: must be absent with Direct"),
        ({"proxyProtocol": "HTTPConnect"}, f"{PATH}.transport: is missing; HTTPConnect needs it"),
        ({"proxyProtocol": "GRPC"}, f"{PATH}.transport: is missing; GRPC needs it"),
        (
            {"proxyProtocol": "GRPC", "transport": {"tcp": {"url": "http://a:1"}}},
            f"{PATH}.transport.uds: is missing; GRPC needs it",
        ),
        (
            {"proxyProtocol": "GRPC", "transport": {"uds": {"udsName": "/x"}}},
            f"{PATH}.proxyProtocol: GRPC is not supported for controlplane; use HTTPConnect",
        ),
        ({**UDS, "transport": {}}, f"{PATH}.transport: one of tcp and uds must be set"),
        (
            {**UDS, "transport": {"uds": {"udsName": "/x"}, "tcp": {"url": "http://a:1"}}},
            f"{PATH}.transport: tcp and uds exclude each other",
        ),
        ({**UDS, "transport": {"uds": {}}}, f"{PATH}.transport.uds.udsName: is missing"),
        (
            {**UDS, "transport": {"uds": {"udsName": "/" + "x" * 107}}},
            f"{PATH}.transport.uds.udsName: is not the path of a socket, 107 bytes at most",
        ),
        (tcp("tcp://a:1"), f"{PATH}.transport.tcp.url: must be http:// or https://"),
        (tcp("http://a"), f"{PATH}.transport.tcp.url: must be http:// or https://"),
        (tcp("http://u:canary@a:1"), f"{PATH}.transport.tcp.url: must be http:// or https://"),
        (tcp("http://a:99999"), f"{PATH}.transport.tcp.url: must be http:// or https://"),
        (tcp("http://a:1", caBundle="x"), f"{PATH}.transport.tcp.tlsConfig: must be absent"),
        (tcp("https://a:1"), f"{PATH}.transport.tcp.tlsConfig: is missing; https:// needs it"),
        (
            tcp("https://a:1", clientCert="/c"),
            f"{PATH}.transport.tcp.tlsConfig.clientKey: is missing; TLS needs it",
        ),
        (
            tcp("https://a:1", clientCert="/none/c", clientKey="/none/k", caBundle="/none/a"),
            f"{PATH}.transport.tcp.tlsConfig.caBundle: /none/a cannot be read",
        ),
    ],
)
def test_faults_of_a_connection(connection: dict[str, Any], fault: str) -> None:
    """Each fault names the field; none shows a password."""
    found = faults(document(("controlplane", connection)))
    assert found[0].startswith(fault), found
    assert "canary" not in "".join(found)


def test_bad_pem(tmp_path: Path) -> None:
    """Files that are not what they should be are faults before anything is opened."""
    empty = tmp_path / "empty"
    empty.write_bytes(b"canary")
    name = str(empty)
    named = tcp("https://a:1", caBundle=name, clientCert=name, clientKey=name)
    path = f"{PATH}.transport.tcp.tlsConfig"
    assert faults(document(("controlplane", named))) == (
        f"{path}.caBundle: {name} has no PEM certificate; name a PEM bundle",
    )
    good = tmp_path / "good"
    good.write_bytes(CERTIFICATE)
    named = tcp("https://a:1", caBundle=str(good), clientCert=name, clientKey=name)
    assert faults(document(("controlplane", named))) == (
        f"{path}.clientCert: {name} and clientKey {name} are not a PEM pair without password; "
        "give the key of this certificate",
    )


def test_all_faults_at_once() -> None:
    """Unknown fields, names that are not known or there twice, and what is wrong with each."""
    text = (
        b"apiVersion: apiserver.k8s.io/v1\nkind: EgressSelectorConfiguration\negressSelections:\n"
        b"- {name: master, connection: {proxyProtocol: Direct}}\n"
        b"- {name: controlplane, connection: {proxyProtocol: HTTPConnect}}\n"
        b"- {name: elsewhere, conection: {proxyProtocol: Direct}}\n"
    )
    assert faults(text) == (
        'unknown field "egressSelections[2].conection" (did you mean connection?)',
        "apiVersion: must be one of apiserver.k8s.io/v1beta1, apiserver.k8s.io/v1alpha1; "
        'is "apiserver.k8s.io/v1"',
        "egressSelections[1].name: controlplane is there twice; remove one",
        "egressSelections[1].connection.transport: is missing; HTTPConnect needs it",
        'egressSelections[2].name: must be one of cluster, controlplane, etcd; is "elsewhere"',
    )


def test_without_a_webhook(tmp_path: Path) -> None:
    """A file that nothing uses is named at the start, and its faults name the flag."""
    path, upstream = tmp_path / "egress.yaml", tmp_path / "kubeconfig"
    path.write_bytes(document(("controlplane", UDS)))
    upstream.write_text(json.dumps(kubeconfig()), encoding="utf-8")
    given = options(egress_selector_config_file=str(path), kubeconfig=str(upstream))
    found = read_files(given)
    assert any("has no effect without --audit-webhook-config-file" in w for w in found.warnings)
    path.write_text("kind: Policy", encoding="utf-8")
    with pytest.raises(Unusable, match=f"--egress-selector-config-file {path}: kind: "):
        read_files(given)


async def test_events_go_through_the_proxy(tmp_path: Path) -> None:
    """A whole auditproxy: what its files say is the way that its events take."""
    socket = tmp_path / "s"
    async with (
        Receiver() as receiver,
        FakeConnectProxy(path=socket) as connect,
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
    ):
        webhook, egress = tmp_path / "webhook", tmp_path / "egress"
        webhook.write_text(json.dumps(kubeconfig({"server": receiver.url})), encoding="utf-8")
        uds = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(socket)}}}
        egress.write_bytes(document(("controlplane", uds)))
        async with proxy_before(
            upstream.port,
            tmp_path,
            own_backend=True,
            audit_webhook_config_file=str(webhook),
            audit_webhook_mode="blocking",
            egress_selector_config_file=str(egress),
        ) as proxy:
            assert f"the audit webhook is reached through the proxy {socket}" in described(
                options(), proxy.proxy._composed.files
            )
            await proxy.ask(request())
            await receiver.until_received(2)
        assert connect.heads[0].startswith(b"CONNECT 127.0.0.1:%d " % receiver.port)
        assert b'"kind":"EventList"' in receiver.received[0].body
