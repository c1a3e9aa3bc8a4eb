"""Which serving certificate is used."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.servingcertificate import (
    SERVING_CERTIFICATE,
    make_certificate,
    read_certificate,
)
from auditproxy.files.trustedfile import Remarks
from tests.fakes.authority import Authority
from tests.fakes.options import options


def test_self_signed(tmp_path: Path) -> None:
    """Without flags one is made at the first start and read at the next; reading makes none."""
    flags = options(cert_dir=str(tmp_path / "certs"), bind_address="10.0.0.1")
    assert read_certificate(flags, Remarks()) is None
    assert not (tmp_path / "certs").exists()
    made = make_certificate(flags)
    again = read_certificate(flags, Remarks())
    assert again is not None
    assert made.pair == again.pair
    assert "made a self-signed" in made.notes[0]
    assert "using the self-signed" in again.notes[0]
    assert made.paths == (made.certificate, made.private_key)


def test_named(tmp_path: Path) -> None:
    """With flags it is theirs, and a renewed pair is read from the same files."""
    root = Authority("root")
    root.write_leaf(tmp_path / "server", "localhost")
    flags = options(
        tls_cert_file=str(tmp_path / "server.crt"),
        tls_private_key_file=str(tmp_path / "server.key"),
    )
    given = read_certificate(flags, Remarks())
    assert given is not None
    assert given.notes == ()
    root.write_leaf(tmp_path / "server", "localhost")
    renewed = SERVING_CERTIFICATE.read_again(flags, Remarks(), given)
    assert renewed.paths == given.paths
    assert renewed.pair != given.pair
    (tmp_path / "server.key").write_text("")
    said = (
        f"^--tls-cert-file {tmp_path}/server.crt and --tls-private-key-file {tmp_path}/server.key "
        "cannot be used: the first file has no PEM certificate, or "
    )
    with pytest.raises(Unusable, match=said):
        read_certificate(flags, Remarks())
    with pytest.raises(Unusable, match=said):
        SERVING_CERTIFICATE.read_again(flags, Remarks(), given)
