"""Event loops of the server's tests: see tests/fakes/loops.py."""

import asyncio
from collections.abc import Callable

import pytest

from tests.fakes.loops import loop_factories


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops for a module that asks for them, asyncio's otherwise."""
    return loop_factories(item)
