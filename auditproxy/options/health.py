"""The plain HTTP listener of probes and metrics."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.gotext import go_quote
from auditproxy.options.declared import Declared
from auditproxy.options.serving import ServingOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOptions:
    """The plain HTTP listener of probes and metrics."""

    bind_address: Annotated[
        str,
        Declared(
            "health-bind-address",
            "string",
            'Address of the plain HTTP listener of /livez, /readyz and /metrics. Empty ("") or 0 '
            "means no such listener.",
        ),
    ] = "127.0.0.1:8081"
    """``host:port``, ``:port`` for all interfaces, "" or ``0`` for no listener."""

    def address(self) -> tuple[str, int] | None:
        """Host and port to listen on, None for no listener; host "" is all interfaces.

        Raises ValueError when the text is not a valid address.
        """
        return parse_address(self.bind_address)


def parse_address(text: str) -> tuple[str, int] | None:
    """Read ``host:port``: host without brackets and port 0 to 65535; None for "" and ``0``.

    Raises ValueError with a text that says what is wrong.
    """
    if text in ("", "0"):
        return None
    host, colon, port_text = text.rpartition(":")
    if not colon:
        raise ValueError("missing port in address")
    if not (port_text.isascii() and port_text.isdigit()) or int(port_text[:6]) > 65535:
        raise ValueError("the port must be a number from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("the brackets do not hold a valid IPv6 address") from None
    elif ":" in host:
        raise ValueError("too many colons in address; put an IPv6 address in brackets")
    elif any(char.isspace() or char in "/@[]" for char in host):
        raise ValueError("the host is not a valid name or IP address")
    return host, int(port_text)


def health_faults(health: HealthOptions, serving: ServingOptions) -> list[str]:
    """Faults of the health listener's address, which must not be the proxy's own."""
    try:
        address = health.address()
    except ValueError as error:
        return [
            f"--health-bind-address {go_quote(health.bind_address)}: {error}; "
            'give host:port, or "" for no listener'
        ]
    if address is None or address[1] != serving.secure_port:
        return []
    everywhere = ("", "0.0.0.0", "::")  # noqa: S104 compared, not bound
    if address[0] in everywhere or serving.bind_address in (*everywhere, address[0]):
        return [
            f"--health-bind-address {health.bind_address} is the address of the proxy itself "
            f"(--secure-port {serving.secure_port}); give another port"
        ]
    return []
