"""Reads --client-ca-file and --requestheader-client-ca-file, and sees that they fit together."""

import time

from auditproxy.apis.faults import Unusable
from auditproxy.authentication.x509.authorities import BundleError, CertificateAuthorities
from auditproxy.files.trustedfile import (
    Remarks,
    TrustedFile,
    content_of,
    named,
    passthrough_notes,
)
from auditproxy.options import Options

_CLIENTS = "--client-ca-file"
_FRONT_PROXIES = "--requestheader-client-ca-file"


def read_authorities(path: str, flag: str) -> CertificateAuthorities | None:
    """The authorities of a PEM bundle; None without a path. Raises Unusable."""
    if not path:
        return None
    try:
        return CertificateAuthorities(content_of(path, flag))
    except BundleError as error:
        raise Unusable(f"{flag} {path} cannot be used: {error}; name a PEM bundle") from None


def check_overlap(
    options: Options,
    clients: CertificateAuthorities | None,
    front_proxies: CertificateAuthorities | None,
) -> None:
    """Raise Unusable, as kube-apiserver does, for an authority that signs both kinds of clients."""
    if clients is None or front_proxies is None or not clients.overlaps(front_proxies):
        return
    if options.authentication.requestheader_allowed_names:
        return
    raise Unusable(
        f"{_FRONT_PROXIES} and {_CLIENTS} contain overlapping certificates; "
        "--requestheader-allowed-names must be specified to ensure regular client certificates "
        "cannot set authenticating proxy headers for arbitrary users"
    )


def _read_clients(options: Options, remarks: Remarks) -> CertificateAuthorities | None:
    return _remarked(options.authentication.client_ca_file, _CLIENTS, remarks)


def _read_front_proxies(options: Options, remarks: Remarks) -> CertificateAuthorities | None:
    path = options.authentication.requestheader_client_ca_file
    return _remarked(path, _FRONT_PROXIES, remarks)


def _remarked(path: str, flag: str, remarks: Remarks) -> CertificateAuthorities | None:
    """What is read, with a warning where it recognises no client."""
    authorities = read_authorities(path, flag)
    why = "" if authorities is None else authorities.why_nobody(time.time_ns())
    if why:
        remarks.warnings.append(
            f"{flag} {path}: its certificate {why}: no client is recognised by it; name the "
            "authority that signed the clients' certificates"
        )
    return authorities


def _notes_on_clients(options: Options) -> tuple[str, ...]:
    return passthrough_notes(
        options,
        options.authentication.client_ca_file,
        _CLIENTS,
        "clients with certificates are refused, because their certificate cannot be passed through",
    )


def _notes_on_front_proxies(options: Options) -> tuple[str, ...]:
    path = options.authentication.requestheader_client_ca_file
    notes = passthrough_notes(
        options,
        path,
        _FRONT_PROXIES,
        "clients named by a front proxy are refused, because they have no token that could be "
        "passed through",
    )
    if not path or options.authentication.requestheader_username_headers:
        return notes
    return (
        f"{_FRONT_PROXIES} without --requestheader-username-headers: no header "
        "carries the user name; give X-Remote-User",
        *notes,
    )


CLIENT_AUTHORITIES = TrustedFile(
    flag="client-ca-file",
    field="client_authorities",
    read=_read_clients,
    paths=lambda options, _: named(options.authentication.client_ca_file),
    notes=_notes_on_clients,
)

FRONT_PROXY_AUTHORITIES = TrustedFile(
    flag="requestheader-client-ca-file",
    field="front_proxy_authorities",
    read=_read_front_proxies,
    paths=lambda options, _: named(options.authentication.requestheader_client_ca_file),
    notes=_notes_on_front_proxies,
)
