"""When a request came, and how it is called: the first things that are known of it."""

import asyncio
from typing import Any, NamedTuple

from auditproxy.server.services import Shared


class Arrival(NamedTuple):
    """The first statement of a request, before anything can fail.

    ``started`` is the monotonic clock and ``received`` the wall clock, both in nanoseconds.
    ``audit_id`` is "" where the client may have brought one. ``task`` is the one to end with the
    request.
    """

    started: int
    received: int
    audit_id: str
    task: asyncio.Task[Any] | None


def arrived(shared: Shared) -> Arrival:
    """A request comes now, in this task."""
    started, received = shared.monotonic_clock(), shared.wall_clock()
    return Arrival(started, received, "", asyncio.current_task())
