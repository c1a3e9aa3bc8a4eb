"""Checkpoints to the audit webhook and to standard error."""

import asyncio
import json
import threading

import pytest

from auditproxy.app.logs.anchoring import WAITING, WebhookAnchor, to_standard_error
from auditproxy.audit.chain.anchoring import CHECKPOINT
from tests.fakes.chains import chained_log
from tests.fakes.waiting import until

LINES = chained_log(40, 1, every=2).checkpoints


class Taking:
    """A backend that keeps the checkpoints of its events."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def process_events(self, events: tuple[object, ...]) -> bool:
        """Keep them."""
        self.lines += [f"{e.annotations[CHECKPOINT]}\n".encode() for e in events]  # type: ignore[attr-defined]
        return True

    async def shutdown(self, grace: float) -> None:
        """Nothing is left."""


async def test_from_any_thread() -> None:
    """What came before there was a webhook is sent first; the newest, where it was too much."""
    anchor, backend = WebhookAnchor(), Taking()
    for line in LINES[:-1]:
        anchor.take(line)
    anchor.begin(backend)
    thread = threading.Thread(target=anchor.take, args=(LINES[-1],))
    thread.start()
    await asyncio.to_thread(thread.join)
    await until(lambda: len(backend.lines) == WAITING + 1, "the last one comes")
    assert backend.lines == LINES[-WAITING - 1 :]


async def test_at_the_end() -> None:
    """A webhook that ends is given no more to lose."""
    anchor, backend = WebhookAnchor(), Taking()
    anchor.begin(backend)
    anchor.end()
    anchor.take(LINES[0])
    await asyncio.to_thread(lambda: None)
    assert backend.lines == []


def test_after_the_loop() -> None:
    """The checkpoint at the end may come when no loop runs any more."""
    anchor = WebhookAnchor()

    async def begin() -> None:
        anchor.begin(Taking())

    asyncio.run(begin())
    anchor.take(LINES[0])
    assert anchor is not None


def test_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for operators, with the checkpoint as it was signed."""
    to_standard_error(LINES[0])
    line = capsys.readouterr().err
    assert " checkpoint of the audit log: " in line
    assert json.loads(line.partition("log: ")[2]) == json.loads(LINES[0])
