"""Keys of a user's extra fields as they stand in header names."""

from urllib.parse import unquote_to_bytes


def unescape_extra_key(tail: str) -> str:
    """The key that the tail of a header name says: lowered, then percent-decoded.

    As it is, but lowered, when an escape in it is broken (apiserver
    authentication/request/headerrequest and endpoints/filters/impersonation).
    """
    key = tail.lower()
    position = key.find("%")
    while position >= 0:
        if not _is_hex(key[position + 1 : position + 3]):
            return key
        position = key.find("%", position + 3)
    return unquote_to_bytes(key.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def _is_hex(text: str) -> bool:
    return len(text) == 2 and all(char in "0123456789abcdefABCDEF" for char in text)
