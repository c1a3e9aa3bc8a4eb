"""Identity headers for the upstream, and that reading them back gives the same user."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.anonymous import ANONYMOUS_USER
from auditproxy.authentication.authenticator import Identity, identify
from auditproxy.authentication.headersafe import lower_ascii, wire_safe
from auditproxy.authentication.requestheader import RequestHeaderConfig, user_from
from auditproxy.authorization.impersonation import parse
from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.upstream.identityheaders import (
    UnforwardableIdentityError,
    escape_extra_key,
    impersonation_headers,
    passthrough_headers,
    remote_headers,
)


def as_upstream_reads(headers: RawHeaders) -> UserInfo:
    """The user kube-apiserver makes of these lines: canonical names, trimmed values."""
    username = uid = ""
    groups: list[str] = []
    extra: dict[str, tuple[str, ...]] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.strip(b" \t").decode()
        if name == "impersonate-user":
            username = value
        elif name == "impersonate-uid":
            uid = value
        elif name == "impersonate-group":
            groups.append(value)
        else:
            assert name.startswith("impersonate-extra-")
            key = unquote_to_bytes(name.removeprefix("impersonate-extra-")).decode()
            extra[key] = (*extra.get(key, ()), value)
    return UserInfo(username=username, uid=uid, groups=tuple(groups), extra=extra)


def test_lines() -> None:
    """One line per value, in order; commas are nothing special."""
    user = UserInfo(
        username="Ä lice",
        uid="u-1",
        groups=("dev", "a,b", "", "dev"),
        extra={"example.com/Scopes": ("x,y", "z"), "none": ()},
    )
    assert impersonation_headers(user) == (
        (b"Impersonate-User", "Ä lice".encode()),
        (b"Impersonate-Uid", b"u-1"),
        (b"Impersonate-Group", b"dev"),
        (b"Impersonate-Group", b"a,b"),
        (b"Impersonate-Group", b""),
        (b"Impersonate-Group", b"dev"),
        (b"Impersonate-Extra-example.com%2F%53copes", b"x,y"),
        (b"Impersonate-Extra-example.com%2F%53copes", b"z"),
    )
    assert impersonation_headers(ANONYMOUS_USER) == (
        (b"Impersonate-User", b"system:anonymous"),
        (b"Impersonate-Group", b"system:unauthenticated"),
    )


@pytest.mark.parametrize(
    ("key", "escaped"),
    [
        ("abc", b"abc"),
        ("a/b%c d", b"a%2Fb%25c%20d"),
        ("Foo", b"%46oo"),
        ("acme.io/Via", b"acme.io%2F%56ia"),
        ("今日", b"%E4%BB%8A%E6%97%A5"),
        ("a\r\nb:c", b"a%0D%0Ab%3Ac"),
        ("abc123!#$+.-_*^`~|'", b"abc123!#$+.-_*^`~|'"),
        ("\\", b"%5C"),
    ],
)
def test_escaped_keys(key: str, escaped: bytes) -> None:
    """T039: all but token bytes of an extra key are escaped, as client-go does."""
    assert escape_extra_key(key) == escaped


def test_many_groups() -> None:
    """T038: 2000 groups are 2000 lines, none is cut off."""
    groups = tuple(f"group-{number}" for number in range(2000))
    headers = impersonation_headers(UserInfo(username="a", groups=groups))
    assert as_upstream_reads(headers).groups == groups


@pytest.mark.parametrize(
    "user",
    [
        UserInfo(),
        UserInfo(groups=("system:masters",)),
        UserInfo(username="alice "),
        UserInfo(username="a\r\nImpersonate-Group: system:masters"),
        UserInfo(username="a", groups=("\ud800",)),
        UserInfo(username="a", extra={"Foo": ("1",), "foo": ("2",)}),
    ],
)
def test_unforwardable(user: UserInfo) -> None:
    """T035, T036, T039: what would arrive as somebody else is refused, without a word of it."""
    with pytest.raises(UnforwardableIdentityError) as caught:
        impersonation_headers(user)
    assert "masters" not in str(caught.value)


TEXT = st.text(max_size=10)


@given(
    st.builds(
        UserInfo,
        username=TEXT,
        uid=TEXT,
        groups=st.lists(TEXT, max_size=4).map(tuple),
        extra=st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=2).map(tuple), max_size=3),
    )
)
def test_round_trip(user: UserInfo) -> None:
    """A12: what is sent is read back as the same user, case of extra keys included; or it is refused."""
    if wire_safe(user) is not None:
        with pytest.raises(UnforwardableIdentityError):
            impersonation_headers(user)
        return
    headers = impersonation_headers(user)
    assert as_upstream_reads(headers) == user
    assert sum(name == b"Impersonate-User" for name, _ in headers) == 1
    for name, value in headers:
        assert all(0x20 < byte < 0x7F for byte in name)
        assert not {0x0D, 0x0A, 0} & set(value)


class TestPassthrough:
    """The client's own token, and nothing of ours."""

    def known(self, token: str) -> Identity:
        """Alice by this token."""
        return identify(UserInfo(username="alice"), method="bearer", token=token)

    def test_the_same_token(self) -> None:
        """T019: the token that was checked is the token that is sent."""
        assert passthrough_headers(self.known("tök.en-1")) == (
            (b"Authorization", "Bearer tök.en-1".encode()),
        )

    def test_wanted_user(self) -> None:
        """What the client asks to be is rebuilt from what was understood of it."""
        wanted = UserInfo(username="bob", groups=("dev",))
        assert passthrough_headers(self.known("t"), wanted) == (
            (b"Authorization", b"Bearer t"),
            (b"Impersonate-User", b"bob"),
            (b"Impersonate-Group", b"dev"),
        )

    def test_anonymous(self) -> None:
        """An anonymous client stays anonymous."""
        assert passthrough_headers(identify(ANONYMOUS_USER, method="anonymous")) == ()

    def test_certificate(self) -> None:
        """T023: a client known by its certificate cannot be handed on."""
        with pytest.raises(UnforwardableIdentityError):
            passthrough_headers(identify(UserInfo(username="alice"), method="x509"))

    @pytest.mark.parametrize("token", ["a b", "a\r\nHost: x", "a\t", "\u00a0a"])
    def test_token_that_is_no_header(self, token: str) -> None:
        """T036: a token from a WebSocket protocol may hold anything; it is not written then."""
        with pytest.raises(UnforwardableIdentityError) as caught:
            passthrough_headers(self.known(token))
        assert token not in str(caught.value)


