"""The two ways upstream: whose credential goes with whose name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import Identity, identify
from auditproxy.kubeconfig.credentials import (
    AtHand,
    NoCredential,
    StaticCredential,
    UpstreamTarget,
)
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


class Renewable:
    """A credential that may have to be waited for, and that changes."""

    def __init__(self) -> None:
        self.value: AtHand | None = AtHand(b"Bearer first")

    async def authorization(self) -> bytes | None:
        """Another one than that at hand."""
        return b"Bearer waited"

    def at_hand(self) -> AtHand | None:
        """What the test says."""
        return self.value

    def invalidate(self) -> None:
        """Nothing to forget."""


def as_itself(user: UserInfo) -> tuple[Identity, UserInfo, None]:
    """The arguments for a client that acts as itself."""
    return identify(user, method="x509"), user, None


async def test_known_lines() -> None:
    """The lines of the same user are the same object while our credential is the same."""
    credential = Renewable()
    way = Impersonating(UpstreamPool(TARGET), TARGET, credential, marker=MARKER)
    first = way.known_headers(*as_itself(ALICE))
    assert first == (
        (b"Authorization", b"Bearer first"),
        (b"Impersonate-User", b"alice"),
        (b"Impersonate-Group", b"dev"),
        (b"Impersonate-Extra-auditproxy.io%2Fvia", b"auditproxy"),
    )
    same = UserInfo(username="alice", groups=("dev",))
    assert way.known_headers(*as_itself(same)) is first
    assert way.known_headers(*as_itself(JANE)) == (
        (b"Authorization", b"Bearer first"),
        (b"Impersonate-User", b"jane"),
        (b"Impersonate-Extra-auditproxy.io%2Fvia", b"auditproxy"),
    )
    # Another value of our own credential is in the next lines; none at hand has to be waited for.
    credential.value = AtHand(b"Bearer second")
    second = way.known_headers(*as_itself(ALICE))
    assert second is not None
    assert second[0] == (b"Authorization", b"Bearer second")
    assert second[1:] == first[1:]
    credential.value = AtHand(None)
    assert way.known_headers(*as_itself(ALICE)) == first[1:]
    credential.value = None
    assert way.known_headers(*as_itself(ALICE)) is None


async def test_lines_that_are_not_known() -> None:
    """Who acts as another, and who is refused, takes the way that checks and raises."""
    for way in (
        Impersonating(UpstreamPool(TARGET), TARGET, NoCredential(), marker=MARKER),
        RequestHeader(UpstreamPool(TARGET), TARGET, "auditproxy.io/via"),
    ):
        assert way.known_headers(*as_itself(ALICE)) is not None
        assert way.known_headers(known(), JANE, JANE) is None
        assert way.known_headers(known(), JANE, None) is None
        marked = UserInfo(username="mallory", extra={"auditproxy.io/via": ("x",)})
        for _ in range(2):
            assert way.known_headers(*as_itself(marked)) is None
    passing = PassingThrough(UpstreamPool(TARGET), TARGET)
    assert passing.known_headers(known(), ALICE, None) is None


async def test_known_lines_of_a_front_proxy() -> None:
    """X-Remote-* lines are the same object for the same user, and another's for another."""
    way = RequestHeader(UpstreamPool(TARGET), TARGET)
    first = way.known_headers(*as_itself(ALICE))
    assert first == ((b"X-Remote-User", b"alice"), (b"X-Remote-Group", b"dev"))
    assert way.known_headers(*as_itself(UserInfo(username="alice", groups=("dev",)))) is first
    assert way.known_headers(*as_itself(JANE)) == ((b"X-Remote-User", b"jane"),)


async def test_known_lines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of users, or of bytes, is not kept."""
    monkeypatch.setattr("auditproxy.upstream.identity.REMEMBERED", 3)
    for way in (
        Impersonating(UpstreamPool(TARGET), TARGET, NoCredential()),
        RequestHeader(UpstreamPool(TARGET), TARGET),
    ):
        for number in range(10):
            assert way.known_headers(*as_itself(UserInfo(username=f"user-{number}")))
            assert len(way._known) <= 3
        size = len(way._known)
        wide = UserInfo(username="wide", groups=("g" * 5000,))
        assert way.known_headers(*as_itself(wide))
        assert len(way._known) == size


TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=3)
USERS = st.builds(
    UserInfo,
    username=TEXT,
    uid=TEXT | st.just(""),
    groups=st.lists(TEXT, max_size=2).map(tuple),
    extra=st.dictionaries(
        st.sampled_from("abc"), st.lists(TEXT, max_size=2).map(tuple), max_size=2
    ),
)


@given(st.lists(USERS, max_size=8))
async def test_known_lines_are_those_that_are_made(users: list[UserInfo]) -> None:
    """Whatever was asked before, what is known of a user is what is made for it."""
    pool = UpstreamPool(TARGET)
    for way in (
        Impersonating(pool, TARGET, StaticCredential("token", b"Bearer ours")),
        RequestHeader(pool, TARGET),
    ):
        for user in (*users, *users):
            arguments = as_itself(user)
            assert way.known_headers(*arguments) == await way.headers(*arguments)
