"""Where key sets are published."""

import json

import pytest

from auditproxy.apis.authentication import Issuer
from auditproxy.clients.apiserver import ReviewError
from auditproxy.clients.fetcher import Fetched, FetchError
from auditproxy.lookups.keydocuments import DiscoveredKeys, JwksUri, UpstreamKeys
from tests.fakes.tokens import jwk, rsa_key

ISSUER = Issuer(url="https://issuer.example/", audiences=("a",))
KEYS = json.dumps({"keys": [jwk(rsa_key(), kid="a")]}).encode()


class Documents:
    """Answers by URL."""

    def __init__(self, documents: dict[str, bytes]) -> None:
        self.documents = documents
        self.asked: list[str] = []

    async def get(self, url: str) -> Fetched:
        """The document at a URL."""
        self.asked.append(url)
        if url not in self.documents:
            raise FetchError("answered 404")
        return Fetched(self.documents[url], 60.0)


def discovery(**members: str) -> bytes:
    """A discovery document."""
    found = {"issuer": ISSUER.url, "jwks_uri": "https://keys.example/k", **members}
    return json.dumps(found).encode()


WELL_KNOWN = "https://issuer.example/.well-known/openid-configuration"


async def test_discovered() -> None:
    """The document is read once, the keys at every load."""
    documents = Documents({WELL_KNOWN: discovery(), "https://keys.example/k": KEYS})
    keys = DiscoveredKeys(ISSUER, documents)
    for _ in range(2):
        loaded = await keys.load()
        assert [key.key_id for key in loaded.key_set.keys] == ["a"]
        assert loaded.max_age == 60.0
    assert documents.asked == [WELL_KNOWN, "https://keys.example/k", "https://keys.example/k"]


async def test_moved_keys() -> None:
    """After a failure the document is read again: an issuer that moved its keys is found."""
    documents = Documents({WELL_KNOWN: discovery(), "https://keys.example/k": KEYS})
    keys = DiscoveredKeys(ISSUER, documents)
    await keys.load()
    documents.documents = {
        WELL_KNOWN: discovery(jwks_uri="https://keys.example/new"),
        "https://keys.example/new": KEYS,
    }
    with pytest.raises(FetchError, match="the keys: answered 404"):
        await keys.load()
    assert (await keys.load()).key_set.keys


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (discovery(issuer="https://issuer.example"), "another issuer"),
        (discovery(issuer=""), "another issuer"),
        (discovery(jwks_uri=""), "no jwks_uri"),
        (b"<html>canary</html>", "not a discovery document"),
        (b"[" * 100_000, "not a discovery document"),
    ],
)
async def test_discovery_that_is_not_good(document: bytes, says: str) -> None:
    """T060, T069: it must name the issuer exactly; nothing of it is told."""
    with pytest.raises(FetchError, match=says) as caught:
        await DiscoveredKeys(ISSUER, Documents({WELL_KNOWN: document})).load()
    assert "canary" not in str(caught.value)


async def test_url_of_the_keys() -> None:
    """Keys at a URL that the configuration names; what is no key set is told without its text."""
    assert (await JwksUri("https://k", Documents({"https://k": KEYS})).load()).key_set.keys
    with pytest.raises(FetchError) as caught:
        await JwksUri("https://k", Documents({"https://k": b"canary"})).load()
    assert "canary" not in str(caught.value)


class Client:
    """An upstream's answer."""

    def __init__(self, code: int, body: bytes = b"") -> None:
        self.code = code
        self.body = body

    async def get(self, path: str) -> tuple[int, bytes]:
        """The answer; 0 is none."""
        assert path == "/openid/v1/jwks"
        if not self.code:
            raise ReviewError("no answer")
        return self.code, self.body


async def test_upstream() -> None:
    """The upstream's own keys; a 403 says which role is missing."""
    good = UpstreamKeys(lambda: Client(200, KEYS))  # type: ignore[arg-type,return-value]
    assert (await good.load()).key_set.keys
    for code, says in ((403, "system:service-account-issuer-discovery"), (404, "404"), (0, "no")):
        with pytest.raises(FetchError, match=says):
            await UpstreamKeys(lambda code=code: Client(code)).load()  # type: ignore[misc]