class TestMarker:
    """The extra that tells the upstream that a request came through the proxy."""

    @given(
        st.dictionaries(
            st.sampled_from(
                ["auditproxy.io/via", "AUDITPROXY.io/via", "auditproxy.io%2fvia", "other",
                 "auditproxy.io/v\u0131a", "auditproxy.io/v\u0130a"]
            ),
            st.lists(st.sampled_from(["auditproxy", "x"]), max_size=2).map(tuple),
        )
    )  # fmt: skip
    def test_never_forged(self, extra: dict[str, tuple[str, ...]]) -> None:
        """T004: what the upstream reads under the marker's key is the proxy's value, once, or nothing."""
        user = UserInfo(username="u", extra=extra)
        try:
            lines = impersonation_headers(user, ("auditproxy.io/via", "auditproxy"))
        except UnforwardableIdentityError:
            assert len({lower_ascii(key) for key in extra}) < len(extra) or any(
                key.lower() == "auditproxy.io/via" for key in extra
            )
        else:
            assert as_upstream_reads(lines).extra["auditproxy.io/via"] == ("auditproxy",)


FRONT = RequestHeaderConfig(
    username_headers=("X-Remote-User",),
    uid_headers=("X-Remote-Uid",),
    group_headers=("X-Remote-Group",),
    extra_prefixes=("X-Remote-Extra-",),
)


@given(
    st.builds(
        UserInfo,
        username=st.text(min_size=1),
        uid=st.text(),
        groups=st.lists(st.text(min_size=1)).map(tuple),
        extra=st.dictionaries(st.text(), st.lists(st.text(), min_size=1).map(tuple), max_size=3),
    )
)
def test_a_front_proxy_is_understood(user: UserInfo) -> None:
    """What we write as a front proxy is what one reads, or it is refused."""
    if wire_safe(user) is not None:
        with pytest.raises(UnforwardableIdentityError):
            remote_headers(user)
        return
    assert user_from(ClientHeaders(remote_headers(user)), FRONT) == user


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (b"Impersonate-Extra-acme.io%2F%56ia", "acme.io/Via"),
        (b"IMPERSONATE-EXTRA-ACME.IO%2FVIA", "acme.io/via"),
        (b"impersonate-extra-%41%42%43", "ABC"),
        (b"Impersonate-Extra-%e2%84%aa", "\u212a"),
        (b"Impersonate-Extra-a%2", "a%2"),
    ],
)
def test_one_key(name: bytes, key: str) -> None:
    """A12: the key that is judged and recorded is the one that the upstream reads."""
    wanted = parse(ClientHeaders(((b"Impersonate-User", b"jane"), (name, b"1"))))
    assert wanted is not None
    assert wanted.extra == {key: ("1",)}
    assert as_upstream_reads(impersonation_headers(wanted)).extra == wanted.extra
