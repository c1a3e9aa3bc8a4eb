"""A fake upstream and a pool of real connections to it, checked for leftovers at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from auditproxy.upstream.messages import UpstreamLimits, UpstreamRequest
from auditproxy.upstream.pool import UpstreamPool
from tests.fakes.certificates import Contexts
from tests.fakes.upstream import FakeUpstream, Script

HOST = (b"Host", b"kubernetes")


def request(
    method: bytes = b"GET", target: bytes = b"/api/v1/pods", **fields: Any
) -> UpstreamRequest:
    """A request without surprises."""
    return UpstreamRequest(method=method, target=target, **{"headers": (HOST,), **fields})


@asynccontextmanager
async def upstream_and_pool(
    script: Script,
    *,
    contexts: Contexts | None = None,
    **limits: Any,
) -> AsyncIterator[tuple[FakeUpstream, UpstreamPool]]:
    """Both, running; at the end the pool must leave no connection and no task behind."""
    before = asyncio.all_tasks()
    server_context, client_context = contexts or (None, None)
    async with FakeUpstream(
        script, server_context=server_context, client_context=client_context
    ) as upstream:
        pool = UpstreamPool(upstream, limits=UpstreamLimits(**limits))
        try:
            yield upstream, pool
        finally:
            await pool.close()
        for connection in upstream.connections:
            await connection.wait_closed()
        assert pool.stats.active == pool.stats.idle == 0
    leftover = asyncio.all_tasks() - before
    if leftover:
        # The server's own tasks for failed TLS handshakes end by themselves.
        _, leftover = await asyncio.wait(leftover, timeout=1)
    assert not leftover
