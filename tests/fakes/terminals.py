"""What a program shows on a pseudo-terminal, as a stream."""

import asyncio
import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def screen_of(terminal: int) -> Iterator[asyncio.StreamReader]:
    """Everything that is shown on the terminal's other side; ``terminal`` is closed at the end."""
    screen = asyncio.StreamReader()
    loop = asyncio.get_running_loop()

    def readable() -> None:
        # A terminal whose other side is closed is an OSError on Linux.
        try:
            screen.feed_data(os.read(terminal, 4096))
        except OSError:
            loop.remove_reader(terminal)
            screen.feed_eof()

    loop.add_reader(terminal, readable)
    try:
        yield screen
    finally:
        loop.remove_reader(terminal)
        os.close(terminal)
