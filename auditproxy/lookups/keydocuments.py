"""Where key sets are published: an issuer's discovery document, a URL, or the upstream.

Every load fetches the key set again, in a single attempt.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from auditproxy.apis.authentication import Issuer
from auditproxy.apis.prepared import prepared
from auditproxy.authentication.tokens.jwks import JwksError, KeySet, read_jwks
from auditproxy.clients.apiserver import ApiClient, ReviewError
from auditproxy.clients.fetcher import Fetched, FetchError
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as

WELL_KNOWN = "/.well-known/openid-configuration"
UPSTREAM_JWKS = "/openid/v1/jwks"


@dataclass(frozen=True, slots=True)
class LoadedKeys:
    """A key set, and for how many seconds it may be kept; None if its server does not say."""

    key_set: KeySet
    max_age: float | None = None


class KeyDocument(Protocol):
    """A location of a key set."""

    async def load(self) -> LoadedKeys:
        """Return the currently published key set; raises FetchError."""
        ...


class Fetcher(Protocol):
    """The part of HttpsFetcher that is used here."""

    async def get(self, url: str) -> Fetched:
        """Return the document at a URL; raises FetchError."""
        ...


@prepared
class _Discovery(msgspec.Struct):
    issuer: str = ""
    jwks_uri: str = ""


class DiscoveredKeys:
    """The keys of an issuer, located by its discovery document.

    The document is read once, and again after every failure, so that moved keys are found
    without a restart. It must name the issuer exactly.
    """

    def __init__(self, issuer: Issuer, fetcher: Fetcher) -> None:
        self._issuer = issuer
        self._fetcher = fetcher
        self._jwks_uri = ""

    async def load(self) -> LoadedKeys:
        """Return the currently published key set; raises FetchError."""
        if not self._jwks_uri:
            self._jwks_uri = await self._discover()
        try:
            return await _load(self._fetcher, self._jwks_uri, "the keys")
        except FetchError:
            self._jwks_uri = ""
            raise

    async def _discover(self) -> str:
        url = self._issuer.discovery_url or self._issuer.url.removesuffix("/") + WELL_KNOWN
        try:
            body = (await self._fetcher.get(url)).body
        except FetchError as error:
            raise FetchError(f"discovery: {error}") from None
        try:
            found = decode_as(body, _Discovery)
        except JSONError:
            raise FetchError("discovery: the answer is not a valid discovery document") from None
        if found.issuer != self._issuer.url:
            raise FetchError("discovery: the document is for another issuer; `issuer` differs")
        if not found.jwks_uri:
            raise FetchError("discovery: the document has no jwks_uri")
        return found.jwks_uri


class JwksUri:
    """The keys at a configured URL."""

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self._url = url
        self._fetcher = fetcher

    async def load(self) -> LoadedKeys:
        """Return the currently published key set; raises FetchError."""
        return await _load(self._fetcher, self._url, "the keys")


class UpstreamKeys:
    """The keys of the upstream's own service account issuer, read with our credential.

    ``client`` returns the current client: a changed kubeconfig replaces it.
    """

    def __init__(self, client: Callable[[], ApiClient]) -> None:
        self._client = client

    async def load(self) -> LoadedKeys:
        """Return the currently published key set; raises FetchError."""
        try:
            code, body = await self._client().get(UPSTREAM_JWKS)
        except ReviewError as error:
            raise FetchError(str(error)) from None
        if code != 200:
            hint = ""
            if code == 403:
                hint = (
                    "; bind the proxy's user to the ClusterRole "
                    "system:service-account-issuer-discovery"
                )
            raise FetchError(f"GET {UPSTREAM_JWKS}: answered {code}{hint}")
        return LoadedKeys(await _parsed(body, f"GET {UPSTREAM_JWKS}"))


async def _load(fetcher: Fetcher, url: str, what: str) -> LoadedKeys:
    try:
        fetched = await fetcher.get(url)
    except FetchError as error:
        raise FetchError(f"{what}: {error}") from None
    return LoadedKeys(await _parsed(fetched.body, what), fetched.max_age)


async def _parsed(body: bytes, what: str) -> KeySet:
    """Parse on a thread: a hundred keys of a hostile document would block the event loop."""
    try:
        return await asyncio.to_thread(read_jwks, body)
    except JwksError as error:
        raise FetchError(f"{what}: {error}") from None
