"""Settings of every test, and the event loops it runs on: see tests/fakes/loops.py."""

import asyncio
import gc
import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from auditproxy.app import operatorlog
from tests.fakes.loops import loop_factories

# How long one example takes is the machine's mood; what must not take long is measured by counts
# or has a test of its own.
settings.register_profile("auditproxy", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "auditproxy"))


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops for a module that asks for them, asyncio's otherwise."""
    return loop_factories(item)


def pytest_collection_finish() -> None:
    """What was collected stays to the end: no pass of the garbage collector looks at it again.

    It is most of what a process of the suite has, and costs each test that calls gc.collect() most
    of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """What one test makes of the operator's log, as starting a demo does, is over for the next."""
    yield
    operatorlog.configure(verbosity=0, json_lines=False)
