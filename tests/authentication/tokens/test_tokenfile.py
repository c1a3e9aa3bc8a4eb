"""The static token file: kube-apiserver's rows and what an attacker would try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.tokens.tokenfile import (
    TokenFileAuthenticator,
    TokenFileError,
    parse_token_file,
)

KEY = b"k" * 32


async def lookup(data: bytes, token: str) -> UserInfo | None:
    """The user of a token in a file."""
    authenticator = TokenFileAuthenticator(parse_token_file(data, "tokens.csv", KEY))
    known = await authenticator.authenticate_token(token)
    assert known is None or known.expires is None
    return known.user if known else None


@pytest.mark.parametrize(
    ("row", "user"),
    [
        (b"t,user1,uid1", UserInfo(username="user1", uid="uid1")),
        (
            b't,user3,uid3,"group1,group2"',
            UserInfo(username="user3", uid="uid3", groups=("group1", "group2")),
        ),
        (b"t,user5,uid5,group5", UserInfo(username="user5", uid="uid5", groups=("group5",))),
        (
            b't,user6,uid6,group5,"otherdata",more',
            UserInfo(username="user6", uid="uid6", groups=("group5",)),
        ),
        (b't,u,i,""', UserInfo(username="u", uid="i", groups=("",))),
        (b"t,u,i,", UserInfo(username="u", uid="i", groups=("",))),
        (b't,u,i,"a, b,"', UserInfo(username="u", uid="i", groups=("a", " b", ""))),
        (b"t, u ,i", UserInfo(username=" u ", uid="i")),
        (b"t,,", UserInfo()),
    ],
)
async def test_rows(row: bytes, user: UserInfo) -> None:
    """A row's columns become a user, untrimmed."""
    assert await lookup(row + b"\n", "t") == user


@pytest.mark.parametrize(
    "token", ["secre", "secret1", "Secret", "secret\n", " secret", "", "\udcff", "sécret"]
)
async def test_only_the_exact_token(token: str) -> None:
    """T079: prefix, suffix, other case, trailing newline and the empty token are nobody."""
    assert await lookup(b"secret,alice,1\n,bob,2\n", token) is None


async def test_bytes_that_are_no_utf8() -> None:
    """A token of any bytes is found when the header has the same bytes."""
    user = await lookup(b"t\xff,alice,1\n", b"t\xff".decode("utf-8", "surrogateescape"))
    assert user == UserInfo(username="alice", uid="1")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            b"token3,user3\n",
            "token file 'tokens.csv' must have at least 3 columns "
            "(token, user name, user uid), found 2",
        ),
        (
            b"a,b,c\nhalf",
            "token file 'tokens.csv' must have at least 3 columns "
            "(token, user name, user uid), found 1",
        ),
        (
            b'a,b"secret,c\n',
            "token file 'tokens.csv': parse error on line 1, column 4: bare \" in non-quoted field",
        ),
    ],
)
def test_refused_files(data: bytes, text: str) -> None:
    """T079: a file half written or malformed is refused whole, with kube-apiserver's text."""
    with pytest.raises(TokenFileError) as caught:
        parse_token_file(data, "tokens.csv", KEY)
    assert str(caught.value) == text


async def test_odd_rows_warn() -> None:
    """T079: an empty token is skipped, of a duplicate the last row counts; both warn."""
    data = b"t,first,1\n,nobody,2\nt,last,3\n"
    token_file = parse_token_file(data, "tokens.csv", KEY)
    assert token_file.warnings == (
        "empty token has been found in token file 'tokens.csv', record number '2'",
        "duplicate token has been found in token file 'tokens.csv', record number '3'",
    )
    assert len(token_file) == 1
    assert await lookup(data, "t") == UserInfo(username="last", uid="3")


def test_no_token_is_kept() -> None:
    """T080: the table holds keyed digests, and neither they nor the key show in a repr."""
    token_file = parse_token_file(b"canary-token,alice,1\n", "tokens.csv", KEY)
    other = parse_token_file(b"canary-token,alice,1\n", "tokens.csv", b"o" * 32)
    assert "canary" not in repr(token_file)
    assert "kkkk" not in repr(token_file)
    assert not any(b"canary" in digest for digest in token_file.users)
    assert set(token_file.users) != set(other.users)


@given(st.binary(max_size=100))
def test_any_file(data: bytes) -> None:
    """Any bytes are a table or a TokenFileError."""
    try:
        parse_token_file(data, "tokens.csv", KEY)
    except TokenFileError:
        return
