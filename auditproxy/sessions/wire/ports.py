"""Port numbers as the kubelet reads them."""

MAXIMUM_PORT = 65535


def port_number(text: str) -> int | None:
    """Return the port that a text names, None if it names none (Go's ParseUint, 16 bits, not 0)."""
    digits = text.lstrip("0")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 5:
        return None
    port = int(digits)
    return port if port <= MAXIMUM_PORT else None
