"""Warning headers of an answer, as kube-apiserver writes them.

(apimachinery util/net http.go NewWarningHeader; apiserver endpoints/filters/warning.go)
"""

import unicodedata
from collections.abc import Iterable

from auditproxy.request.headers import RawHeaders

CODE = 299
"""Miscellaneous persistent warning (RFC 7234, section 5.5.7)."""

AGENT = "-"
"""Who warns, where nobody says."""


def warning_headers(texts: Iterable[str]) -> RawHeaders:
    """One header line for each text, in order and each once; none for a text that cannot be one."""
    values = [warning_value(text) for text in dict.fromkeys(texts)]
    return tuple((b"Warning", value.encode("utf-8")) for value in values if value is not None)


def warning_value(text: str) -> str | None:
    """``299 - "text"`` with quotes and backslashes escaped.

    None for an empty text, control characters (Unicode's Cc) and what is not valid Unicode.
    """
    if not text or any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        return None
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{CODE} {AGENT} "{escaped}"'
