"""Turns: contexts for connections that may not share one are made one by one, on a thread.

    make -> waits for its turn -> made on a thread -> as long a rest -> the next one's turn

A context costs milliseconds, with many authorities tens of them, before anything is known of its
client. Making them takes at most half of a thread's time, no matter how many are requested; a
connection that waits too long runs into the deadline of the handshake.
"""

import asyncio

from auditproxy.tls.handshake import ServingContext


class ContextTurns:
    """Makes contexts in the order in which they are asked for."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def make(self, context: ServingContext) -> ServingContext:
        """One with the same settings for one connection; ``context`` itself where that may be
        shared. Raises ServingError.
        """
        if context.make_again is None:
            return context
        loop = asyncio.get_running_loop()
        await self._turn.acquire()
        started = loop.time()
        try:
            return await asyncio.to_thread(context.make_again)
        finally:
            loop.call_later(loop.time() - started, self._turn.release)
