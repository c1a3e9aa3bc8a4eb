"""Warning headers of a response, as kube-apiserver writes them.

(apimachinery util/net http.go NewWarningHeader; apiserver endpoints/filters/warning.go)
"""

import unicodedata
from collections.abc import Iterable

from auditproxy.request.headers import RawHeaders

CODE = 299
"""Miscellaneous persistent warning (RFC 7234, section 5.5.7)."""

AGENT = "-"
"""Warning agent used when none is given."""


def warning_headers(texts: Iterable[str]) -> RawHeaders:
    """Return one header line per text, in order without repeats; invalid texts are skipped."""
    values = [warning_value(text) for text in dict.fromkeys(texts)]
    return tuple((b"Warning", value.encode("utf-8")) for value in values if value is not None)


def warning_value(text: str) -> str | None:
    """Return ``299 - "text"`` with quotes and backslashes escaped.

    None for an empty text, control characters (Unicode's Cc) or invalid Unicode.
    """
    if not text or any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        return None
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{CODE} {AGENT} "{escaped}"'
