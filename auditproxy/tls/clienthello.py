"""The first message of TLS: whether a client offers TLS 1.3, read before the handshake begins.

    missing(data) > 0   so many bytes more say more
    missing(data) == 0  offers_tls13(data) is final

(RFC 8446, sections 4.1.2 and 4.2.1.) A server that speaks TLS 1.3 picks it for each client that
offers it. What is not read with certainty is not an offer.
"""

HANDSHAKE = 22
_CLIENT_HELLO = 1
_SUPPORTED_VERSIONS = 43
_TLS13 = b"\x03\x04"
_RECORD_HEADER = 5
LONGEST_RECORD = 16 * 1024


def missing(data: bytes) -> int:
    """How many bytes the first record still lacks; 0 for data that is not TLS."""
    if data[:1] != bytes((HANDSHAKE,)):
        return 0 if data else _RECORD_HEADER
    if len(data) < _RECORD_HEADER:
        return _RECORD_HEADER - len(data)
    length = int.from_bytes(data[3:_RECORD_HEADER])
    return max(0, _RECORD_HEADER + length - len(data)) if length <= LONGEST_RECORD else 0


def offers_tls13(data: bytes) -> bool:
    """Whether the first record is a whole ClientHello that offers TLS 1.3."""
    if missing(data) or len(data) < _RECORD_HEADER:
        return False
    record = data[_RECORD_HEADER : _RECORD_HEADER + int.from_bytes(data[3:_RECORD_HEADER])]
    try:
        return _offers(_Fields(record))
    except _TooShortError:
        return False


def _offers(message: "_Fields") -> bool:
    if message.take(1) != bytes((_CLIENT_HELLO,)):
        return False
    hello = _Fields(message.vector(3))
    # Its version, a random number, the session's id, ciphers and compressions.
    hello.take(2 + 32)
    for width in (1, 2, 1):
        hello.vector(width)
    extensions = _Fields(hello.vector(2))
    while extensions.left:
        number = int.from_bytes(extensions.take(2))
        content = extensions.vector(2)
        if number == _SUPPORTED_VERSIONS:
            versions = _Fields(content).vector(1)
            return _TLS13 in (versions[at : at + 2] for at in range(0, len(versions), 2))
    return False


class _TooShortError(ValueError):
    """A field ends behind its record."""


class _Fields:
    """Fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if len(self.left) < size:
            raise _TooShortError
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def vector(self, width: int) -> bytes:
        """The next bytes, behind their number in ``width`` bytes."""
        return self.take(int.from_bytes(self.take(width)))
