"""sourceIPs: where a request says it came from (apimachinery util/net/http.go SourceIPs).

The headers are taken on trust, as kube-apiserver takes them; only the last
address is the TCP peer's and cannot be made up. Where the proxies in front of us
are known (``TrustedProxies``), only what these say counts.
"""

import ipaddress
from functools import lru_cache

from auditproxy.request.headers import ClientHeaders

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REMEMBERED_LENGTH = 64
"""Characters of an address whose canonical form is kept for the next time."""


class TrustedProxies:
    """Networks of the proxies whose X-Forwarded-For and X-Real-Ip count."""

    def __init__(self, networks: tuple[Network, ...]) -> None:
        self._networks = networks

    def __contains__(self, address: str) -> bool:
        return self._contains(address)

    def _contains(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def source_ips(
    headers: ClientHeaders, remote: str, trusted: TrustedProxies | None = None
) -> tuple[str, ...]:
    """X-Forwarded-For (first line), X-Real-Ip, then the peer, each in canonical form.

    What is no address is left out. ``remote`` may carry a port. With ``trusted``
    the way is followed back from the peer instead, up to the first address that
    is no trusted proxy's: that one is the client's, and what stands before it is
    what the client says itself.
    """
    peer = canonical(_host(remote)) or canonical(remote)
    if trusted is not None:
        return _way_back(headers, peer, trusted)
    forwarded = headers.get("x-forwarded-for")
    real = headers.get("x-real-ip")
    if not forwarded and not real:
        return (peer,) if peer else ()
    found = []
    for entry in forwarded.split(","):
        address = canonical(entry.strip())
        if address:
            found.append(address)
    address = canonical(real)
    if address and address not in found:
        found.append(address)
    if peer and (not found or found[-1] != peer):
        found.append(peer)
    return tuple(found)


def _way_back(headers: ClientHeaders, peer: str, trusted: TrustedProxies) -> tuple[str, ...]:
    """The addresses from the client to the peer, as far as trusted proxies tell of them.

    All X-Forwarded-For lines count, as one: a proxy may append a line of its own.
    X-Real-Ip counts without any.
    """
    way = [peer] if peer else []
    lines = headers.values("x-forwarded-for") or headers.values("x-real-ip")[:1]
    entries = ",".join(lines).split(",") if lines else []
    while way and entries and way[0] in trusted:
        address = canonical(entries.pop().strip())
        if not address:
            break
        way.insert(0, address)
    return tuple(way)


def _host(remote: str) -> str:
    """The host of ``host:port`` or ``[host]:port``, "" when the text is neither (Go's net)."""
    host, colon, port = remote.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    elif ":" in host:
        return ""
    if not colon or "[" in host + port or "]" in host + port:
        return ""
    return host


def canonical(text: str) -> str:
    """An address as Go prints it, "" when Go's sloppy parser does not take it.

    IPv4 octets may have leading zeros and are decimal; IPv6 groups may have
    more than four digits while their value fits; zones, ports and brackets are
    not taken; an IPv4-mapped address prints as IPv4.
    """
    return _remembered(text) if len(text) <= _REMEMBERED_LENGTH else _canonical(text)


def _canonical(text: str) -> str:
    if ":" not in text:
        octets = _octets(text)
        return ".".join(map(str, octets)) if octets is not None else ""
    if "%" in text:
        return ""
    head, colon, last = text.rpartition(":")
    if "." in last:
        octets = _octets(last)
        if octets is None:
            return ""
        last = f"{octets[0] << 8 | octets[1]:x}:{octets[2] << 8 | octets[3]:x}"
        text = head + colon + last
    groups = [
        group if len(group) <= 4 else group.lstrip("0") or "0" for group in text.split(":", 9)
    ]
    try:
        address = ipaddress.IPv6Address(":".join(groups))
    except ValueError:
        return ""
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else address.compressed


_remembered = lru_cache(maxsize=4096)(_canonical)


def _octets(text: str) -> tuple[int, ...] | None:
    """The four numbers of an IPv4 address, leading zeros allowed."""
    parts = text.split(".", 4)
    if len(parts) != 4:
        return None
    numbers = []
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            return None
        # Leading zeros go first: int() refuses very long texts with an error of its own.
        significant = part.lstrip("0") or "0"
        if len(significant) > 3 or int(significant) > 255:
            return None
        numbers.append(int(significant))
    return tuple(numbers)
