"""The token authenticators of one configuration, in kube-apiserver's order, behind one cache.

    cache, success only:
        union[static tokens, service accounts, issuers, token webhook, review by the upstream]
                             |                 |              |
                             lookup: cache,    cache          cache, failure only
                             failure only

A user is remembered for one time only, that of the outermost cache, but for the
webhook's, as in kube-apiserver. All of it is rebuilt when any of its sources
changes: no result of the old sources is used again (kubernetes
pkg/kubeapiserver/authenticator/config.go).
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from auditproxy.apis.units import SECOND
from auditproxy.authentication.authenticator import TokenAuthenticator, TokenUnion
from auditproxy.authentication.tokens.tokenreview import Reviewer, TokenReviewAuthenticator, Version
from auditproxy.lookups.tokencache import TokenCache
from auditproxy.metrics.tokencache import TokenCacheMetrics
from auditproxy.options import AuthenticationOptions

if TYPE_CHECKING:
    from auditproxy.authentication.tokens.keysource import KeySource
    from auditproxy.authentication.tokens.tokenfile import TokenFile
    from auditproxy.clients.webhook import WebhookTarget

REVIEWS = 4096
"""Tokens of which it is remembered that the upstream refused them."""


@dataclass(frozen=True, slots=True)
class TokenSources:
    """The sources that map tokens to users; each is None or empty where it is not configured.

    ``reviewer`` is the upstream, ``lookup`` the upstream for our own audiences.
    """

    token_file: "TokenFile | None" = None
    service_account_keys: "KeySource | None" = None
    issuers: tuple[TokenAuthenticator, ...] = ()
    webhook: "WebhookTarget | None" = None
    reviewer: Reviewer | None = None
    lookup: Reviewer | None = None


class TokenAuthentication:
    """The token authenticators of ``sources``, inside a running event loop.

    ``authenticators`` is what the chain is given: one, or none where no token is known.
    """

    def __init__(
        self,
        options: AuthenticationOptions,
        sources: TokenSources,
        *,
        metrics: TokenCacheMetrics,
        report: Callable[[str], None],
    ) -> None:
        self._sources = sources
        self._options = options
        self._metrics = metrics
        self._report = report
        self._audiences = options.audiences()
        self._closers: list[Any] = []
        found = tuple(self._authenticators())
        self.authenticators: tuple[TokenCache, ...] = ()
        if found:
            success = options.token_review_cache_success_ttl
            self.authenticators = (
                self._cache(
                    TokenUnion(found), "tokens", self._audiences, success_time_to_live=_s(success)
                ),
            )

    def _authenticators(self) -> list[TokenAuthenticator]:
        options, sources = self._options, self._sources
        found: list[TokenAuthenticator] = []
        if sources.token_file is not None:
            from auditproxy.authentication.tokens.tokenfile import TokenFileAuthenticator

            found.append(TokenFileAuthenticator(sources.token_file))
        if sources.service_account_keys is not None:
            from auditproxy.authentication.tokens.serviceaccount import ServiceAccountAuthenticator

            found.append(
                ServiceAccountAuthenticator(
                    issuers=options.service_account_issuer,
                    keys=sources.service_account_keys,
                    audiences=self._audiences,
                    clock=time.time,
                    lookup=self._review(sources.lookup, "lookup", self._audiences),
                )
            )
        found += sources.issuers
        if sources.webhook is not None:
            found.append(self._webhook(sources.webhook))
        review = self._review(sources.reviewer, "review", ())
        if review is not None:
            found.append(review)
        return found

    def _webhook(self, target: "WebhookTarget") -> TokenAuthenticator:
        from auditproxy.clients.webhook import WebhookClient
        from auditproxy.lookups.tokenwebhook import WebhookTokenAuthenticator

        client = WebhookClient(target, clock=time.monotonic, sleep=asyncio.sleep)
        webhook = WebhookTokenAuthenticator(
            client,
            # The options have checked it.
            version=cast(Version, self._options.token_webhook_version),
            audiences=self._audiences,
            sleep=asyncio.sleep,
            random=random.SystemRandom().random,
        )
        ttl = _s(self._options.token_webhook_cache_ttl)
        cache = self._cache(
            webhook,
            "webhook",
            self._audiences,
            success_time_to_live=ttl,
            failure_time_to_live=ttl,
        )
        self._closers.append(webhook)
        return cache

    def _review(
        self, reviewer: Reviewer | None, name: str, audiences: tuple[str, ...]
    ) -> TokenAuthenticator | None:
        if reviewer is None:
            return None
        failure = self._options.token_review_cache_failure_ttl
        return self._cache(
            TokenReviewAuthenticator(reviewer),
            name,
            audiences,
            failure_time_to_live=_s(failure),
            size=REVIEWS,
        )

    def _cache(
        self, inner: TokenAuthenticator, name: str, audiences: tuple[str, ...], **settings: Any
    ) -> TokenCache:
        cache = TokenCache(
            inner,
            authenticator=name,
            audiences=audiences,
            key=secrets.token_bytes(32),
            metrics=self._metrics,
            report=self._report,
            **settings,
        )
        self._closers.append(cache)
        return cache

    async def retire(self) -> None:
        """Close once the look-ups that are under way have ended; no new ones may begin."""
        try:
            for cache in self.authenticators:
                await cache.finish()
        finally:
            await self.close()

    async def close(self) -> None:
        """End what is under way and close connections, the callers before the called."""
        for each in reversed(self._closers):
            await each.close()


def _s(nanoseconds: int) -> float:
    return nanoseconds / SECOND
