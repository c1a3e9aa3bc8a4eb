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
from tests.fakes.authority import EPOCH, HOUR, Authority
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


def test_each_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A line for each, with its flag and what to do."""
    flags = options(tls_cert_file="/nope", tls_private_key_file=str(tmp_path))
    with pytest.raises(Unusable) as caught:
        read_certificate(flags, Remarks())
    assert caught.value.faults == (
        "--tls-cert-file /nope cannot be read: No such file or directory; correct the path",
        f"--tls-private-key-file {tmp_path} cannot be read: Is a directory; name a file",
    )


def test_expired(tmp_path: Path) -> None:
    """It is served, as by kube-apiserver, and warned of, at the start and at a reload."""
    Authority("root").write_leaf(
        tmp_path / "server", "localhost", not_before=EPOCH - HOUR, not_after=EPOCH
    )
    path = str(tmp_path / "server.crt")
    flags = options(tls_cert_file=path, tls_private_key_file=str(tmp_path / "server.key"))
    warning = (
        f"--tls-cert-file {path} expired at 2026-01-01T00:00:00Z, and clients refuse it; give a "
        "renewed one"
    )
    remarks = Remarks()
    current = read_certificate(flags, remarks)
    assert remarks.warnings == [warning]
    assert current is not None
    again = Remarks()
    SERVING_CERTIFICATE.read_again(flags, again, current)
    assert again.warnings == [warning]


def test_a_self_signed_one_that_cannot_be_used(tmp_path: Path) -> None:
    """The files that are there are named, and no flag that was not given."""
    flags = options(cert_dir=str(tmp_path))
    made = make_certificate(flags)
    Path(made.private_key).write_text("nothing")
    with pytest.raises(Unusable) as caught:
        read_certificate(flags, Remarks())
    (fault,) = caught.value.faults
    assert fault.startswith(
        f"no --tls-cert-file, and the self-signed {made.certificate} with {made.private_key} cannot"
    )
    assert fault.endswith("or remove both, and the next start makes others")
