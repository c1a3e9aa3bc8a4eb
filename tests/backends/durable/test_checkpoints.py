"""Checkpoints are numbered, written whole or not at all, and made one after the other."""

from pathlib import Path

from auditproxy.audit.chain.checkpoints import CheckpointKey, read_checkpoint
from auditproxy.audit.chain.continuing import beginning
from auditproxy.audit.chain.links import NOTHING, ChainEnd
from auditproxy.backends.durable.checkpoints import SYNCED, Checkpoints, Signing
from tests.fakes.chains import TIME, signing
from tests.fakes.durable import EIO, FaultyDisk, durable_file
from tests.fakes.waiting import until

END = ChainEnd("a" * 16, 5, "b" * 64)


def checkpoints(folder: Path, disk: FaultyDisk, told: list[str]) -> Checkpoints:
    """In a file on a disk, behind number 6."""
    file = durable_file(folder / "audit.log.checkpoints", disk)
    return Checkpoints(file, signing(), 6, lambda: TIME, told.append)


def test_one_that_the_disk_does_not_take_has_no_number(tmp_path: Path) -> None:
    """It is cut off again, and the next one has its sequence."""
    told: list[str] = []
    made = checkpoints(tmp_path, FaultyDisk(None, EIO), told)
    assert [made.sign(END, "Interval") for _ in range(3)] == [True, False, True]
    assert told == ["", "input/output error", ""]
    lines = (tmp_path / "audit.log.checkpoints").read_bytes().splitlines(keepends=True)
    assert [read_checkpoint(line).checkpoint.sequence for line in lines] == [7, 8]


async def test_a_fault_of_ours(tmp_path: Path) -> None:
    """It is told by its kind, and the thread goes on."""
    told: list[str] = []
    made = checkpoints(tmp_path, FaultyDisk(), told)
    begun = beginning(b"", None, "a" * 16)
    asked = Signing(made, begun, FaultyDisk())

    def sign(message: bytes) -> bytes:
        raise ValueError(message)

    good, made.key = made.key, CheckpointKey("c" * 64, sign)
    asked.ask(END, "Interval", SYNCED)
    await until(lambda: told, "the fault is told")
    assert told == ["signing crashed: ValueError"]
    await until(lambda: asked.needs(END), "it is asked for again")
    made.key = good
    asked.ask(END, "Interval", SYNCED)
    asked.close()
    assert told[1:] == [""]
    assert not asked.needs(END)
    assert asked.needs(ChainEnd("a" * 16, 0, NOTHING))
