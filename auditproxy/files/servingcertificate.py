"""Reads the serving certificate: the one that flags name, or the one made at the first start."""

import datetime
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from auditproxy.files.certdir import ensure_self_signed, existing_self_signed
from auditproxy.files.trustedfile import Remarks, TrustedFile
from auditproxy.options import Options
from auditproxy.tls.serving import KeyPair, ServingError, read_key_pair


@dataclass(frozen=True, slots=True)
class ServingCertificate:
    """The listener's certificate: where it is, what is there, and start-up lines about it."""

    certificate: str
    private_key: str
    pair: KeyPair
    notes: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, str]:
        """The files, for looking whether they change."""
        return self.certificate, self.private_key


def read_certificate(options: Options, remarks: Remarks) -> ServingCertificate | None:
    """The certificate of the listener; None when it is still to be made. Raises Unusable."""
    serving = options.serving
    certificate, key = serving.tls_cert_file, serving.tls_private_key_file
    if certificate:
        return ServingCertificate(certificate, key, _pair(certificate, key))
    found = existing_self_signed(Path(serving.cert_dir))
    return _self_signed(*found, made=False) if found else None


def make_certificate(options: Options) -> ServingCertificate:
    """The self-signed certificate of --cert-dir, made if it is not there; raises Unusable."""
    serving = options.serving
    names: tuple[str, ...] = ("localhost", socket.gethostname(), "127.0.0.1", "::1")
    if serving.bind_address not in ("0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104
        names = (*names, serving.bind_address)
    now = datetime.datetime.now(datetime.UTC)
    certificate, key, made = ensure_self_signed(Path(serving.cert_dir), names, now)
    return _self_signed(certificate, key, made=made)


def _pair(certificate: str, key: str) -> KeyPair:
    """The pair in two files; raises ServingError naming the flags."""
    try:
        return read_key_pair(certificate, key)
    except ServingError as error:
        raise ServingError(
            f"--tls-cert-file {certificate} and --tls-private-key-file {key} cannot be used: "
            f"{error}"
        ) from None


def _self_signed(certificate: Path, key: Path, *, made: bool) -> ServingCertificate:
    paths = str(certificate), str(key)
    how = "made a" if made else "using the"
    note = f"no --tls-cert-file: {how} self-signed certificate {certificate}"
    return ServingCertificate(*paths, _pair(*paths), (note,))


def _read_again(
    options: Options, remarks: Remarks, current: ServingCertificate
) -> ServingCertificate:
    return replace(current, pair=_pair(*current.paths))


SERVING_CERTIFICATE = TrustedFile(
    flag="tls-cert-file",
    field="certificate",
    read=read_certificate,
    paths=lambda _, certificate: certificate.paths if certificate is not None else (),
    again=_read_again,
)
