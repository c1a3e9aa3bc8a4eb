"""The token webhook: the user of a token, from a server configured by the operator.

    review --2xx--> TokenReview --> a user, none, or a refusal with an error
      |--connection broken, 429, 500, 504, Retry-After--> wait, review again
      |--anything else--> an error

An error decides nothing: the other token authenticators are still tried, but if none of
them knows the token, the client gets a 401 (apiserver util/webhook).
"""

from collections.abc import Awaitable, Callable

from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.authentication.tokens.tokenreview import (
    Version,
    read_webhook_review,
    webhook_review,
)
from auditproxy.clients.retry import pauses
from auditproxy.clients.webhook import WebhookClient, WebhookError

ATTEMPTS = 5
BACKOFF = 0.5
"""Seconds before the second attempt."""


class WebhookTokenAuthenticator:
    """Authenticates tokens that a webhook knows, for one of ``audiences`` if any are given.

    ``random`` returns numbers from 0 to 1, to vary the pauses.
    """

    def __init__(
        self,
        client: WebhookClient,
        *,
        version: Version,
        audiences: tuple[str, ...],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._client = client
        self._version = version
        self._audiences = audiences
        self._sleep = sleep
        self._random = random

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the webhook's answer; None for a token that is not valid Unicode.

        Raises AuthenticationError when the webhook gives no answer.
        """
        try:
            token.encode("utf-8")
        except UnicodeEncodeError:
            return None
        body = await self._post(webhook_review(token, self._version, self._audiences))
        user = read_webhook_review(body, self._version, self._audiences)
        return None if user is None else TokenUser(user)

    async def _post(self, body: bytes) -> bytes:
        waiting = pauses(BACKOFF, ATTEMPTS, self._random)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                content = await self._client.post(body)
            except WebhookError as error:
                if not error.passing or attempt == ATTEMPTS:
                    raise AuthenticationError(f"the token webhook {error}") from None
            else:
                if content is None:
                    raise AuthenticationError(
                        "the token webhook's answer cannot be read completely"
                    )
                return content
            await self._sleep(next(waiting))
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
