"""The original user as an extra field: added by us, never by a client."""

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.upstream.identityheaders import UnforwardableIdentityError
from auditproxy.upstream.originaluser import with_original_user

KEY = "example.com/original-user"
ALICE = UserInfo(username="alice", groups=("dev",))
JANE = UserInfo(username="jane", extra={"scopes": ("a",)})


def test_added() -> None:
    """T018: beside what the user has; without an impersonation or a key nothing is added."""
    assert with_original_user(JANE, ALICE, KEY) == UserInfo(
        username="jane", extra={"scopes": ("a",), KEY: ("alice",)}
    )
    assert with_original_user(JANE, None, KEY) is JANE
    assert with_original_user(JANE, ALICE, "") is JANE


@pytest.mark.parametrize("key", [KEY, KEY.upper(), "Example.com/Original-User"])
def test_forged(key: str) -> None:
    """A user that brings the key along is refused, whatever its spelling and wherever from."""
    forged = UserInfo(username="jane", extra={key: ("root",)})
    for original in (ALICE, None):
        with pytest.raises(UnforwardableIdentityError) as caught:
            with_original_user(forged, original, KEY)
        assert "root" not in str(caught.value)
    assert with_original_user(forged, ALICE, "") is forged
