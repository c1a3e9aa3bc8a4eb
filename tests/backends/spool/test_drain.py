"""What the disk has goes out in order, and what the receiver will never take is found by halves."""

import threading
from pathlib import Path

from auditproxy.backends.sending import SendError
from auditproxy.backends.spool import deadletters
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.throttle import TokenBucket
from auditproxy.sockets.tasks import spawn
from tests.fakes.backends import dropped, value
from tests.fakes.spool import FakeSender, Kept, Spool
from tests.fakes.waiting import until


async def test_lost_answer(tmp_path: Path) -> None:
    """T247: what was not acknowledged is sent again, the same events in the same order."""
    sender = FakeSender(SendError("disconnected"))
    spool = Spool(tmp_path, sender)
    await spool.put("a", "b")
    await until(lambda: sender.got == ["a", "b"], "they arrive")
    assert sender.attempts == 2
    await spool.backend.shutdown(5.0)


async def test_retry_after(tmp_path: Path) -> None:
    """T245: a receiver that asks for time gets it, up to ten minutes."""
    sender = FakeSender(SendError("a", retry_after=300.0), SendError("a", retry_after=1e9))
    spool = Spool(tmp_path, sender)
    await spool.put("a")
    await until(lambda: sender.got == ["a"], "it arrives")
    assert spool.slept == [300.0, 600.0]
    await spool.backend.shutdown(5.0)


async def test_poison(tmp_path: Path) -> None:
    """T246: the batch is halved until the one that is refused is alone; it becomes a dead letter."""
    sender = FakeSender()
    sender.gate.clear()
    sender.refuses = lambda batch: "poison" in batch
    spool = Spool(tmp_path, sender)
    events = [str(number) for number in range(20)]
    await spool.put(*events[:13], "poison", *events[13:])
    sender.gate.set()
    await until(lambda: len(sender.got) == 20, "the others arrive")
    assert sender.got == events
    await spool.backend.shutdown(5.0)
    (letter,) = (tmp_path / "dead-letters.jsonl").read_bytes().splitlines()
    assert b'"auditID":"poison"' in letter
    assert spool.dead_letters == 1
    assert dropped(spool.metrics, "dead-letter", "webhook") == 1
    assert value(spool.metrics, "auditproxy_audit_events_written_total", plugin="webhook") == 20


async def test_too_large_together(tmp_path: Path) -> None:
    """T246: a receiver with a small limit gets smaller batches, and nothing is set aside."""
    sender = FakeSender()
    sender.refuses = lambda batch: len(batch) > 3
    spool = Spool(tmp_path, sender)
    events = [str(number) for number in range(20)]
    await spool.put(*events)
    await until(lambda: sender.got == events, "all arrive in order")
    await spool.backend.shutdown(5.0)
    assert spool.dead_letters == 0


async def test_a_sender_that_crashes(tmp_path: Path) -> None:
    """A fault of a sender is tried again, as one of the receiver is."""
    sender = FakeSender()
    sender.script.append(ValueError("x"))  # type: ignore[arg-type]
    spool = Spool(tmp_path, sender)
    await spool.put("a")
    await until(lambda: sender.got == ["a"], "it arrives")
    assert "sending crashed: ValueError" in spool.lines[0]
    await spool.backend.shutdown(5.0)


async def test_dead_letters_are_full(tmp_path: Path) -> None:
    """T246: without room for a dead letter the event waits, and nothing behind it overtakes it."""
    sender = FakeSender()
    sender.refuses = lambda batch: "poison" in batch
    (tmp_path / "dead-letters.jsonl").write_bytes(b"x" * deadletters.MAXIMUM_BYTES)
    spool = Spool(tmp_path, sender)
    await spool.put("a", "poison", "b")
    await until(lambda: len(spool.slept) > 2, "it is tried again")
    assert sender.got == ["a"]
    assert "move the file away" in spool.lines[0]
    (tmp_path / "dead-letters.jsonl").rename(tmp_path / "old")
    await until(lambda: sender.got == ["a", "b"], "the next arrives")
    await spool.backend.shutdown(5.0)
    assert spool.dead_letters == 1


