"""Guarding: which requests the page's server answers, and what each of its answers says.

Pure. Any program of this machine, and any page in a browser of its user, can reach the port. So a
request must name the server as we do (a name of another owner that leads here is refused, which
ends DNS rebinding), must not come from another origin, and must bring the token if it asks for
anything of the trail. The token comes in a header that no page of another origin can set: there is
no cookie, which browsers would send to every port of the machine.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

API = "/api/"
"""Paths of the trail begin so; all others are files of the page, which hold no data."""
LONGEST_QUERY = 8000
"""Characters of a path with its query."""
_SCHEME = "Bearer "
_SAME = frozenset(("same-origin", "none"))
"""Values of Sec-Fetch-Site: the page itself, and what the user typed."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=()",
    "Cache-Control": "no-store",
}
"""Of every answer."""


class Denied(NamedTuple):
    """A request that is not answered: the code, and one line for the client."""

    code: int
    reason: str


def new_token() -> str:
    """256 random bits, for one process."""
    return secrets.token_urlsafe(32)


def denial(
    method: str,
    target: str,
    headers: Mapping[str, Sequence[str]],
    token: str,
    hosts: Sequence[str],
) -> Denied | None:
    """Why a request is not answered; None where it is.

    ``headers`` has the values of each by its name in lower case. ``hosts`` are the names of this
    server with its port.
    """
    host = headers.get("host", ())
    if len(host) != 1 or host[0].lower() not in hosts:
        return Denied(421, "this server has another name; open the address that auditproxy printed")
    if any(origin.lower() != f"http://{host[0].lower()}" for origin in headers.get("origin", ())):
        return Denied(403, "a page of another origin may not ask")
    if not _is_opened(target, headers) and any(
        site not in _SAME for site in headers.get("sec-fetch-site", ())
    ):
        return Denied(403, "a page of another site may not ask")
    if method != "GET":
        return Denied(405, "only GET is answered")
    if len(target) > LONGEST_QUERY:
        return Denied(414, f"the query has more than {LONGEST_QUERY} characters")
    if target.startswith(API) and not _has_token(headers, token):
        return Denied(
            401, "the token is missing or wrong; open the address that auditproxy printed"
        )
    return None


def _is_opened(target: str, headers: Mapping[str, Sequence[str]]) -> bool:
    """Whether a tab goes to the page, without a search: that may come from anywhere.

    The file that leads here (opening.py) is another site to browsers. The page has no data, is in
    no frame, and asks with the token that it was opened with.
    """
    return target == "/" and [
        headers.get(name) for name in ("sec-fetch-mode", "sec-fetch-dest")
    ] == [["navigate"], ["document"]]


def _has_token(headers: Mapping[str, Sequence[str]], token: str) -> bool:
    given = headers.get("authorization", ())
    if len(given) != 1 or not given[0].startswith(_SCHEME):
        return False
    sent = given[0].removeprefix(_SCHEME)
    return secrets.compare_digest(sent.encode("utf-8", "surrogateescape"), token.encode())
