"""The terminal of ``exec -it``: the kernel's part between the keyboard and a program.

kubectl puts the user's own terminal into raw mode, so that echo, line editing and
line ends are left to the container's side.
"""

import asyncio
from collections.abc import Awaitable, Callable

Write = Callable[[bytes], Awaitable[None]]

PIECE = 4096
_INTERRUPT, _END, _BACKSPACE, _LINE_FEED, _RETURN, _DELETE = 3, 4, 8, 10, 13, 127


class Terminal:
    """Keys in, lines out: a program reads ``stdin`` and writes to ``out``.

    Ctrl-D on an empty line ends the input; Ctrl-C gives the line up and ends the
    input too, as no program here has signals.
    """

    def __init__(self, keys: asyncio.StreamReader, write: Write) -> None:
        self.stdin = asyncio.StreamReader()
        self._keys = keys
        self._write = write
        self._line = bytearray()

    async def out(self, data: bytes) -> None:
        """Write what a program wrote; a line feed goes back to the line's start, too."""
        await self._write(data.replace(b"\n", b"\r\n"))

    async def run(self) -> None:
        """Take keys until the input ends."""
        try:
            while keys := await self._keys.read(PIECE):
                echo = bytearray()
                more = all(self._press(key, echo) for key in keys)
                if echo:
                    await self._write(bytes(echo))
                if not more:
                    return
        finally:
            self.stdin.feed_data(bytes(self._line))
            self.stdin.feed_eof()

    def _press(self, key: int, echo: bytearray) -> bool:
        """Handle one key; return whether the input continues."""
        if key in (_RETURN, _LINE_FEED):
            self.stdin.feed_data(bytes(self._line) + b"\n")
            self._line.clear()
            echo += b"\r\n"
        elif key in (_BACKSPACE, _DELETE):
            if self._line:
                # A character may have more bytes than one; they go together.
                while len(self._line) > 1 and self._line[-1] & 0xC0 == 0x80:
                    self._line.pop()
                self._line.pop()
                echo += b"\b \b"
        elif key == _INTERRUPT:
            self._line.clear()
            echo += b"^C\r\n"
            return False
        elif key == _END:
            return bool(self._line)
        else:
            self._line.append(key)
            echo.append(key)
        return True
