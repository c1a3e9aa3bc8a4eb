"""A session spool for tests; as a program, one that stores lines for a dead receiver and waits.

    python -m tests.fakes.sessionspool FOLDER COUNT

It is killed once all is on the disk (killedspool.py).
"""

import asyncio
import sys
from pathlib import Path

from auditproxy.apis.session import SessionEvent, SessionEventType
from auditproxy.backends.spool.backend import SpoolClocks
from auditproxy.clients.webhook import WebhookClient, WebhookTarget, request_url
from auditproxy.metrics.registry import Metrics
from auditproxy.sessions.lines import SessionLines
from auditproxy.supervision.sessionspool import SessionSpool
from tests.fakes.killedspool import say_stored
from tests.fakes.recorded import STARTED, a_session
from tests.fakes.waiting import turns, until
from tests.fakes.webhook import NoCredential


def session_line(number: int) -> SessionEvent:
    """A line that can be told from others."""
    lines = SessionLines(a_session(id=f"s{number:05}"))
    return lines.line(SessionEventType.COMMAND, STARTED, line=f"ls {number}")


class SpooledSessions:
    """A spool in a folder, what it said, and what was counted; waits between attempts are over at
    once.
    """

    def __init__(
        self, folder: Path, url: str, *, maximum_bytes: int = 2**20, full: str = "drop-oldest"
    ) -> None:
        self.metrics = Metrics()
        self.said: list[str] = []
        self.slept: list[float] = []
        target = WebhookTarget(request_url(url), NoCredential())
        self.spool = SessionSpool(
            WebhookClient(target, clock=lambda: 0.0, sleep=self._sleep),
            folder,
            maximum_bytes=maximum_bytes,
            full=full,
            metrics=self.metrics.sessions,
            report=self.said.append,
            interval=0.0,
            clocks=SpoolClocks(sleep=self._sleep, random=lambda: 0.5),
        )
        self.spool.open()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await turns()

    def listen(self, numbers: range) -> None:
        """Give it lines."""
        for number in numbers:
            self.spool.listen(session_line(number))

    def sample(self, name: str, **labels: str) -> float:
        """The value of a series."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    @property
    def waiting(self) -> float:
        """Lines on the disk."""
        return self.sample("auditproxy_session_spool_lines")

    def count(self, outcome: str) -> float:
        """How many lines had this outcome."""
        return self.sample(
            "auditproxy_session_log_lines_total", destination="webhook", outcome=outcome
        )


async def _store(folder: Path, count: int) -> None:
    # Nothing listens on port 1.
    made = SpooledSessions(folder, "http://127.0.0.1:1")
    made.listen(range(count))
    await until(lambda: made.waiting == count, "the disk has all lines")
    await say_stored()


if __name__ == "__main__":
    asyncio.run(_store(Path(sys.argv[1]), int(sys.argv[2])))
