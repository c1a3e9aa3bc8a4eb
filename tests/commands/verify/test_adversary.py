"""Who can write the log and its checkpoints, and has no key: what is found, and what is not."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from auditproxy.audit.chain.links import ChainEnd, digest_of_line, read_link
from tests.fakes.chains import ChainedLog, chained_log
from tests.fakes.smalllog import Small, small_names
from tests.fakes.tampering import foreign
from tests.fakes.writtenlog import first

N = small_names(5)


def small(folder: Path) -> Small:
    """60 lines in five files, signed up to line 56 and at the end of each file."""
    made = Small(folder, chained_log(60, 5, every=7))
    made.write()
    return made


def write(folder: Path, name: str, lines: list[bytes]) -> None:
    """Write a file."""
    (folder / name).write_bytes(b"".join(lines))


def continued(line: bytes, count: int, chain: str = "") -> list[bytes]:
    """Lines that continue one, or a chain of their own behind it."""
    link = read_link(line)
    assert link is not None
    end = ChainEnd(link.chain, link.number, link.digest)
    if chain:
        end = ChainEnd(chain, 0, digest_of_line(line))
    made = []
    for _ in range(count):
        forged, end = end.chained(foreign())
        made.append(forged)
    return made


def whitespace_inside(folder: Path, log: ChainedLog) -> None:
    """The same JSON with another space."""
    log.files[1][4] = log.files[1][4].replace(b'":"', b'": "', 1)
    write(folder, N[1], log.files[1])


def whitespace_at_the_end(folder: Path, log: ChainedLog) -> None:
    """A space behind the object."""
    log.files[1][4] = log.files[1][4][:-1] + b" \n"
    write(folder, N[1], log.files[1])


def other_line_ends(folder: Path, log: ChainedLog) -> None:
    """A carriage return."""
    log.files[1][4] = log.files[1][4][:-1] + b"\r\n"
    write(folder, N[1], log.files[1])


def empty_line(folder: Path, log: ChainedLog) -> None:
    """A line of nothing."""
    log.files[1].insert(4, b"\n")
    write(folder, N[1], log.files[1])


def files_exchanged(folder: Path, log: ChainedLog) -> None:
    """Two rotated files have each other's name."""
    write(folder, N[1], log.files[3])
    write(folder, N[3], log.files[1])


def file_twice(folder: Path, log: ChainedLog) -> None:
    """A copy of a rotated file, with a name of its own."""
    shutil.copy(folder / N[1], folder / "audit-2026-11-23T13-16-31.900.log")


def file_of_another_chain(folder: Path, log: ChainedLog) -> None:
    """A file of another log that the same key has signed."""
    write(folder, N[2], chained_log(12, 1, chain="b" * 16).files[0])


def two_logs_spliced(folder: Path, log: ChainedLog) -> None:
    """Another log in place of the older files, with its checkpoints before ours."""
    other = chained_log(12, 1, every=3, chain="b" * 16)
    for name in N[1:4]:
        (folder / name).unlink()
    write(folder, N[0], other.files[0])
    write(folder, "audit.log.checkpoints", other.checkpoints + log.checkpoints)


def line_with_a_digest(folder: Path, log: ChainedLog) -> None:
    """A line that continues the one before it."""
    log.files[2][5:5] = continued(log.files[2][4], 1)
    write(folder, N[2], log.files[2])


def chain_behind(folder: Path, log: ChainedLog) -> None:
    """A chain of their own behind the end."""
    write(folder, "audit.log", log.files[4] + continued(log.files[4][-1], 3, "c" * 16))


def line_without_chain(folder: Path, log: ChainedLog) -> None:
    """A line as a proxy without a chain writes it, at the end."""
    write(folder, "audit.log", [*log.files[4], foreign()])


def signed_again(folder: Path, log: ChainedLog) -> None:
    """All of it made and signed again, with another key."""
    Small(folder, chained_log(60, 5, every=7, seed=2)).write()


def checkpoints_twice(folder: Path, log: ChainedLog) -> None:
    """Checkpoints once more."""
    write(folder, "audit.log.checkpoints", log.checkpoints + log.checkpoints[-2:])


def checkpoints_removed(folder: Path, log: ChainedLog) -> None:
    """Two checkpoints less, between others."""
    write(folder, "audit.log.checkpoints", log.checkpoints[:3] + log.checkpoints[5:])


def file_out_of_sight(folder: Path, log: ChainedLog) -> None:
    """A rotated file with a name that is none of the log's."""
    (folder / N[2]).rename(folder / "audit-old.log")


