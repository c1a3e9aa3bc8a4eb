"""The authorities of clients and of front proxies."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.authentication.x509.authorities import CertificateAuthorities
from auditproxy.files.authorities import (
    FRONT_PROXY_AUTHORITIES,
    check_overlap,
    read_authorities,
)
from tests.fakes.authority import Authority
from tests.fakes.options import options

ROOT = Authority("root")


def test_bundle(tmp_path: Path) -> None:
    """A PEM bundle; nothing without a path."""
    (tmp_path / "ca.crt").write_bytes(ROOT.pem)
    read = read_authorities(str(tmp_path / "ca.crt"), "--client-ca-file")
    assert read is not None
    assert read.pem.strip() == ROOT.pem.strip()
    assert read_authorities("", "--client-ca-file") is None


def test_faults(tmp_path: Path) -> None:
    """A file that is missing or no bundle is named with its flag."""
    path = tmp_path / "ca.crt"
    with pytest.raises(Unusable, match=f"^--client-ca-file {path} cannot be read: No such"):
        read_authorities(str(path), "--client-ca-file")
    path.write_text("nothing")
    with pytest.raises(Unusable, match=f"^--client-ca-file {path} cannot be used: .*; name a PEM"):
        read_authorities(str(path), "--client-ca-file")


def test_overlap() -> None:
    """kube-apiserver's fault: clients could set the headers of a front proxy."""
    clients = CertificateAuthorities(ROOT.pem)
    front_proxies = CertificateAuthorities(Authority("front").pem + ROOT.pem)
    with pytest.raises(Unusable, match="contain overlapping certificates; --requestheader-allowed"):
        check_overlap(options(), clients, front_proxies)
    check_overlap(options(requestheader_allowed_names=("front-proxy",)), clients, front_proxies)
    check_overlap(options(), clients, CertificateAuthorities(Authority("front").pem))
    check_overlap(options(), clients, None)


def test_front_proxy_without_headers() -> None:
    """As in kube-apiserver there is no default header; that is said."""
    without = options(requestheader_client_ca_file="x")
    (note,) = FRONT_PROXY_AUTHORITIES.notes(without)
    assert note.endswith("give X-Remote-User")
    headers = {"requestheader_username_headers": ("X-Remote-User",)}
    assert not FRONT_PROXY_AUTHORITIES.notes(options(requestheader_client_ca_file="x", **headers))
    assert not FRONT_PROXY_AUTHORITIES.notes(options())
