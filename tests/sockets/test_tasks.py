"""Tasks have names and give back what their coroutine returns."""

import pytest

from auditproxy.sockets.tasks import spawn


async def double(number: int) -> int:
    """Something to run."""
    return 2 * number


async def test_spawn() -> None:
    """The task has the name, and the result of the coroutine."""
    task = spawn(double(21), "double a number")
    assert task.get_name() == "double a number"
    assert await task == 42


def test_needs_a_loop() -> None:
    """Without a running loop there is nothing to start a task in."""
    coroutine = double(1)
    with pytest.raises(RuntimeError, match="no running event loop"):
        spawn(coroutine, "double a number")
    coroutine.close()