async def test_batches_fill_up(tmp_path: Path) -> None:
    """In mode batch one waits until it is full, or for its time, and the throttle gives its pace."""
    sender = FakeSender()
    batching = Batching(max_size=3, max_wait=1000.0)
    spool = Spool(tmp_path, sender, mode="batch", batching=batching)
    await spool.put("first")
    await until(lambda: sender.got == ["first"], "the first of a process waits for nothing")
    await spool.put("a", "b")
    await until(lambda: not spool.backend.waiting, "they are stored")
    assert sender.attempts == 1
    await spool.put("c", "d")
    await until(lambda: len(sender.batches) == 2, "a full batch goes out")
    assert sender.batches[1] == ["a", "b", "c"]
    await spool.backend.shutdown(5.0)
    assert sender.got == ["first", "a", "b", "c", "d"]


async def test_an_outage_is_known_at_once(tmp_path: Path) -> None:
    """The first call is made without a wait, of this process or of what another has left, and its
    failure is said then, once."""
    for stored in (("a",), ()):
        sender = FakeSender()
        sender.is_away = True
        batching = Batching(max_size=400, max_wait=1000.0)
        spool = Spool(tmp_path, sender, mode="batch", batching=batching)
        spool.backend.start()
        await spool.put(*stored)
        await until(lambda spool=spool: len(spool.slept) > 3, "it is tried again and again")  # type: ignore[misc]
        assert spool.backend.drain.fault == "unreachable"
        await spool.backend.shutdown(5.0)
        assert ["it is away" in line for line in spool.lines] == [True, False]


async def test_throttled(tmp_path: Path) -> None:
    """Batches beyond the burst wait for their token."""
    sender = FakeSender()
    batching = Batching(max_size=1, bucket=TokenBucket(0.1, 1))
    spool = Spool(tmp_path, sender, mode="batch", batching=batching)
    await spool.put("a", "b")
    await until(lambda: sender.got == ["a", "b"], "both arrive")
    assert len(spool.slept) == 1
    assert 9.0 < spool.slept[0] <= 10.0
    await spool.backend.shutdown(5.0)


async def test_unreadable(tmp_path: Path) -> None:
    """T253: a spool that cannot be read is read again later; nothing is skipped."""
    sender = FakeSender()
    spool = Spool(tmp_path, sender)
    store = spool.backend.store
    read, faults = store.next_batch, [OSError(5, "Input/output error"), RuntimeError("x")]

    def next_batch(count: int, size: int) -> object:
        if faults:
            raise faults.pop(0)
        return read(count, size)

    vars(store)["next_batch"] = next_batch
    await spool.put("a")
    await until(lambda: sender.got == ["a"], "it arrives")
    await spool.backend.shutdown(5.0)
    assert "the spool cannot be read: Input/output error" in spool.lines[0]
    assert "crashed: RuntimeError" in spool.lines[1]


async def test_hangs(tmp_path: Path) -> None:
    """T248: a receiver that hangs holds one batch, whatever comes meanwhile."""
    sender = FakeSender()
    sender.gate.clear()
    spool = Spool(tmp_path, sender, batch=10)
    for number in range(50):
        await spool.put(str(number))
    assert sender.attempts == 1
    assert spool.backend.waiting == 0
    sender.gate.set()
    await until(lambda: len(sender.got) == 50, "all arrive")
    assert sender.got == [str(number) for number in range(50)]
    await spool.backend.shutdown(5.0)


async def test_the_end_comes_with_a_dead_letter(tmp_path: Path) -> None:
    """T246: what was set aside is counted, also where its end in the spool is under way."""
    sender = FakeSender()
    sender.refuses = lambda batch: True
    spool = Spool(tmp_path, sender)
    store, began, gate = spool.backend.store, threading.Event(), threading.Event()
    acknowledge = store.acknowledge

    def stalled(count: int) -> None:
        began.set()
        gate.wait(10)
        acknowledge(count)

    vars(store)["acknowledge"] = stalled
    await spool.put("poison")
    await until(began.is_set, "it is set aside")
    ending = spawn(spool.backend.shutdown(0.0), "end")
    await until(lambda: spool.backend._draining.done(), "the sending is cut off")  # type: ignore[union-attr]
    gate.set()
    await ending
    assert (spool.dead_letters, dropped(spool.metrics, "dead-letter", "webhook")) == (1, 1)
    assert Kept(tmp_path).store.waiting == 0
