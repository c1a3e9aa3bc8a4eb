"""sourceIPs: where a request claims to come from (apimachinery util/net/http.go SourceIPs).

The headers are trusted, as kube-apiserver trusts them; only the last address, the TCP
peer's, cannot be forged. If the proxies in front of us are known (``TrustedProxies``),
only addresses reported by these proxies are used.
"""

import ipaddress
from functools import lru_cache

from auditproxy.request.headers import ClientHeaders

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REMEMBERED_LENGTH = 64
"""Longest address, in characters, whose canonical form is cached."""


class TrustedProxies:
    """Networks of the proxies whose X-Forwarded-For and X-Real-Ip are trusted."""

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
    """Return X-Forwarded-For (first line), X-Real-Ip, then the peer, each in canonical form.

    Invalid addresses are left out. ``remote`` may include a port. With ``trusted`` the
    chain is instead followed back from the peer to the first address that is not a
    trusted proxy. That is the client's address. Entries before it are the client's own
    claims and are dropped.
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
    """Return the client-to-peer address chain, as far as trusted proxies report it.

    All X-Forwarded-For lines are joined: a proxy may append a line of its own.
    X-Real-Ip is used if there is none.
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
    """Return the host of ``host:port`` or ``[host]:port``, "" for other text (Go's net)."""
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
    """Return an address as Go prints it, "" if Go's lenient parser refuses it.

    IPv4 octets may have leading zeros and are decimal. IPv6 groups may have more than
    four digits if their value fits. Zones, ports and brackets are refused. An
    IPv4-mapped address prints as IPv4.
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
    """Return the four numbers of an IPv4 address, leading zeros allowed."""
    parts = text.split(".", 4)
    if len(parts) != 4:
        return None
    numbers = []
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            return None
        # Strip leading zeros first: int() raises an error of its own for very long strings.
        significant = part.lstrip("0") or "0"
        if len(significant) > 3 or int(significant) > 255:
            return None
        numbers.append(int(significant))
    return tuple(numbers)
