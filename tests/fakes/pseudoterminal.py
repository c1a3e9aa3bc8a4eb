"""A real program on a real pseudo-terminal: keys in, output out, in the order in which they passed."""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 10.0
"""How long a program may take to show what is waited for."""
MOST_READS = 100
"""Reads of what has come already; a program may write faster than it is read."""
MOST_SETTLING = 0.5
"""Seconds that keys wait for a program that is still at work; one that runs on is typed into."""
_TAKE_TERMINAL = 'terminal=$1; shift; exec "$@" <"$terminal" >"$terminal" 2>&1'
"""The leader of a session opens a terminal, which becomes the one that controls it."""


class NotShownError(AssertionError):
    """A program did not show what was waited for."""


class PseudoTerminal:
    """One program; ``events`` are ("i", keys), ("o", output) and ("r", "columns x rows")."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: str,
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        self.events: list[tuple[str, bytes]] = []
        self._seen = b""
        self._terminal, other = pty.openpty()
        self.resize(columns, rows)
        ignores = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        if ignores:
            # As in a job of a shell script. Programs inherit it, and ^C would end none of them.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _TAKE_TERMINAL, "sh", os.ttyname(other), *argv],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            if ignores:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        # Kept open: without it, reading fails until the program has opened its side.
        self._other = other

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        os.close(self._other)
        os.close(self._terminal)
        self._process.wait()

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program gets SIGWINCH."""
        self._set_size(self._terminal, columns, rows)
        self.events.append(("r", f"{columns}x{rows}".encode()))

    def send(self, keys: bytes) -> None:
        """Type keys once the program waits; output from before is forgotten for the next wait."""
        self._settle()
        self.read_ready()
        self._seen = b""
        self.events.append(("i", keys))
        while keys:
            keys = keys[os.write(self._terminal, keys) :]

    def wait(self, pattern: bytes) -> None:
        """Read until the output since the last keys matches a regular expression."""
        deadline = time.monotonic() + SECONDS
        while not re.search(pattern, self._seen, re.DOTALL):
            left = deadline - time.monotonic()
            if left < 0 or not self._read(left):
                raise NotShownError(f"no {pattern!r} in {self._seen!r}")

    def _settle(self) -> None:
        """Wait until what runs in the foreground sleeps.

        bash looks for signals, and then reads: a ^C in between is seen after the next key.
        """
        deadline = time.monotonic() + MOST_SETTLING
        while self._works() and (left := deadline - time.monotonic()) > 0:
            self._read(min(left, 0.001))

    def _works(self) -> bool:
        """Whether the foreground's leader runs; Linux tells it, other systems do not."""
        try:
            leader = os.tcgetpgrp(self._terminal)
            stat = Path(f"/proc/{leader}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "R"

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def ended(self) -> None:
        """Wait for the program's end."""
        self._process.wait(SECONDS)

    def read_ready(self) -> None:
        """Take what there is; of a flood, some of it."""
        for _ in range(MOST_READS):
            if not (select.select([self._terminal], [], [], 0)[0] and self._read(0)):
                return

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        try:
            output = os.read(self._terminal, 65536)
        except OSError:
            return False
        if output:
            self._seen += output
            self.events.append(("o", output))
        return bool(output)

    @staticmethod
    def _set_size(terminal: int, columns: int, rows: int) -> None:
        ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
