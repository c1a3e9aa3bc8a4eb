"""Faults of the upstream as operators fix them: one cause, and one line that says where and how.

    fault_of(error, place) -> UpstreamFault(cause, text)

``cause`` is one of metrics/upstream.py's CAUSES. The text has the address, what
happened and what to do; no credential, and nothing that a client sent.
"""

import errno
import re
import socket
import ssl
from dataclasses import dataclass

from auditproxy.clients.apiserver import ReviewError
from auditproxy.kubeconfig.credentials import CredentialError, UpstreamTarget
from auditproxy.upstream.messages import (
    UpstreamClosedEarly,
    UpstreamCredentialRefused,
    UpstreamSwitchedEarly,
    UpstreamTimeout,
    UpstreamUnreachable,
)

_NAME_CODES = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""

_TIME_CODES = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""

_ERRNO = re.compile(r"\[Errno ([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Place:
    """An upstream for operators: its address, and the file that names it and our credential."""

    address: str
    source: str

    @classmethod
    def of(cls, target: UpstreamTarget, source: str) -> "Place":
        """The place of a target that ``source`` names."""
        name = f"[{target.host}]" if ":" in target.host else target.host
        return cls(f"{target.scheme}://{name}:{target.port}{target.base_path}", source)


@dataclass(frozen=True, slots=True)
class UpstreamFault:
    """Why the upstream does not serve us."""

    cause: str
    text: str


def fault_of(error: Exception, place: Place) -> UpstreamFault:
    """The fault that an error of a request or of a question of ours shows."""
    if isinstance(error, ReviewError) and error.failure is not None:
        error = error.failure
    match error:
        case CredentialError():
            cause = "credential-missing"
            what = f"the proxy's own credential is not available: {error}"
        case UpstreamCredentialRefused():
            return credential_refused(place)
        case UpstreamUnreachable():
            cause, what = _unreachable(error, place)
        case UpstreamTimeout():
            cause = "timeout"
            what = f"{error}; it is overloaded, or a device in between drops packets"
        case UpstreamClosedEarly():
            cause = "closed-early"
            what = f"it closed the connection before it had answered; {_why_closed(place)}"
        case ReviewError():
            cause, what = "unexpected-answer", f"{error}; see its own log"
        case UpstreamSwitchedEarly():
            cause = "protocol-error"
            what = "it switched protocols (101) before the request was complete; see its own log"
        case _:
            cause = "protocol-error"
            what = (
                f"its answer is not valid HTTP/1.1; is the server in {place.source} an API server?"
            )
    return UpstreamFault(cause, f"upstream {place.address}: {what}")


def _why_closed(place: Place) -> str:
    if place.address.startswith("http://"):
        # Go answers HTTP on its TLS port with a 400, which a reset mostly overtakes.
        return f"it may require TLS: write https:// for the server in {place.source}"
    return "it restarts, or a load balancer between has a shorter idle timeout than 90 s"


def credential_refused(place: Place) -> UpstreamFault:
    """Our own credential was answered with 401."""
    return UpstreamFault(
        "credential-refused",
        f"upstream {place.address}: the proxy's own credential was refused (401): it has "
        f"expired or is not valid; renew the token or certificate in {place.source}",
    )


def _unreachable(error: UpstreamUnreachable, place: Place) -> tuple[str, str]:
    """Cause and text of a connection that was not made."""
    why = error.__cause__
    if error.reason == "connect-timeout":
        return "timeout", (
            "no connection in time; check for a firewall or NetworkPolicy in between, "
            f"or correct the server in {place.source}"
        )
    if isinstance(why, ssl.SSLCertVerificationError):
        return _certificate(why, place)
    if isinstance(why, ssl.SSLError):
        return "tls", (
            f"TLS failed ({why.reason or type(why).__name__}); does the server support https? "
            f"Correct the server in {place.source}"
        )
    if isinstance(why, socket.gaierror | UnicodeError):
        text = getattr(why, "strerror", None) or "not a valid name"
        return "dns", (
            f"its name cannot be resolved ({text}); correct the server in {place.source}, "
            "or check the DNS of this machine"
        )
    numbers = _numbers(why)
    if numbers == {errno.ECONNREFUSED}:
        return "connection-refused", (
            f"connection refused; start it, or correct the server in {place.source}"
        )
    shown = ", ".join(sorted(errno.errorcode.get(number, str(number)) for number in numbers))
    return "unreachable", (
        f"no connection ({shown or error}); check routes and firewalls, "
        f"or correct the server in {place.source}"
    )


def _certificate(error: ssl.SSLCertVerificationError, place: Place) -> tuple[str, str]:
    why = error.verify_message
    if error.verify_code in _NAME_CODES:
        return "certificate-name", (
            f"its certificate is for another name ({why}); use a server name from it, "
            f"or set tls-server-name in {place.source}"
        )
    if error.verify_code in _TIME_CODES:
        return "certificate-expired", (
            f"its certificate has expired or is not valid yet ({why}); renew it, "
            "or check the clock of this machine"
        )
    return "certificate-authority", (
        f"its certificate is not from a trusted authority ({why}); put the API server's CA into "
        f"certificate-authority of {place.source}"
    )


def _numbers(error: BaseException | None) -> set[int]:
    """The errno of each address that was tried; several come as one text."""
    number = getattr(error, "errno", None)
    if number is not None:
        return {number}
    return {int(found) for found in _ERRNO.findall(str(error))}
