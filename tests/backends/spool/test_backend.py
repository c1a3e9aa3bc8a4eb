"""The spool as a backend: nothing that was stored is lost, whatever the receiver does."""

from pathlib import Path

import pytest

from tests.fakes.backends import dropped, value
from tests.fakes.spool import FakeSender, Spool
from tests.fakes.waiting import until


async def test_delivers(tmp_path: Path) -> None:
    """Requests wait for the disk alone; what is acknowledged is written."""
    sender = FakeSender()
    sender.gate.clear()
    spool = Spool(tmp_path, sender)
    assert await spool.put("a", "b") is True
    assert sender.batches == []
    assert spool.backend.store.waiting == 2
    sender.gate.set()
    await until(lambda: sender.got == ["a", "b"], "both arrive")
    await until(lambda: not spool.backend.store.waiting, "both are acknowledged")
    await spool.backend.shutdown(5.0)
    assert value(spool.metrics, "auditproxy_audit_events_written_total", plugin="webhook") == 2
    assert sender.is_closed
    assert spool.lines == []


async def test_away_for_long(tmp_path: Path) -> None:
    """T244: a receiver that is away: 0 lost, order kept, the pauses grow up to a minute and a
    fifth, and memory holds one batch."""
    sender = FakeSender()
    sender.is_away = True
    spool = Spool(tmp_path, sender, maximum_bytes=2**24)
    sent = [str(number) for number in range(2000)]
    for start in range(0, 2000, 50):
        assert await spool.put(*sent[start : start + 50])
    await until(lambda: len(spool.slept) > 30, "it is tried again and again")
    assert spool.slept[:3] == pytest.approx([11.0, 16.5, 24.75])
    assert max(spool.slept) == pytest.approx(66.0)
    assert spool.backend.waiting == 0
    assert spool.backend.store.waiting == 2000
    sender.is_away = False
    await until(lambda: len(sender.got) >= 2000, "all arrive")
    assert sender.got == sent
    assert all(len(batch) <= 400 for batch in sender.batches)
    await spool.backend.shutdown(5.0)
    away, again = spool.lines
    assert "it is away; events wait in the spool" in away
    assert again.endswith(": events are taken again")
    assert dropped(spool.metrics, "unreachable", "webhook") == 0


async def test_a_restart_resumes(tmp_path: Path) -> None:
    """T264: a stop while the receiver is away ends at once, and the next start sends what is left."""
    sender = FakeSender()
    sender.is_away = True
    spool = Spool(tmp_path, sender, mode="batch")
    assert await spool.put(*"abc")
    await until(lambda: spool.slept, "the first attempt fails")
    await spool.backend.shutdown(30.0)
    assert spool.lines[-1].endswith("3 events wait on the disk for the next start")
    sender = FakeSender()
    again = Spool(tmp_path, sender)
    assert again.resumed == 3
    again.backend.start()
    await until(lambda: sender.got == ["a", "b", "c"], "the events arrive")
    await again.backend.shutdown(5.0)
    third = Spool(tmp_path, FakeSender())
    assert third.resumed == 0
    await third.backend.shutdown(5.0)
