"""Terminal: has a process of its own show requests where ``serve`` would print JSON.

    proxy --standard output--> pipe --> lines.py --> terminal

The proxy writes the same bytes as always, to a pipe; the terminal's pace is the pipe's. Whatever
ends lines.py, what is in the pipe and what follows goes to the terminal as it is.
"""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from auditproxy.app import operatorlog
from auditproxy.app.standardstreams import write_all
from auditproxy.options import Options
from auditproxy.options.backends import backends_in_use

NOTE = (
    "standard output is a terminal: one line is shown for each request; --audit-log-path=- prints "
    "the events as JSON"
)
LAST_LINES_TIMEOUT = 5.0
"""Seconds that the last lines may take at the end; a terminal that is held gets them later."""
LONGEST_PIECE = 64 * 1024
"""Bytes that are read at once: what a pipe holds."""
_WORDS = (sys.executable, "-P", "-m", "auditproxy.commands.serve.lines")


def wants_lines(values: Mapping[str, Any], options: Options) -> bool:
    """Whether events go to standard output because nothing was said of them.

    ``values`` are the flags and settings that were given. A form that was asked for stays, and so
    does standard output that the session log shares.
    """
    return (
        not options.audit_log.path
        and options.audit_log in backends_in_use(options)
        and "audit-log-format" not in values
        and options.sessions.log_path != "-"
    )


@contextlib.contextmanager
def requests_shown(words: tuple[str, ...] = _WORDS) -> Iterator[str]:
    """Have what is written to standard output shown as lines; gives the note for operators.

    Where no process can be started, standard output stays as it is, and the note says why.
    """
    try:
        showing = _Showing(words)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        yield f"requests cannot be shown as lines: {why}; events follow as JSON"
        return
    try:
        yield NOTE
    finally:
        showing.end()


class _Showing:
    """The process, the pipe to it, and the thread that waits for its end."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._terminal = os.dup(1)
        self._reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell reads it
                words,
                stdin=self._reader,
                stdout=self._terminal,
                stderr=subprocess.DEVNULL,
                # A Ctrl-C is for the proxy, whose last events are shown too.
                start_new_session=True,
            )
        except OSError:
            for descriptor in (self._terminal, self._reader, writer):
                os.close(descriptor)
            raise
        self._ending = False
        self._stdout = sys.stdout
        self._stdout.flush()
        # By this it is found whether credential plugins can use the terminal.
        sys.stdout = os.fdopen(os.dup(self._terminal), "w")
        os.dup2(writer, 1)
        os.close(writer)
        self._thread = threading.Thread(target=self._watch, name="request-lines", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Give standard output back, and wait for the lines that are still to be shown."""
        self._ending = True
        os.dup2(self._terminal, 1)
        with contextlib.suppress(OSError):
            sys.stdout.close()
        sys.stdout = self._stdout
        self._thread.join(LAST_LINES_TIMEOUT)
        if not self._thread.is_alive():
            os.close(self._terminal)

    def _watch(self) -> None:
        try:
            code = self._process.wait()
            # With 0 it has read everything.
            if code:
                self._replace(code)
        except OSError:
            # The terminal is gone, and each write fails from here on, as it would without us.
            os.dup2(self._terminal, 1)
        finally:
            # It was open all the time, so that no write failed and nothing in the pipe was lost.
            os.close(self._reader)

    def _replace(self, code: int) -> None:
        """Do without the process; raises OSError when the terminal is gone."""
        if not self._ending:
            operatorlog.warn(
                f"the process that shows requests ended (exit code {code}); its last lines may be "
                "missing, and events follow as JSON"
            )
        # What waits comes first.
        os.set_blocking(self._reader, False)
        with contextlib.suppress(BlockingIOError):
            self._pass_on()
        os.dup2(self._terminal, 1)
        os.set_blocking(self._reader, True)
        self._pass_on()

    def _pass_on(self) -> None:
        """Give the terminal what is in the pipe; raises OSError."""
        while piece := os.read(self._reader, LONGEST_PIECE):
            write_all(self._terminal, piece)
