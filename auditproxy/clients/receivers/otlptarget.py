"""Where events go with OTLP, and the header lines that we log in with: values, without the library.

Authorization: Bearer 5f2b...
X-Scope-OrgID: team-1
"""

import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from auditproxy.apis.faults import Unusable

MAXIMUM_HEADERS = 32
"""Header lines that a file may have."""

LONGEST_HEADER = 8192
"""Characters of one of them."""

_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~](?:[ -~\t]*[!-~])?)[ \t]*", re.ASCII)
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """A collector's URL for logs, and header lines that are sent to it.

    ``ssl_context`` is None for plain HTTP. ``files`` are those that it was read from.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    files: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Scheme, host and port: what is said of it in faults."""
        url = urlsplit(self.url)
        return f"{url.scheme}://{url.netloc}"


def otlp_headers(content: bytes) -> tuple[tuple[str, str], ...]:
    """The header lines of a file; raises Unusable, with line numbers and nothing of a line."""
    lines = content.decode("latin-1").replace("\r\n", "\n").split("\n")
    found: dict[str, tuple[str, str]] = {}
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line) if len(line) <= LONGEST_HEADER else None
        if match is None:
            faults.append(f"line {number} is not a header line; write Name: value, in ASCII")
        elif match[1].lower() in _OURS:
            faults.append(f"line {number} is a header that we set ourselves; remove it")
        elif match[1].lower() in found:
            faults.append(f"line {number} repeats a header; leave one of them")
        else:
            found[match[1].lower()] = match[1], match[2]
    if len(found) > MAXIMUM_HEADERS:
        faults.append(f"has more than {MAXIMUM_HEADERS} header lines; leave those that are needed")
    if faults:
        raise Unusable(*faults[:MAXIMUM_HEADERS])
    return tuple(found.values())
