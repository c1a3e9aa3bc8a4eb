"""Which requests are answered: the host, the origin, the method, the length and the token."""

from collections.abc import Mapping

import pytest

from auditproxy.commands.view.guarding import HEADERS, LONGEST_QUERY, denial, new_token

HOSTS = ("127.0.0.1:8700", "localhost:8700")
SOUND = {"host": ["127.0.0.1:8700"], "authorization": ["Bearer secret"]}


def code(target: str = "/api/trail", /, method: str = "GET", **headers: list[str] | None) -> int:
    """The code of a denial; 0 without one."""
    given: dict[str, list[str]] = dict(SOUND)
    for name, values in headers.items():
        given.pop(name.replace("_", "-"), None)
        if values is not None:
            given[name.replace("_", "-")] = values
    found = denial(method, target, given, "secret", HOSTS)
    return 0 if found is None else found.code


def test_the_page_itself() -> None:
    """Its own questions, and its files without the token."""
    assert code() == code(origin=["http://127.0.0.1:8700"], sec_fetch_site=["same-origin"]) == 0
    assert code(host=["LOCALHOST:8700"]) == 0
    assert code("/main.js", authorization=None, sec_fetch_site=["none"]) == 0


def test_a_tab_that_is_opened_from_elsewhere() -> None:
    """The page alone, in a tab of its own: without a search, in no frame, and never an answer."""
    tab = {"sec_fetch_mode": ["navigate"], "sec_fetch_dest": ["document"]}
    other = {"authorization": None, "sec_fetch_site": ["cross-site"]}
    assert code("/", "GET", **other, **tab) == 0
    assert code("/?where=true", "GET", **other, **tab) == 403
    assert code("/main.js", "GET", **other, **tab) == 403
    assert code("/api/trail", "GET", sec_fetch_site=["cross-site"], **tab) == 403
    assert code("/", "GET", **other, **(tab | {"sec_fetch_dest": ["iframe"]})) == 403
    assert code("/", "GET", **other, **(tab | {"sec_fetch_mode": ["no-cors"]})) == 403
    assert code("/", "GET", **other) == 403
    assert code("/", "GET", origin=["null"], **other, **tab) == 403


@pytest.mark.parametrize(
    ("expected", "headers"),
    [
        (421, {"host": ["rebound.test:8700"]}),
        (421, {"host": ["127.0.0.1:8700.rebound.test"]}),
        (421, {"host": ["127.0.0.1:8701"]}),
        (421, {"host": ["127.0.0.1"]}),
        (421, {"host": ["127.0.0.1:8700", "127.0.0.1:8700"]}),
        (421, {"host": None}),
        (403, {"origin": ["http://rebound.test:8700"]}),
        (403, {"origin": ["null"]}),
        (403, {"origin": ["https://127.0.0.1:8700"]}),
        (403, {"origin": ["http://localhost:8700"]}),
        (403, {"sec_fetch_site": ["cross-site"]}),
        (403, {"sec_fetch_site": ["same-site"]}),
        (401, {"authorization": None}),
        (401, {"authorization": ["Bearer "]}),
        (401, {"authorization": ["Bearer secret "]}),
        (401, {"authorization": ["bearer secret"]}),
        (401, {"authorization": ["Basic secret"]}),
        (401, {"authorization": ["Bearer s\udcffcret"]}),
        (401, {"authorization": ["Bearer secret", "Bearer secret"]}),
    ],
)
def test_others(expected: int, headers: Mapping[str, list[str] | None]) -> None:
    """Names of others, other origins, and no token or a wrong one."""
    assert code("/api/trail", "GET", **headers) == expected


def test_what_is_not_asked_for() -> None:
    """Other methods, and queries without end."""
    assert code(method="POST") == code(method="OPTIONS") == code(method="HEAD") == 405
    assert code(f"/api/trail?{'a' * LONGEST_QUERY}") == 414


def test_a_token_is_new() -> None:
    """Long, different each time, and of characters that an address can have."""
    one, other = new_token(), new_token()
    assert one != other
    assert len(one) >= 43
    assert one.replace("-", "").replace("_", "").isalnum()


def test_the_headers() -> None:
    """Nothing inline and nothing from elsewhere."""
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    for part in ("frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"):
        assert part in policy
