"""UserInfo as events and reviews show it."""

import msgspec

from auditproxy.apis.user import NOBODY, UserInfo


def test_json() -> None:
    """username, uid, groups, extra in this order; empty ones are omitted."""
    user = UserInfo(username="u", uid="1", groups=("a", "b"), extra={"k": ("v",)})
    assert msgspec.json.encode(user) == (
        b'{"username":"u","uid":"1","groups":["a","b"],"extra":{"k":["v"]}}'
    )
    assert msgspec.json.encode(NOBODY) == b"{}"


def test_equal_by_value() -> None:
    """Two users with the same members are the same user."""
    assert UserInfo(username="a", groups=("g",)) == UserInfo(username="a", groups=("g",))
    assert UserInfo(username="a") != UserInfo(username="b")
