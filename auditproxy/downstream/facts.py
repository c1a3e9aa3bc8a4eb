"""Facts shared by all requests of a client connection: the peer and its certificate.

Clients connect again and again with the same certificate, so what it says is read once.
"""

import ssl
from dataclasses import dataclass, field
from typing import Any

from auditproxy.apis.memo import Memo
from auditproxy.authentication.x509.peer import PeerCertificate
from auditproxy.request.memory import ConnectionMemory

_DER = 2
"""The encoding's number in the OpenSSL binding of Python before 3.13."""

MAXIMUM_INTERMEDIATES = 16
"""Certificates besides the leaf that are read; valid clients send fewer."""


MAXIMUM_CERTIFICATES = 1024
"""Certificates that are remembered."""
MAXIMUM_CHAIN = 8 * 1024
"""Bytes of one of them with its intermediates; longer ones are read each time."""


class KnownCertificates:
    """Certificates as they were read before, by every byte that a client sent of them.

    What they claim follows from their bytes alone; each request verifies them against the
    authorities and the time of that request.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Memo[tuple[bytes, tuple[bytes, ...]], PeerCertificate] = Memo(
            MAXIMUM_CERTIFICATES
        )

    def read(self, der: bytes, others: tuple[bytes, ...]) -> PeerCertificate:
        """Return the certificate of ``der``, sent with ``others``; of the same, the same object."""
        key = (der, others)
        known = self._known.get(key)
        if known is not None:
            return known
        certificate = PeerCertificate.from_der(der, others)
        if len(der) + sum(map(len, others)) <= MAXIMUM_CHAIN:
            self._known.remember(key, certificate)
        return certificate


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """Facts shared by all requests of one client connection."""

    remote: str
    peer_certificate: PeerCertificate | None
    memory: ConnectionMemory = field(default_factory=ConnectionMemory, compare=False, repr=False)


NO_FACTS = ConnectionFacts("", None)
"""Placeholder until the connection is made."""


def facts_of(transport: Any, known: KnownCertificates, told: str = "") -> ConnectionFacts:
    """Return the peer's address, its certificate, and the intermediates it sent.

    ``told`` is the client's address if a trusted load balancer sent it, otherwise "".
    """
    peer = transport.get_extra_info("peername") if transport is not None else None
    remote = told or (str(peer[0]) if isinstance(peer, tuple) and peer else "")
    secured = transport.get_extra_info("ssl_object") if transport is not None else None
    der = secured.getpeercert(True) if secured is not None else None
    if secured is None or not der:
        return ConnectionFacts(remote, None)
    return ConnectionFacts(remote, known.read(der, intermediates(secured, der)))


def intermediates(secured: ssl.SSLObject, leaf: bytes) -> tuple[bytes, ...]:
    """Return the DER of the certificates that the peer sent besides its own, unverified."""
    if hasattr(secured, "get_unverified_chain"):
        chain = secured.get_unverified_chain()
    else:
        # Python 3.11 and 3.12 have the method, but not as public API.
        inner = getattr(secured, "_sslobj", None)
        unverified = getattr(inner, "get_unverified_chain", None)
        chain = [each.public_bytes(_DER) for each in (unverified() if unverified else None) or ()]
    return tuple(der for der in chain if der != leaf)[:MAXIMUM_INTERMEDIATES]
