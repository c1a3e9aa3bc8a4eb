"""Ends of files that a process was killed before it signed them."""

import errno
import gzip
import os
from pathlib import Path

import pytest

from auditproxy.app.logs.fileends import GONE, stored_end, unsigned_ends
from auditproxy.audit.chain.checkpoints import Checkpoint, read_checkpoint
from auditproxy.audit.chain.links import ChainEnd, read_link
from auditproxy.backends.logfiles import tails
from tests.fakes.chains import ChainedLog, chained_log, verified
from tests.fakes.chainstarts import Started, lines_of, reasons
from tests.fakes.durable import FaultyDisk

NAMES = [f"audit-2026-11-23T13-16-3{number}.368.log" for number in range(3)] + ["audit.log"]


def written(folder: Path, log: ChainedLog, signed: int) -> None:
    """Write a log of four files, and the first so many of its checkpoints."""
    for name, lines in zip(NAMES, log.files, strict=True):
        (folder / name).write_bytes(b"".join(lines))
    (folder / "audit.log.checkpoints").write_bytes(b"".join(log.checkpoints[:signed]))


def ends_of(log: ChainedLog) -> list[ChainEnd]:
    """The end of each file but the last."""
    links = [read_link(lines[-1]) for lines in log.files[:-1]]
    return [ChainEnd(link.chain, link.number, link.digest) for link in links if link]


def last_of(log: ChainedLog, signed: int) -> Checkpoint:
    """The last of so many checkpoints."""
    return read_checkpoint(log.checkpoints[signed - 1]).checkpoint


@pytest.mark.parametrize("mode", ["blocking", "durable"])
@pytest.mark.parametrize("signed", [1, 2, 3, 4])
async def test_they_are_signed_at_the_next_start(signed: int, mode: str, tmp_path: Path) -> None:
    """Before what continues the chain: then each older file can be removed for its age."""
    written(tmp_path, chained_log(12, 4), signed)
    started = Started(tmp_path, audit_log_mode=mode)
    await started.write(1)
    await started.close()
    assert started.said == []
    assert reasons(tmp_path) == [
        *(("ChainBegan", 0), ("Rotated", 3), ("Rotated", 6), ("Rotated", 9)),
        *(("Resumed", 12), ("Shutdown", 13)),
    ]
    files, (checkpoints,) = lines_of(tmp_path, ".log"), lines_of(tmp_path, ".checkpoints")
    assert verified(files, checkpoints, whole=True).findings == ()
    for order in range(1, len(files)):
        found = verified(files[order:], checkpoints)
        assert found.findings == ()
        assert "where the proxy ended a file" in " ".join(found.notes)


async def test_the_last_signed_line_ended_its_file(tmp_path: Path) -> None:
    """Signed in time and not as the end of a file: the process was killed in between."""
    log = chained_log(12, 4, every=9)
    written(tmp_path, log, 4)
    assert last_of(log, 4).reason == "Interval"
    await Started(tmp_path).close()
    assert reasons(tmp_path)[3:] == [
        *(("Interval", 9), ("Rotated", 9), ("Resumed", 12), ("Shutdown", 12)),
    ]


