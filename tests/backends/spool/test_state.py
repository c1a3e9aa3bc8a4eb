"""Whether requests should come: a spool that is full or cannot be written is no place for them."""

from pathlib import Path

from auditproxy.backends.spool import intake
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.spool.state import SpoolState
from auditproxy.serializer.times import parse_time
from tests.fakes.backends import event
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.spool import FakeSender, Spool
from tests.fakes.waiting import until

NOW = parse_time(event().stage_timestamp) + 90 * 10**9


def state_of(spool: Spool) -> SpoolState:
    """A state, ninety seconds after its events."""
    return SpoolState(spool.backend, spool.losses, lambda: NOW)


async def test_a_receiver_that_is_away(tmp_path: Path) -> None:
    """It is said, with how many wait and since when; requests may come."""
    sender = FakeSender()
    spool = Spool(tmp_path, sender)
    state = state_of(spool)
    assert (state.check(), state.is_well(), state.age()) == (True, True, 0.0)
    sender.is_away = True
    await spool.put("a", "b")
    await until(lambda: spool.slept, "it is away")
    assert state.describe() == (
        "audit-webhook: accepting events, the receiver does not take them: unreachable, 2 wait in "
        "the spool (1 KiB), for 90 s",
    )
    assert (state.check(), state.is_well(), state.age()) == (True, False, 90.0)
    sender.is_away = False
    await until(lambda: len(sender.got) == 2, "both arrive")
    await spool.backend.shutdown(5.0)
    assert state.describe() == ("audit-webhook: accepting events",)
    assert (state.is_well(), state.age(), state.stalled()) == (True, 0.0, 0.0)


async def test_a_batch_that_waits_to_fill_up(tmp_path: Path) -> None:
    """Its first event is as old as it is, also while nothing is being sent."""
    sender = FakeSender()
    spool = Spool(tmp_path, sender, batching=Batching(max_size=10, max_wait=60.0))
    state = SpoolState(spool.backend, spool.losses, lambda: spool.backend.since + 5 * 10**9)
    assert state.age() == 0.0
    await spool.put("first")
    await until(lambda: not spool.backend.store.waiting, "the first waits for nothing")
    await until(lambda: not spool.backend.since, "nothing waits")
    await spool.put("a")
    await until(lambda: spool.backend.store.waiting == 1, "it is stored")
    assert (state.age(), sender.got) == (5.0, ["first"])
    assert state.describe()[0].endswith("1 wait in the spool (1 KiB), for 5 s")
    await spool.backend.shutdown(5.0)
    assert state.age() == 0.0


async def test_a_disk_that_fails(tmp_path: Path) -> None:
    """The blocking modes fail /readyz, mode batch says it."""
    for mode in ("blocking-strict", "batch"):
        folder = tmp_path / mode
        spool = Spool(folder, FakeSender(), mode=mode, disk=FaultyDisk(*[None] * 0, *[EIO] * 9999))
        state = state_of(spool)
        await spool.put("a")
        await until(lambda spool=spool: spool.backend.intake.fault, "the disk fails")  # type: ignore[misc]
        fault = "spool: input/output error"
        assert state.check() == (True if mode == "batch" else fault)
        assert state.describe()[0].startswith(f"audit-webhook: not accepting events: {fault}")
        assert not state.is_well()
        await spool.backend.shutdown(0.0)


async def test_full(tmp_path: Path) -> None:
    """One that is full fails, unless it drops the oldest."""
    assert intake.RETRY == 1.0
    for policy in ("block", "drop-oldest"):
        spool = Spool(tmp_path / policy, FakeSender(), full=policy)
        spool.backend.intake.is_full = True
        assert state_of(spool).check() == ("spool: full" if policy == "block" else True)
        await spool.backend.shutdown(5.0)


async def test_no_time(tmp_path: Path) -> None:
    """A line without a time has no age; a body's member is not taken for one."""
    spool = Spool(tmp_path, FakeSender())
    state = state_of(spool)
    for line, age in (
        (b"{}", 0.0),
        (b'"stageTimestamp":"x"', 0.0),
        (b'"stageTimestamp":"\xff"', 0.0),
        (b'"stageTimestamp":"2020-01-01T00:00:00Z" "stageTimestamp":"2026-11-23T13:06:31Z"', 90.8),
    ):
        spool.backend.drain.oldest = line
        assert round(state.age(), 1) == age
    await spool.backend.shutdown(5.0)


async def test_the_age_outlives_the_process(tmp_path: Path) -> None:
    """It is that of the events, also before the first is sent, and of those behind a batch."""
    sender = FakeSender()
    sender.is_away = True
    spool = Spool(tmp_path, sender)
    await spool.put(*"abc")
    await until(lambda: spool.slept, "it is away")
    await spool.backend.shutdown(0.0)
    again = Spool(tmp_path, FakeSender(), batching=Batching(max_size=2, max_wait=1000.0))
    state = state_of(again)
    assert again.backend.drain.oldest is None
    assert state.age() == 90.0
    assert state.describe()[0].endswith("3 wait in the spool (1 KiB), for 90 s")
    again.backend.start()
    await until(lambda: again.backend.store.waiting == 1, "a batch of two is taken")
    await until(lambda: again.backend.drain.oldest is None, "the third waits for more")
    assert state.age() == 90.0
    await again.backend.shutdown(5.0)
    assert state.age() == 0.0
