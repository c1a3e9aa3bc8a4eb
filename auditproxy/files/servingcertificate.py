"""Which serving certificate is used: the one that flags name, or one made at the first start."""

import datetime
import socket
from dataclasses import dataclass
from pathlib import Path

from auditproxy.files.files import Files
from auditproxy.options import Options
from auditproxy.tls.handshake import CLIENT_CA, ServingContext
from auditproxy.tls.selfsigned import ensure_self_signed, existing_self_signed
from auditproxy.tls.serving import (
    KeyPair,
    new_serving_context,
    read_key_pair,
)


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


def serving_certificate(options: Options, *, make: bool) -> ServingCertificate | None:
    """The certificate of the listener; None when it would have to be made and ``make`` is False.

    Raises ServingError and CertificateError.
    """
    serving = options.serving
    certificate, key = serving.tls_cert_file, serving.tls_private_key_file
    notes: tuple[str, ...] = ()
    if not certificate:
        if not make:
            found = existing_self_signed(Path(serving.cert_dir))
            if found is None:
                return None
            paths = str(found[0]), str(found[1])
            return ServingCertificate(*paths, read_key_pair(*paths))
        names: tuple[str, ...] = ("localhost", socket.gethostname(), "127.0.0.1", "::1")
        if serving.bind_address not in ("0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104
            names = (*names, serving.bind_address)
        made = ensure_self_signed(
            Path(serving.cert_dir), names, datetime.datetime.now(datetime.UTC)
        )
        certificate, key = str(made[0]), str(made[1])
        how = "made a" if made[2] else "using the"
        notes = (f"no --tls-cert-file: {how} self-signed certificate {certificate}",)
    return ServingCertificate(certificate, key, read_key_pair(certificate, key), notes)


def listener_context(options: Options, pair: KeyPair, files: Files) -> ServingContext:
    """The TLS settings of the listener for these files; raises ServingError."""
    authorities = {
        flag: each.pem
        for flag, each in (
            (CLIENT_CA, files.client_authorities),
            ("--requestheader-client-ca-file", files.front_proxy_authorities),
        )
        if each is not None
    }
    context = new_serving_context(
        pair,
        client_authorities=b"\n".join(authorities.values()),
        minimum=options.serving.tls_min_version,
    )
    context.authority_flags = " or ".join(authorities)
    return context
