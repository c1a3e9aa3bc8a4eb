"""The token webhook: asks a server of the operator's whom a token stands for.

    review --2xx--> TokenReview --> a user, nobody, or a refusal that is an error
      |--connection broken, 429, 500, 504, Retry-After--> wait, review again
      |--anything else--> an error

An error is no opinion: other token authenticators are still asked, but if they do
not know the token either the client gets a 401 (apiserver util/webhook).
"""

from collections.abc import Awaitable, Callable

from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.authentication.tokens.webhookreview import (
    Version,
    read_webhook_review,
    webhook_review,
)
from auditproxy.clients.webhook import WebhookClient, WebhookError

ATTEMPTS = 5
BACKOFF = 0.5
"""Seconds before the second attempt; each later pause is half as long again."""

JITTER = 0.2
"""By how much of itself a pause may be longer."""


class WebhookTokenAuthenticator:
    """Knows the tokens that a webhook knows, for one of ``audiences`` if there are any.

    ``random`` gives numbers from 0 to 1, for the pauses.
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
        """The webhook's answer; a token that is not valid Unicode is nobody's.

        Raises AuthenticationError when the webhook gives none.
        """
        try:
            token.encode("utf-8")
        except UnicodeEncodeError:
            return None
        body = await self._post(webhook_review(token, self._version, self._audiences))
        user = read_webhook_review(body, self._version, self._audiences)
        return None if user is None else TokenUser(user)

    async def _post(self, body: bytes) -> bytes:
        pause = BACKOFF
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
            await self._sleep(pause * (1 + JITTER * self._random()))
            pause *= 1.5
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
