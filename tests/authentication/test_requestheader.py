"""Users named by a front proxy: kube's requestheader_test.go, and who may name them."""

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    AuthenticationRequest,
    Identity,
)
from auditproxy.authentication.requestheader import (
    RequestHeaderAuthenticator,
    RequestHeaderConfig,
    user_from,
)
from auditproxy.authentication.x509.authenticator import Verdict
from auditproxy.authentication.x509.peer import PeerCertificate
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target

CONFIG = RequestHeaderConfig(
    allowed_names=frozenset({"front-proxy"}),
    username_headers=("X-Remote-User", "A-Second-X-Remote-User", "Another-X-Remote-User"),
    uid_headers=("X-Remote-Uid", "X-Other-Uid"),
    group_headers=("X-Remote-Group-1", "X-Remote-Group-2"),
    extra_prefixes=("X-Remote-Extra-1-", "X-Remote-Extra-2-"),
)


def headers(*lines: tuple[str, str]) -> ClientHeaders:
    """Headers as a client sends them."""
    return ClientHeaders(tuple((name.encode(), value.encode()) for name, value in lines))


@pytest.mark.parametrize(
    ("lines", "user"),
    [
        ((), None),
        ((("X-Remote-User", ""),), None),
        ((("X-Remote-User", "Bob"),), UserInfo(username="Bob")),
        ((("x-rEMOTE-uSER", "Bob"), ("X-Remote-User", "Eve")), UserInfo(username="Bob")),
        # The first value decides about a header.
        (
            (
                ("X-Remote-User", ""),
                ("X-Remote-User", "heinz"),
                ("A-Second-X-Remote-User", "bob"),
                ("Another-X-Remote-User", "ludwig"),
            ),
            UserInfo(username="bob"),
        ),
        ((("Prefixed-X-Remote-User-With-Suffix", "Bob"),), None),
        ((("X-Remote-Group-1", "one"), ("X-Remote-Uid", "1")), None),
        (
            (("X-Remote-User", "Bob"), ("X-Other-Uid", "2"), ("X-Remote-Uid", "")),
            UserInfo(username="Bob", uid="2"),
        ),
        (
            (
                ("X-Remote-User", "Bob"),
                ("X-Remote-Group-2", "three, four"),
                ("X-Remote-Group-1", "one"),
                ("X-Remote-Group-1", ""),
                ("X-Remote-Group-1", "two"),
            ),
            UserInfo(username="Bob", groups=("one", "two", "three, four")),
        ),
        (
            (
                ("X-Remote-User", "Bob"),
                ("X-Remote-Extra-2-key1", "echo"),
                ("X-Remote-Extra-1-Key1", "alfa"),
                ("X-Remote-Extra-1-KEY1", "bravo"),
                ("X-Remote-Extra-1-", "india"),
                ("X-Remote-Extra-1-Example.com%2fscope", ""),
            ),
            UserInfo(
                username="Bob",
                extra={
                    "key1": ("alfa", "bravo", "echo"),
                    "": ("india",),
                    "example.com/scope": ("",),
                },
            ),
        ),
    ],
)
def test_user(lines: tuple[tuple[str, str], ...], user: UserInfo | None) -> None:
    """kube's rows: first name, first uid, all groups, extra by prefix; nothing split at commas."""
    assert user_from(headers(*lines), CONFIG) == user


def certificate(name: str, **changes: object) -> PeerCertificate:
    """A good certificate."""
    values: dict[str, object] = {
        "der": name.encode(),
        "fingerprint": "ab",
        "common_name": name,
    }
    return PeerCertificate(**(values | changes))  # type: ignore[arg-type]


class Authorities:
    """Authorities that vouch for all but ``alice``."""

    def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
        """Nothing, or something."""
        return Verdict("is not ours" if peer.common_name == "alice" else "", now, now)


async def authenticate(
    peer: PeerCertificate | None, config: RequestHeaderConfig = CONFIG, user: str = "bob"
) -> Identity | None:
    """A request that names a user, on a connection with this certificate."""
    request = AuthenticationRequest(
        headers(("X-Remote-User", user)), parse_target("GET", b"/"), peer, 150
    )
    return await RequestHeaderAuthenticator(Authorities(), config).authenticate(request)


async def test_front_proxy() -> None:
    """A front proxy with an allowed name is believed, and with no list any of its authority."""
    identity = await authenticate(certificate("front-proxy"))
    assert identity is not None
    assert (identity.user, identity.method) == (UserInfo(username="bob"), "requestheader")
    anybody = RequestHeaderConfig(username_headers=("X-Remote-User",))
    assert await authenticate(certificate("whoever"), anybody) is not None


async def test_not_a_front_proxy() -> None:
    """T007: headers of somebody without a front proxy's certificate mean nothing."""
    assert await authenticate(None) is None
    for peer in (
        certificate("alice"),
        certificate("somebody-else"),
        certificate("front-proxy", fault="is strange"),
    ):
        with pytest.raises(AuthenticationError):
            await authenticate(peer)


async def test_a_name_that_would_change() -> None:
    """T035: what no header of ours could carry is refused, whoever vouches for it."""
    with pytest.raises(AuthenticationError):
        await authenticate(certificate("front-proxy"), user="a\x7fb")
