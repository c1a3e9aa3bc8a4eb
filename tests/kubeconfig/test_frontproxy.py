"""The upstream as a front proxy speaks to it."""

import ssl
from pathlib import Path

import pytest

from auditproxy.kubeconfig.credentials import CredentialError, NoCredential, UpstreamTarget
from auditproxy.kubeconfig.frontproxy import with_front_proxy
from auditproxy.kubeconfig.tls import TlsMaterial
from auditproxy.kubeconfig.upstream import Upstream
from tests.fakes.authority import Authority

ROOT = Authority("root")


def upstream(context: ssl.SSLContext | None) -> Upstream:
    """An upstream of a kubeconfig."""
    target = UpstreamTarget("h", 6443, "https", "name", "/base", context)
    return Upstream(
        target,
        target,
        NoCredential(),
        "a test",
        files=("kubeconfig",),
        tls=TlsMaterial(ca=ROOT.pem),
    )


def test_target(tmp_path: Path) -> None:
    """The same server and authority, TLS settings of its own, and its files are watched."""
    ROOT.write_leaf(tmp_path / "front", "front-proxy")
    certificate, key = f"{tmp_path}/front.crt", f"{tmp_path}/front.key"
    before = upstream(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    after = with_front_proxy(before, certificate, key)
    assert after.front_proxy is not None
    assert after.front_proxy.ssl_context is not None
    assert after.front_proxy.ssl_context is not before.passthrough.ssl_context
    assert len(after.front_proxy.ssl_context.get_ca_certs()) == 1
    assert (after.front_proxy.host, after.front_proxy.base_path) == ("h", "/base")
    assert after.files == ("kubeconfig", certificate, key)
    assert "PRIVATE" not in repr(after)


def test_refused(tmp_path: Path) -> None:
    """Files that cannot be used name their flags; plain HTTP proves nobody."""
    ROOT.write_leaf(tmp_path / "front", "front-proxy")
    certificate, key = f"{tmp_path}/front.crt", f"{tmp_path}/front.key"
    tls = upstream(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    for paths, fault in (
        (("/nope", key), "^--proxy-client-cert-file /nope cannot be read: No such file"),
        ((certificate, "/nope"), "^--proxy-client-key-file /nope cannot be read: No such file"),
        ((key, key), "^--proxy-client-cert-file .* PEM pair .*; give the key of this certificate"),
    ):
        with pytest.raises(CredentialError, match=fault):
            with_front_proxy(tls, *paths)
    with pytest.raises(CredentialError, match="https://"):
        with_front_proxy(upstream(None), certificate, key)
