"""``auditproxy serve``: signals that come before there is anything to stop."""

import asyncio
import os
import signal

from auditproxy.app.serve import stop_signal


async def test_signals() -> None:
    """The first asks to stop, the second does not wait for it; test_proxy.py has the process."""
    hurried = asyncio.Event()
    stop = stop_signal(hurried.set)
    try:
        for number, event in ((signal.SIGTERM, stop), (signal.SIGINT, hurried)):
            assert not hurried.is_set()
            os.kill(os.getpid(), number)
            async with asyncio.timeout(10):
                await event.wait()
    finally:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
