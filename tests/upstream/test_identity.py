"""The two ways upstream: whose credential goes with whose name."""

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import Identity, identify
from auditproxy.kubeconfig.credentials import NoCredential, StaticCredential, UpstreamTarget
from auditproxy.upstream.identity import Impersonating, PassingThrough, RequestHeader
from auditproxy.upstream.identityheaders import UnforwardableIdentityError
from auditproxy.upstream.pool import UpstreamPool

TARGET = UpstreamTarget("h", 6443, "https", "h", "/base", None)
ALICE = UserInfo(username="alice", groups=("dev",))
JANE = UserInfo(username="jane")


def known(method: str = "bearer") -> Identity:
    """Alice, as an authenticator made her."""
    token = "secret" if method == "bearer" else ""
    return identify(ALICE, method=method, token=token)  # type: ignore[arg-type]


async def test_impersonating() -> None:
    """Our credential first, then the user's name; the client's token nowhere."""
    pool = UpstreamPool(TARGET)
    way = Impersonating(pool, TARGET, StaticCredential("token", b"Bearer ours"))
    assert way.host == b"h:6443"
    assert way.base_path == b"/base"
    assert await way.headers(known(), JANE, None) == (
        (b"Authorization", b"Bearer ours"),
        (b"Impersonate-User", b"jane"),
    )
    with pytest.raises(UnforwardableIdentityError):
        await way.headers(known(), UserInfo(username=""), None)


MARKER = ("auditproxy.io/via", "auditproxy")


async def test_marker() -> None:
    """The marker comes last, for whomever the request acts as."""
    way = Impersonating(
        UpstreamPool(TARGET), TARGET, StaticCredential("token", b"Bearer ours"), marker=MARKER
    )
    assert await way.headers(known(), JANE, JANE) == (
        (b"Authorization", b"Bearer ours"),
        (b"Impersonate-User", b"jane"),
        (b"Impersonate-Extra-auditproxy.io%2Fvia", b"auditproxy"),
    )


@pytest.mark.parametrize("method", ["bearer", "x509"])
@pytest.mark.parametrize("key", ["auditproxy.io/via", "Auditproxy.IO/VIA"])
@pytest.mark.parametrize("values", [("auditproxy",), ("other",), ()], ids=str)
async def test_nobody_brings_the_marker(key: str, values: tuple[str, ...], method: str) -> None:
    """T004: who has an extra of the marker's key is refused, as himself and as another."""
    way = Impersonating(
        UpstreamPool(TARGET), TARGET, StaticCredential("token", b"Bearer ours"), marker=MARKER
    )
    marked = UserInfo(username="mallory", extra={key: values})
    token = "secret" if method == "bearer" else ""
    mallory = identify(marked, method=method, token=token)  # type: ignore[arg-type]
    for identity, user in ((mallory, marked), (mallory, JANE), (known(), marked)):
        with pytest.raises(UnforwardableIdentityError, match="the proxy's own marker"):
            await way.headers(identity, user, None)


async def test_without_a_marker_the_key_is_nothing_special() -> None:
    """Where no marker is set, the key is forwarded as any other."""
    way = Impersonating(UpstreamPool(TARGET), TARGET, StaticCredential("token", b"Bearer ours"))
    user = UserInfo(username="u", extra={"auditproxy.io/via": ("x",)})
    assert (b"Impersonate-Extra-auditproxy.io%2Fvia", b"x") in await way.headers(
        known(), user, None
    )


async def test_passing_through() -> None:
    """The client's own token, and what it asked to be; nothing of ours."""
    way = PassingThrough(UpstreamPool(TARGET), TARGET)
    assert await way.headers(known(), ALICE, None) == ((b"Authorization", b"Bearer secret"),)
    assert await way.headers(known(), JANE, JANE) == (
        (b"Authorization", b"Bearer secret"),
        (b"Impersonate-User", b"jane"),
    )
    with pytest.raises(UnforwardableIdentityError, match="x509"):
        await way.headers(known("x509"), ALICE, None)


async def test_request_header() -> None:
    """The user's name and nothing of anybody's credential, whoever the client was."""
    way = RequestHeader(UpstreamPool(TARGET), TARGET)
    assert (way.host, way.base_path) == (b"h:6443", b"/base")
    for method in ("bearer", "x509", "requestheader", "anonymous"):
        assert await way.headers(known(method), ALICE, None) == (
            (b"X-Remote-User", b"alice"),
            (b"X-Remote-Group", b"dev"),
        )
    assert await way.headers(known(), JANE, JANE) == ((b"X-Remote-User", b"jane"),)
    with pytest.raises(UnforwardableIdentityError):
        await way.headers(known(), UserInfo(username=""), None)


async def test_original_user() -> None:
    """T018: who impersonates is told in an extra field, with either kind of identity of ours."""
    pool = UpstreamPool(TARGET)
    key = "example.com/original-user"
    for way, prefix in (
        (Impersonating(pool, TARGET, NoCredential(), key), b"Impersonate-"),
        (RequestHeader(pool, TARGET, key), b"X-Remote-"),
    ):
        assert await way.headers(known(), JANE, JANE) == (
            (prefix + b"User", b"jane"),
            (prefix + b"Extra-example.com%2Foriginal-user", b"alice"),
        )
        assert key.encode() not in b"".join(
            name for name, _ in await way.headers(known(), ALICE, None)
        )
        with pytest.raises(UnforwardableIdentityError):
            await way.headers(known(), UserInfo(username="jane", extra={key: ("a",)}), JANE)
