"""TLS handshakes that fail: the client gets an alert, and operators a line of text.

asyncio and uvloop drop a connection whose handshake fails with what OpenSSL had to say still
in its buffer: the client reads an end of file. ServingContext sends it before that.

The certificate's subject cannot be logged: OpenSSL gives a certificate to Python only once it is
verified, and in TLS 1.3 it is encrypted on the wire.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from cryptography import x509

from auditproxy.tls.sslobject import LeanSSLObject

ACCEPTED: ContextVar[socket.socket | None] = ContextVar("accepted", default=None)
"""The socket of the connection that the current task secures; its callbacks inherit it."""

NAMES = 4
"""Authorities that are named in a line."""

_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes for an issuer that is not there, and for self-signed certificates."""


class _Telling(LeanSSLObject):
    """Calls ``on_failure`` when its handshake has failed for good."""

    on_failure: Callable[[], None] | None = None

    def do_handshake(self) -> None:
        """Continue the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.on_failure is not None:
                self.on_failure()
            raise


class ServingContext(ssl.SSLContext):
    """A server's TLS settings, which can be made once more.

    ``authorities`` are the names that operators know the CAs by. What the settings were made
    from is ``authorities_source`` and ``certificate_source``, as operators name it.

    OpenSSL remembers the sessions of TLS 1.2 in their context and lets clients resume them by
    their ids; Python cannot turn that off. A context that serves one connection has nothing to
    resume. TLS 1.3 resumes by tickets only, and those are off. ``make_again`` may be called on
    any thread. Where client certificates are not requested it is unset (None): a session
    carries none.
    """

    sslobject_class = _Telling
    authorities: tuple[str, ...] = ()
    authorities_source: str = "the bundle"
    certificate_source: str = "the serving certificate"
    make_again: Callable[[], "ServingContext"] | None = None

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *rest: Any, **named: Any
    ) -> ssl.SSLObject:
        """The TLS of one connection, which sends its alert to the socket in ACCEPTED."""
        made = super().wrap_bio(incoming, outgoing, *rest, **named)
        accepted = ACCEPTED.get()
        if accepted is not None and isinstance(made, _Telling):
            made.on_failure = lambda: _send(accepted, outgoing)
        return made

    def name_authorities(self) -> None:
        """Note who the authorities are that were loaded."""
        names = []
        for der in self.get_ca_certs(binary_form=True)[: NAMES + 1]:
            with contextlib.suppress(ValueError):
                names.append(x509.load_der_x509_certificate(der).subject.rfc4514_string())
        self.authorities = tuple(names)


def _send(accepted: socket.socket, outgoing: ssl.MemoryBIO) -> None:
    """Send the alert if the kernel takes it now; a client that is gone needs none."""
    alert = outgoing.read()
    if alert:
        with contextlib.suppress(OSError):
            accepted.send(alert)


def handshake_fault(error: Exception, context: ssl.SSLContext | None) -> str:
    """Why a handshake failed, in one line with what to do where that is known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its client certificate is refused: {_why(error, context)}"
    reason = getattr(error, "reason", None)
    if isinstance(reason, str) and "_ALERT_" in reason:
        alert = reason.partition("_ALERT_")[2].replace("_", " ").lower()
        source = _of(context).certificate_source
        return (
            f"the client ended it ({alert}); if it does not trust our certificate, its kubeconfig "
            f"needs the authority of {source}"
        )
    if isinstance(error, TimeoutError | ConnectionAbortedError):
        return "it took too long"
    if isinstance(error, ConnectionError):
        return "the client broke it off"
    return str(reason or type(error).__name__)


def _why(error: ssl.SSLCertVerificationError, context: ssl.SSLContext | None) -> str:
    settings = _of(context)
    known, source = settings.authorities, settings.authorities_source
    shown = "; ".join(known[:NAMES]) + ("; ..." if len(known) > NAMES else "")
    message = error.verify_message
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return (
            f"it is not signed by an authority in {source} ({message}); known authorities: "
            f"{shown}; add the client's authority, or use another client certificate"
        )
    return f"{message}; the client needs a new one"


def _of(context: ssl.SSLContext | None) -> ServingContext | type[ServingContext]:
    """The settings of a listener; the class, with its defaults, for any other."""
    return context if isinstance(context, ServingContext) else ServingContext
