"""Messages in base64, each for itself: what the receiver decodes, and what it drops.

As Go's base64.StdEncoding: line ends are skipped, and one fault drops the whole message.
"""

import binascii

MAXIMUM_ENCODED = 128 * 1024
"""Bytes of a message; kept until it is complete, because a fault at its end drops it all."""


class Base64Message:
    """Collects one message after the other."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def begin(self) -> None:
        """Start a message."""
        self._held.clear()

    def add(self, data: bytes) -> bool:
        """Take a part of the message; false if it becomes too long to be kept."""
        if len(self._held) + len(data) > MAXIMUM_ENCODED:
            self._held.clear()
            return False
        self._held += data
        return True

    def decoded(self) -> bytes:
        """Return the content of the whole message, nothing if it is not valid."""
        try:
            return binascii.a2b_base64(self._held.translate(None, b"\r\n"), strict_mode=True)
        except binascii.Error:
            return b""
        finally:
            self._held.clear()
