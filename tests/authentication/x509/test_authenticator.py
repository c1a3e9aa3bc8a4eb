"""Users of client certificates (x509_test.go), per request and not once per connection."""

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    AuthenticationRequest,
    Identity,
)
from auditproxy.authentication.x509.authenticator import (
    CertificateError,
    Verdict,
    X509Authenticator,
)
from auditproxy.authentication.x509.peer import PeerCertificate
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target


def certificate(**changes: object) -> PeerCertificate:
    """A good certificate of alice."""
    values: dict[str, object] = {
        "der": b"",
        "fingerprint": "ab" * 32,
        "common_name": "alice",
    }
    return PeerCertificate(**(values | changes))  # type: ignore[arg-type]


class Trusting:
    """Authorities that vouch for everybody, or refuse everybody with a text."""

    def __init__(self, text: str = "") -> None:
        self._text = text

    def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
        """The same for all."""
        return Verdict(self._text, now, now)


async def authenticate(
    peer: PeerCertificate | None, now: int = 150, allowed: frozenset[str] | None = None
) -> Identity | None:
    """What the authenticator says about a connection with this certificate."""
    request = AuthenticationRequest(ClientHeaders(()), parse_target("GET", b"/"), peer, now)
    return await X509Authenticator(Trusting(), allowed).authenticate(request)


async def test_user() -> None:
    """CN, O and uid become the user, with the certificate's digest as credential id."""
    identity = await authenticate(certificate(organizations=("dev", "ops"), uids=("uid-1",)))
    assert identity is not None
    assert identity.user == UserInfo(
        username="alice",
        uid="uid-1",
        groups=("dev", "ops"),
        extra={"authentication.kubernetes.io/credential-id": ("X509SHA256=" + "ab" * 32,)},
    )
    assert (identity.method, identity.token) == ("x509", "")


async def test_no_opinion() -> None:
    """T044: no certificate, or one without a CN, leaves the next method to try."""
    assert await authenticate(None) is None
    assert await authenticate(certificate(common_name="")) is None


async def test_period() -> None:
    """T049, T051: the authorities are asked at each request, with the time of that request."""

    class Until200:
        """Authorities that vouch until 200."""

        def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
            return Verdict("it has expired" if now > 200 else "", 0, 200)

    authenticator = X509Authenticator(Until200())
    for peer in (certificate(), certificate(common_name="")):
        early, late = (
            AuthenticationRequest(ClientHeaders(()), parse_target("GET", b"/"), peer, now)
            for now in (200, 201)
        )
        identity = await authenticator.authenticate(early)
        assert (identity is not None) == bool(peer.common_name)
        with pytest.raises(CertificateError, match="it has expired"):
            await authenticator.authenticate(late)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fault": "the certificate is not DER"}, "not DER"),
        ({"uids": ("",)}, "UID cannot be an empty string"),
        ({"uids": ("a", "b")}, "expected 1 UID, but found multiple"),
    ],
)
async def test_refused(changes: dict[str, object], text: str) -> None:
    """T048: what kube-apiserver refuses in a certificate is an error, not no opinion."""
    with pytest.raises(CertificateError) as caught:
        await authenticate(certificate(**changes))
    assert text in str(caught.value)


async def test_authorities_are_asked() -> None:
    """T049: a certificate that the authorities of now do not vouch for is an error at once."""
    request = AuthenticationRequest(
        ClientHeaders(()), parse_target("GET", b"/"), certificate(common_name=""), 150
    )
    with pytest.raises(CertificateError, match="has no friends"):
        await X509Authenticator(Trusting("has no friends")).authenticate(request)


@pytest.mark.parametrize("name", ["alice\0", "alice\nbob", "alice ", " alice", "a\x7f"])
async def test_names_that_change_on_the_wire(name: str) -> None:
    """T035, T046: a CN or O that a header cannot carry is refused."""
    with pytest.raises(AuthenticationError):
        await authenticate(certificate(common_name=name))
    with pytest.raises(AuthenticationError):
        await authenticate(certificate(organizations=(name,)))


async def test_reserved_names() -> None:
    """T040: with the guard on, a CA cannot make cluster admins; it is off unless asked for."""
    admin = certificate(organizations=("system:masters",))
    assert await authenticate(admin) is not None
    with pytest.raises(CertificateError):
        await authenticate(admin, allowed=frozenset())
    assert await authenticate(admin, allowed=frozenset({"system:masters"})) is not None


class Dated:
    """Authorities with one verdict for each certificate, for a period; counts what it is asked."""

    def __init__(self) -> None:
        self.verdicts: dict[PeerCertificate, Verdict] = {}

    def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
        """The same one within its period."""
        known = self.verdicts.get(peer)
        if known is None or not known.holds(now):
            known = self.verdicts[peer] = Verdict("", now, now + 100)
        return known


async def test_remembered() -> None:
    """One identity for a certificate while its verdict is the same, with the verdict as proof."""
    authenticator = X509Authenticator(Dated())

    async def ask(peer: PeerCertificate, now: int) -> Identity:
        request = AuthenticationRequest(ClientHeaders(()), parse_target("GET", b"/"), peer, now)
        identity = await authenticator.authenticate(request)
        assert identity is not None
        return identity

    alice = certificate(der=b"alice")
    first = await ask(alice, 100)
    assert await ask(alice, 200) is first
    assert first.proof is not None
    assert [first.proof.holds(now) for now in (99, 100, 200, 201)] == [False, True, True, False]
    later = await ask(alice, 201)
    assert later is not first
    assert later == first
    bob = await ask(certificate(der=b"bob", common_name="bob"), 100)
    assert bob.user.username == "bob"
    # The same leaf behind other intermediates has a verdict of its own.
    through = await ask(certificate(der=b"alice", intermediates=(b"other",)), 1000)
    assert through.proof is not later.proof
    assert through.proof is not None
    assert not through.proof.holds(201)


async def test_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of certificates is forgotten, not kept."""
    monkeypatch.setattr("auditproxy.authentication.x509.authenticator.REMEMBERED", 2)
    authenticator = X509Authenticator(Dated())
    for number in range(5):
        peer = certificate(der=b"%d" % number, common_name=f"user-{number}")
        request = AuthenticationRequest(ClientHeaders(()), parse_target("GET", b"/"), peer, 100)
        identity = await authenticator.authenticate(request)
        assert identity is not None
        assert identity.user.username == f"user-{number}"
        assert len(authenticator._known) <= 2
