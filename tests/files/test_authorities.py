"""The authorities of clients and of front proxies."""

import datetime
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.authentication.x509.authorities import CertificateAuthorities
from auditproxy.files.authorities import (
    CLIENT_AUTHORITIES,
    FRONT_PROXY_AUTHORITIES,
    check_overlap,
    read_authorities,
)
from auditproxy.files.trustedfile import Remarks, TrustedFile
from tests.fakes.authority import EPOCH, HOUR, Authority
from tests.fakes.options import options

ROOT = Authority("root")
YEAR = datetime.timedelta(days=365)
EXPIRED = Authority("old", not_before=EPOCH - HOUR, not_after=EPOCH)


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


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        (ROOT.pem, ""),
        (EXPIRED.pem + ROOT.pem, ""),
        (EXPIRED.pem, "has expired"),
        (
            Authority("later", not_before=EPOCH + 1000 * YEAR, not_after=EPOCH + 1001 * YEAR).pem,
            "is not valid yet",
        ),
        (Authority("leaf", ca=False).pem, "is not a certificate authority"),
    ],
)
@pytest.mark.parametrize("row", [CLIENT_AUTHORITIES, FRONT_PROXY_AUTHORITIES])
def test_nobody_is_recognised(row: TrustedFile, bundle: bytes, why: str, tmp_path: Path) -> None:
    """A bundle by which no client can be recognised is used, and warned of."""
    path = tmp_path / "ca.crt"
    path.write_bytes(bundle)
    remarks = Remarks()
    given = options(**{row.flag.replace("-", "_"): str(path)})
    assert row.read(given, remarks) is not None
    assert remarks.warnings == (
        [
            f"--{row.flag} {path}: its certificate {why}: no client is recognised by it; name the "
            "authority that signed the clients' certificates"
        ]
        if why
        else []
    )
