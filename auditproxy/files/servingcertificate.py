"""Reads the serving certificate: the one that flags name, or the one made at the first start."""

import datetime
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from auditproxy.apis.faults import Unusable, why_unread
from auditproxy.files.certdir import ensure_self_signed, existing_self_signed
from auditproxy.files.trustedfile import Remarks, TrustedFile
from auditproxy.options import Options
from auditproxy.tls.serving import KeyPair, ServingError, read_key_pair
from auditproxy.tls.validity import period_fault


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
        return ServingCertificate(certificate, key, _remarked_pair(certificate, key, remarks))
    found = existing_self_signed(Path(serving.cert_dir))
    return _self_signed(*found, remarks, made=False) if found else None


def make_certificate(options: Options) -> ServingCertificate:
    """The self-signed certificate of --cert-dir, made if it is not there; raises Unusable."""
    serving = options.serving
    names: tuple[str, ...] = ("localhost", socket.gethostname(), "127.0.0.1", "::1")
    if serving.bind_address not in ("0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104
        names = (*names, serving.bind_address)
    now = datetime.datetime.now(datetime.UTC)
    certificate, key, made = ensure_self_signed(Path(serving.cert_dir), names, now)
    return _self_signed(certificate, key, Remarks(), made=made)


def _remarked_pair(certificate: str, key: str, remarks: Remarks) -> KeyPair:
    """The pair that flags name, with a warning of its period."""
    pair = _pair(certificate, key)
    _remark_period(f"--tls-cert-file {certificate}", "give a renewed one", pair, remarks)
    return pair


def _remarked_own_pair(certificate: str, key: str, remarks: Remarks) -> KeyPair:
    """The self-signed pair, with a warning of its period."""
    named, fix = f"the self-signed {certificate}", "the next start makes"
    try:
        pair = read_key_pair(certificate, key)
    except ServingError as error:
        raise ServingError(
            f"no --tls-cert-file, and {named} with {key} cannot be used: {error}; or remove both, "
            f"and {fix} others"
        ) from None
    _remark_period(named, f"remove it and {key}, and {fix} another", pair, remarks)
    return pair


def _remark_period(named: str, fix: str, pair: KeyPair, remarks: Remarks) -> None:
    """Warn of a certificate that clients refuse for its period; it is served, as by Kubernetes."""
    why = period_fault(pair.certificate, datetime.datetime.now(datetime.UTC))
    if why:
        remarks.warnings.append(f"{named} {why}, and clients refuse it; {fix}")


def _pair(certificate: str, key: str) -> KeyPair:
    """The pair in two files; raises Unusable naming the flags."""
    files = {"--tls-cert-file": certificate, "--tls-private-key-file": key}
    unread = []
    for flag, path in files.items():
        try:
            Path(path).open("rb").close()
        except OSError as error:
            unread.append(f"{flag} {path} cannot be read: {why_unread(error)}")
    if unread:
        raise Unusable(*unread)
    try:
        return read_key_pair(certificate, key)
    except ServingError as error:
        both = " and ".join(f"{flag} {path}" for flag, path in files.items())
        raise ServingError(f"{both} cannot be used: {error}") from None


def _self_signed(
    certificate: Path, key: Path, remarks: Remarks, *, made: bool
) -> ServingCertificate:
    paths = str(certificate), str(key)
    how = "made a" if made else "using the"
    note = f"no --tls-cert-file: {how} self-signed certificate {certificate}"
    return ServingCertificate(*paths, _remarked_own_pair(*paths, remarks), (note,))


def _read_again(
    options: Options, remarks: Remarks, current: ServingCertificate
) -> ServingCertificate:
    read = _remarked_pair if options.serving.tls_cert_file else _remarked_own_pair
    return replace(current, pair=read(*current.paths, remarks))


SERVING_CERTIFICATE = TrustedFile(
    flag="tls-cert-file",
    field="certificate",
    read=read_certificate,
    paths=lambda _, certificate: certificate.paths if certificate is not None else (),
    again=_read_again,
)
