"""The event loops that the server's tests run on: asyncio's and uvloop's.

A test module that sets ``BOTH_LOOPS = True`` runs each of its async tests on
both; tests/conftest.py asks ``loop_factories`` for every test.
"""

import asyncio
from collections.abc import Callable

import pytest
import uvloop


def loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops that a test runs on, by the name that its id shows."""
    module = getattr(item, "module", None)
    if getattr(module, "BOTH_LOOPS", False):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
