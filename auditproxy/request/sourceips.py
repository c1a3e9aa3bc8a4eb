"""sourceIPs: where a request says it came from (apimachinery util/net/http.go SourceIPs).

The headers are taken on trust, as kube-apiserver takes them; only the last
address is the TCP peer's and cannot be made up.
"""

import ipaddress

from auditproxy.request.headers import ClientHeaders


def source_ips(headers: ClientHeaders, remote: str) -> tuple[str, ...]:
    """X-Forwarded-For (first line), X-Real-Ip, then the peer, each in canonical form.

    What is no address is left out. ``remote`` may carry a port.
    """
    peer = canonical(_host(remote))
    forwarded = headers.get("x-forwarded-for")
    real = headers.get("x-real-ip")
    if not forwarded and not real:
        return (peer,) if peer else ()
    found = []
    for entry in forwarded.split(","):
        address = canonical(entry.strip(" \t\n\r\v\f"))
        if address:
            found.append(address)
    address = canonical(real)
    if address and address not in found:
        found.append(address)
    if peer and (not found or found[-1] != peer):
        found.append(peer)
    return tuple(found)


def _host(remote: str) -> str:
    """The host of ``host:port``, or the whole text when it is not that."""
    host, colon, port = remote.rpartition(":")
    if not colon or not port.isdigit():
        return remote
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    return remote if ":" in host else host


def canonical(text: str) -> str:
    """An address as Go prints it, "" when Go's sloppy parser does not take it.

    IPv4 octets may have leading zeros and are decimal; IPv6 groups may have
    more than four digits while their value fits; zones, ports and brackets are
    not taken; an IPv4-mapped address prints as IPv4.
    """
    if "." in text and ":" not in text:
        octets = _octets(text)
        return ".".join(map(str, octets)) if octets else ""
    if ":" not in text or "%" in text:
        return ""
    head, colon, last = text.rpartition(":")
    if "." in last:
        octets = _octets(last)
        if octets is None:
            return ""
        last = f"{octets[0] << 8 | octets[1]:x}:{octets[2] << 8 | octets[3]:x}"
        text = head + colon + last
    groups = []
    for group in text.split(":"):
        if len(group) > 4:
            group = group.lstrip("0") or "0"
        groups.append(group)
    try:
        address = ipaddress.IPv6Address(":".join(groups))
    except ValueError:
        return ""
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else address.compressed


def _octets(text: str) -> list[int] | None:
    """The four numbers of an IPv4 address, leading zeros allowed."""
    parts = text.split(".")
    if len(parts) != 4:
        return None
    numbers = []
    for part in parts:
        if not (part.isascii() and part.isdigit()) or len(part.lstrip("0")) > 3:
            return None
        numbers.append(int(part))
    return numbers if all(number <= 255 for number in numbers) else None
