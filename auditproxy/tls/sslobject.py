"""LeanSSLObject: a TLS connection that notes of its peer only what is asked for."""

import ssl
from typing import Any


class LeanSSLObject(ssl.SSLObject):
    """Gives the peer's certificate as DER only.

    After each handshake asyncio and uvloop have it decoded into a dictionary, and the cipher
    named, for callers of ``get_extra_info``. Nobody here asks for them; for each connection they
    would take 2 KiB as long as it lasts, and the decoding as much CPU as a small request.
    """

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The certificate's DER, b"" or None without one; None for the dictionary."""
        return super().getpeercert(binary_form=True) if binary_form else None

    def cipher(self) -> None:
        """Name none."""