def head_within_a_file(folder: Path, log: ChainedLog) -> None:
    """The oldest lines and the checkpoints of them are gone, and a part of a file."""
    for name in N[:2]:
        (folder / name).unlink()
    write(folder, N[2], log.files[2][4:])
    write(folder, "audit.log.checkpoints", [c for c in log.checkpoints if number(c) > 28])


def archive_with_more(folder: Path, log: ChainedLog) -> None:
    """Another member behind that of an archive."""
    packed = gzip.compress(b"".join(log.files[1])) + gzip.compress(b"hidden\n")
    (folder / f"{N[1]}.gz").write_bytes(packed)
    (folder / N[1]).unlink()


def number(checkpoint: bytes) -> int:
    """The line that a checkpoint has."""
    return int(json.loads(checkpoint)["number"])


@pytest.mark.parametrize(
    ("attack", "place"),
    [
        (whitespace_inside, (N[1], 5, "changed")),
        (whitespace_at_the_end, (N[1], 5, "changed")),
        (other_line_ends, (N[1], 5, "changed")),
        (empty_line, (N[1], 5, "added")),
        (files_exchanged, (N[1], 1, "reordered")),
        (file_twice, ("audit-2026-11-23T13-16-31.900.log", 1, "added")),
        (file_of_another_chain, (N[2], 1, "added")),
        (two_logs_spliced, ("audit.log.checkpoints", 6, "reordered")),
        (line_with_a_digest, (N[2], 6, "added")),
        (chain_behind, ("audit.log", 13, "unsigned")),
        (line_without_chain, ("audit.log", 13, "added")),
        (signed_again, ("audit.log.checkpoints", 1, "unsigned")),
        (checkpoints_twice, ("audit.log.checkpoints", 14, "reordered")),
        (checkpoints_removed, ("audit.log.checkpoints", 4, "removed")),
        (file_out_of_sight, (N[3], 1, "removed")),
        (head_within_a_file, (N[2], 1, "removed")),
        (archive_with_more, (f"{N[1]}.gz", 13, "added")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_found(
    attack: Callable[[Path, ChainedLog], None], place: tuple[str, int, str], tmp_path: Path
) -> None:
    """Each is named at its line."""
    log = small(tmp_path)
    attack(tmp_path, log.log)
    code, said = log.verified()
    assert (code, first(said)) == (1, place)


# --- what docs/tamper-evidence.md says that nobody can find in these files alone ------


def test_an_earlier_moment(tmp_path: Path) -> None:
    """Log and checkpoints as they were at line 48: only a copy of later checkpoints tells."""
    log = small(tmp_path)
    (tmp_path / "received").write_bytes(b"".join(log.log.checkpoints))
    (tmp_path / N[3]).unlink()
    write(tmp_path, "audit.log", log.log.files[3])
    write(tmp_path, "audit.log.checkpoints", [c for c in log.log.checkpoints if number(c) <= 48])
    code, said = log.verified()
    # The lines of the file that is missing are those of the end.
    assert (code, said["chains"][0]["last"], said["chains"][0]["signed"]) == (0, 48, 48)
    code, said = log.verified(checkpoints=[str(tmp_path / "received")])
    assert (code, first(said)) == (1, ("audit.log", 12, "removed"))


def test_another_log_of_the_key(tmp_path: Path) -> None:
    """Another log with its own checkpoints: the chain's name is the only difference."""
    Small(tmp_path, chained_log(60, 5, every=7, chain="b" * 16)).write()
    log = Small(tmp_path, chained_log(60, 5, every=7, chain="b" * 16))
    code, said = log.verified(whole=True)
    assert (code, said["chains"][0]["chain"]) == (0, "b" * 16)


def test_behind_the_last_checkpoint(tmp_path: Path) -> None:
    """Lines that nothing covers yet can be others; how many there are is said."""
    log = small(tmp_path)
    write(tmp_path, "audit.log", log.log.files[4][:9] + continued(log.log.files[4][8], 3))
    code, said = log.verified()
    assert (code, said["chains"][0]["signed"], said["chains"][0]["unsigned"]) == (0, 56, 4)


def test_the_oldest_files(tmp_path: Path) -> None:
    """Their removal looks like that for their age; the lines are named, and ``whole`` fails."""
    log = small(tmp_path)
    for name in N[:2]:
        (tmp_path / name).unlink()
    code, said = log.verified()
    assert (code, said["notes"]) == (
        0,
        [f"in older files: lines 1 to 24 of chain {'a' * 16}, where the proxy ended a file"],
    )
    assert log.verified(whole=True)[0] == 1
