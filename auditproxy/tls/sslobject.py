"""LeanSSLObject: a TLS connection that notes of its peer only what is asked for."""

import ssl
from typing import Any

LONGEST_RECORD = 16 * 1024
"""Bytes that one record of TLS carries, and so the most that one read gives."""


class LeanSSLObject(ssl.SSLObject):
    """Gives the peer's certificate as DER only.

    After each handshake asyncio and uvloop have it decoded into a dictionary, and the cipher
    named, for callers of ``get_extra_info``. Both are unused here; they would take 2 KiB
    of each connection while it lasts, and the decoding as much CPU as a small request.
    """

    def read(self, len: int = LONGEST_RECORD, buffer: Any = None) -> Any:  # noqa: A002
        """Read up to one record.

        uvloop asks for 256 KiB, which would be allocated each time to hold a record.
        """
        if buffer is not None:
            return self._sslobj.read(len, buffer)  # type: ignore[attr-defined]
        size = len if len < LONGEST_RECORD else LONGEST_RECORD
        return self._sslobj.read(size)  # type: ignore[attr-defined]

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The certificate's DER, b"" or None without one; None for the dictionary."""
        return super().getpeercert(binary_form=True) if binary_form else None

    def cipher(self) -> None:
        """Name none."""
