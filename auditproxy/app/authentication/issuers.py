"""The issuers at work: their keys, fetched and kept fresh, and who judges their tokens.

What that needs is imported where there is an issuer (app/wanted.py says why).
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditproxy.app.operatorlog import Report
from auditproxy.authentication.authenticator import TokenAuthenticator
from auditproxy.files.issuers import Trusted
from auditproxy.metrics.issuers import IssuerMetrics
from auditproxy.options import AuthenticationOptions
from auditproxy.tls.client import client_context

if TYPE_CHECKING:
    from auditproxy.authentication.tokens.keysource import Check, KeySource
    from auditproxy.clients.apiserver import ApiClient
    from auditproxy.clients.fetcher import HttpsFetcher
    from auditproxy.lookups.issuerkeys import IssuerKeys
    from auditproxy.lookups.keydocuments import KeyDocument


class KeysOfIssuers:
    """Makes key sources that load their keys, and ends them; inside a running event loop."""

    def __init__(
        self, check: "Check", *, metrics: IssuerMetrics, report: Report, inform: Report
    ) -> None:
        self._check = check
        self._metrics = metrics
        self._report = report
        self._inform = inform
        self._keys: list[IssuerKeys] = []
        self._fetchers: list[HttpsFetcher] = []

    def fetched(self, name: str, flag: str, document: "KeyDocument") -> "KeySource":
        """The keys in a document, which begin to load."""
        from auditproxy.lookups.issuerkeys import IssuerKeys

        keys = IssuerKeys(
            name,
            flag,
            document,
            check=self._check,
            metrics=self._metrics,
            report=self._report,
            inform=self._inform,
            clock=time.monotonic,
            wall_clock=time.time,
        )
        self._keys.append(keys)
        keys.start()
        return keys

    def fetcher(self, fetcher: "HttpsFetcher") -> "HttpsFetcher":
        """The fetcher, to be closed with the rest."""
        self._fetchers.append(fetcher)
        return fetcher

    def authenticators(self, trusted: Trusted) -> tuple[TokenAuthenticator, ...]:
        """Who judges the tokens of each trusted issuer."""
        if not trusted.issuers:
            return ()
        from auditproxy.authentication.oidc.authenticator import OidcAuthenticator
        from auditproxy.clients.fetcher import HttpsFetcher
        from auditproxy.lookups.keydocuments import DiscoveredKeys

        found: list[TokenAuthenticator] = []
        for issuer in trusted.issuers:
            fetcher = self.fetcher(HttpsFetcher(issuer.context))
            document = DiscoveredKeys(issuer.jwt.issuer, fetcher)
            keys = self.fetched(issuer.jwt.issuer.url, issuer.flag, document)
            found.append(OidcAuthenticator(issuer.jwt, issuer.mapper, keys, time.time))
        return tuple(found)

    def of_service_accounts(
        self, options: AuthenticationOptions, client: "Callable[[], ApiClient]"
    ) -> "KeySource | None":
        """Keys of service accounts that are published; None where files hold them, or none do.

        At --service-account-jwks-uri, else by the upstream, which ``client`` speaks to.
        """
        if not options.service_account_issuer or options.service_account_key_file:
            return None
        from auditproxy.clients.fetcher import HttpsFetcher
        from auditproxy.lookups.keydocuments import JwksUri, UpstreamKeys

        name, uri = options.service_account_issuer[0], options.service_account_jwks_uri
        if not uri:
            return self.fetched(name, "--service-account-issuer", UpstreamKeys(client))
        fetcher = self.fetcher(HttpsFetcher(client_context()))
        return self.fetched(name, "--service-account-jwks-uri", JwksUri(uri, fetcher))

    def describe(self) -> tuple[str, ...]:
        """A line for each issuer."""
        return tuple(keys.describe() for keys in self._keys)

    async def close_after(self, lookups: Awaitable[None]) -> None:
        """Close once the look-ups have ended that these keys still judge."""
        try:
            await lookups
        finally:
            await self.close()

    async def close(self) -> None:
        """Load nothing more."""
        for keys in self._keys:
            await keys.close()
        for fetcher in self._fetchers:
            await fetcher.close()


@dataclass(frozen=True, slots=True, eq=False)
class TrustedKeys:
    """Who judges the tokens of the trusted issuers, and the ring that loads their keys."""

    ring: KeysOfIssuers
    authenticators: tuple[TokenAuthenticator, ...]
