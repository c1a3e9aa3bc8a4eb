"""Keys of a user's extra fields, as encoded in header names."""

from urllib.parse import unquote_to_bytes


def unescape_extra_key(tail: str) -> str:
    """Return the extra key in a header name's tail: lower-cased, then percent-decoded.

    If an escape is invalid, the tail is only lower-cased (apiserver
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