def test_the_end_of_the_chain_is_that_of_an_older_file(tmp_path: Path) -> None:
    """The log was renamed, and is empty or was not made again; archives are read too."""
    log = chained_log(12, 4)
    log.files[3] = []
    written(tmp_path, log, 1)
    packed = tmp_path / NAMES[1]
    packed.with_name(f"{NAMES[1]}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    disk, ends = FaultyDisk(), ends_of(log)
    path, last = tmp_path / "audit.log", last_of(log, 1)
    assert stored_end(path, disk) == log.files[2][-1]
    assert os.stat(tmp_path / NAMES[2]).st_ino in disk.synced
    assert unsigned_ends(path, ends[2], last, disk) == [(end, "") for end in ends]
    assert unsigned_ends(path, ends[2], last_of(log, 4), disk) == []
    # Without any checkpoint, as where the key came later.
    assert unsigned_ends(path, ends[2], None, disk) == [(end, "") for end in ends]
    # The three files that are plain, each time they are signed, are on the disk.
    assert {os.stat(tmp_path / name).st_ino for name in (NAMES[0], NAMES[2])} <= disk.synced.keys()


def test_files_that_were_taken_away(tmp_path: Path) -> None:
    """The end of one that is not here is signed with a message that says so."""
    log = chained_log(12, 4)
    written(tmp_path, log, 1)
    (tmp_path / NAMES[0]).unlink()
    (tmp_path / NAMES[1]).unlink()
    found = unsigned_ends(tmp_path / "audit.log", log.end, last_of(log, 1), FaultyDisk())
    assert found == [(ends_of(log)[1], GONE), (ends_of(log)[2], "")]


@pytest.mark.parametrize("what", ["cut", "changed", "other", "damaged", "endless"])
def test_files_that_are_not_what_they_were(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is signed of a file that does not end where the next one begins."""
    log = chained_log(12, 4)
    end, last = log.end, last_of(log, 1)
    ends = ends_of(log)
    if what == "cut":
        log.files[1].pop()
    elif what == "changed":
        log.files[1][-1] = log.files[1][-1].replace(b'"get"', b'"put"')
    elif what == "other":
        log.files[2][0] = log.files[2][0].replace(b'"get"', b'"put"')
    written(tmp_path, log, 1)
    if what == "damaged":
        (tmp_path / NAMES[1]).unlink()
        (tmp_path / f"{NAMES[1]}.gz").write_bytes(b"\x1f\x8b")
    elif what == "endless":
        monkeypatch.setattr(tails, "LONGEST_LINE", 10_000)
        (tmp_path / NAMES[1]).unlink()
        (tmp_path / f"{NAMES[1]}.gz").write_bytes(gzip.compress(bytes(1_000_000)))
    found = unsigned_ends(tmp_path / "audit.log", end, last, FaultyDisk())
    assert found == [(ends[2], "")]


def test_an_archive_that_was_made_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is compressed by the proxy that starts, while it is looked for."""
    log = chained_log(12, 4)
    written(tmp_path, log, 3)
    plain = tmp_path / NAMES[2]
    plain.with_name(f"{plain.name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    monkeypatch.setattr(
        "auditproxy.app.logs.fileends.older_files",
        lambda path: [path.with_name(name) for name in reversed(NAMES[:-1])],
    )
    found = unsigned_ends(tmp_path / "audit.log", log.end, last_of(log, 3), FaultyDisk())
    assert found == [(ends_of(log)[2], "")]


def test_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many files are looked at, the newest ones, and none beyond is taken for missing."""
    monkeypatch.setattr("auditproxy.app.logs.fileends.MAXIMUM_FILES", 2)
    log = chained_log(12, 4)
    written(tmp_path, log, 1)
    found = unsigned_ends(tmp_path / "audit.log", log.end, last_of(log, 1), FaultyDisk())
    assert found == [(end, "") for end in ends_of(log)[1:]]


def test_a_disk_that_cannot_say_it_has_them(tmp_path: Path) -> None:
    """Nothing is signed of it, and the start says why."""
    log = chained_log(12, 4)
    written(tmp_path, log, 1)
    with pytest.raises(OSError) as caught:
        unsigned_ends(tmp_path / "audit.log", log.end, last_of(log, 1), FaultyDisk(errno.EIO))
    assert caught.value.errno == errno.EIO


def test_an_empty_file_between_others(tmp_path: Path) -> None:
    """It was rotated without a line, as another program may do: the ends before it are found."""
    log = chained_log(12, 4)
    written(tmp_path, log, 1)
    (tmp_path / NAMES[1].replace(".368.", ".999.")).touch()
    found = unsigned_ends(tmp_path / "audit.log", log.end, last_of(log, 1), FaultyDisk())
    assert found == [(end, "") for end in ends_of(log)]
