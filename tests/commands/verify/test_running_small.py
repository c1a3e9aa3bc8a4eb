"""Logs that are in use, evidence that is not there, and copies."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from auditproxy.commands.verify import running
from auditproxy.commands.verify.running import verify
from tests.fakes.chains import ChainedLog, chained_log, signing
from tests.fakes.smalllog import Small, small_names
from tests.fakes.tampering import foreign
from tests.fakes.writtenlog import Terminal, first


class Meanwhile(Terminal):
    """A terminal; when a text is shown there, something happens once."""

    def __init__(self, text: str, happens: Callable[[], object]) -> None:
        super().__init__()
        self._text = text
        self._happens: list[Callable[[], object]] = [happens]

    def write(self, text: str) -> int:
        if self._text in text and self._happens:
            self._happens.pop()()
        return super().write(text)


@pytest.fixture
def at_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is shown at each line."""
    monkeypatch.setattr(running, "PROGRESS", -1.0)
    monkeypatch.setattr(running, "_STEP", 1)


def test_progress_of_many_short_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is looked at after so many lines of all logs, however few each file has."""
    monkeypatch.setattr(running, "PROGRESS", -1.0)
    monkeypatch.setattr(running, "_STEP", 25)
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        (folder / "audit.log").write_bytes(b"{}\n" * 20)
    err = Meanwhile("", int)
    paths = [str(folder / "audit.log") for folder in folders]
    assert running.verify({}, paths, io.StringIO(), err) == 1
    assert err.getvalue().splitlines()[1:] == [f"{paths[1]}: 5 lines, file 1 of 1"]


@pytest.mark.usefixtures("at_each_line")
def test_rotated_while_it_is_read(tmp_path: Path) -> None:
    """Files that have other names by now are read again, by these."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.write()

    def rotate() -> None:
        (tmp_path / "audit.log").rename(tmp_path / "audit-2026-11-23T13-16-39.368.log")
        small.log.rotate()
        small.log.write("new")
        (tmp_path / "audit.log").write_bytes(small.log.files[-1][0])
        first_ = tmp_path / small_names(3)[0]
        (tmp_path / f"{first_.name}.gz").write_bytes(gzip.compress(first_.read_bytes()))
        first_.unlink()
        path = tmp_path / "audit.log.checkpoints"
        path.write_bytes(b"".join(small.log.checkpoints))

    code, said = small.verified(Meanwhile("31.368.log: 3 lines, file 2 of 3", rotate))
    assert (code, said["ok"], said["findings"], said["lines"]) == (0, True, [], 61)
    assert [Path(name).name for name in said["files"]] == [
        "audit-2026-11-23T13-16-30.368.log.gz",
        "audit-2026-11-23T13-16-31.368.log",
        "audit-2026-11-23T13-16-39.368.log",
        "audit.log",
    ]


@pytest.mark.usefixtures("at_each_line")
def test_a_file_that_goes_while_it_is_read(tmp_path: Path) -> None:
    """One that was removed for its age is missed by nobody."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.write()
    oldest = tmp_path / small_names(3)[0]
    code, said = small.verified(Meanwhile("checkpoints: 2 lines", oldest.unlink))
    assert (code, said["findings"], len(said["files"])) == (0, [], 2)


@pytest.mark.usefixtures("at_each_line")
def test_a_line_that_is_being_written(tmp_path: Path) -> None:
    """It was torn when it was read, and is whole the next time."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    whole = b"".join(small.log.files[-1])
    small.write(last=whole[:-100])

    def append() -> None:
        with (tmp_path / "audit.log").open("ab") as file:
            file.write(whole[-100:])

    assert small.verified()[0] == 1
    code, said = small.verified(Meanwhile("audit.log: 20 lines", append))
    assert (code, said["findings"], said["lines"]) == (0, [], 60)


def test_no_checkpoints(tmp_path: Path) -> None:
    """With a key there has to be something that it has signed; without, the chain is checked."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.log.checkpoints.clear()
    small.write()
    code, said = small.verified()
    assert (code, first(said)) == (1, ("audit-2026-11-23T13-16-30.368.log", 1, "unsigned"))
    assert said["findings"][0]["text"] == f"there is no checkpoint of chain {'a' * 16}"
    assert small.verified(keys=())[0] == 0


def test_checkpoints_of_another_log(tmp_path: Path) -> None:
    """They say nothing of this one, which is said."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.log.checkpoints = chained_log(10, 1, chain="b" * 16).checkpoints
    small.write()
    code, said = small.verified()
    assert (code, first(said)) == (1, ("audit-2026-11-23T13-16-30.368.log", 1, "unsigned"))
    assert said["findings"][0]["text"] == (
        f"there is no checkpoint of chain {'a' * 16}; those that are here are of {'b' * 16}"
    )


def test_another_key(tmp_path: Path) -> None:
    """The key that was given is not the one that signed."""
    small = Small(tmp_path, chained_log(60, 3, every=7, seed=2))
    small.write()
    code, said = small.verified()
    assert (code, first(said)) == (1, ("audit.log.checkpoints", 1, "unsigned"))
    assert "it is signed with another key than those given" in said["findings"][0]["text"]
    assert said["chains"][0]["signed"] == 0


def test_several_starts(tmp_path: Path) -> None:
    """One chain; a start behind an end that was not in order could hide something, and is named."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    for reason in ("Shutdown", "Resumed", "Interval", "Resumed"):
        small.log.write(reason)
        small.log.sign(reason)
    small.write()
    code, said = small.verified(whole=True)
    assert (code, said["chains"][0]["last"]) == (0, 64)
    assert said["notes"] == [
        "started at 2026-11-23T13:06:31Z behind line 64, and not ended in order before: it was "
        "killed, or what was written since 2026-11-23T13:06:31Z was removed"
    ]


def test_the_checkpoints_were_rotated_away(tmp_path: Path) -> None:
    """Those that are left sign all lines before them; that some are gone is said."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    del small.log.checkpoints[:4]
    small.write()
    code, said = small.verified()
    assert (code, said["notes"]) == (0, ["4 checkpoints before the first one are not here"])
    small.log.files[0][5] = small.log.files[0][6]
    small.write()
    assert small.verified()[0] == 1


def test_a_chain_that_is_gone(tmp_path: Path) -> None:
    """Files of an older chain may be gone for their age; ``whole`` says that they may not."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    other = chained_log(10, 1, chain="b" * 16)
    small.log.files = [other.files[0]]
    small.log.end = type(other.end)("b" * 16, 0, "0" * 64)
    small.log.sign("ChainBegan")
    small.log.end = other.end
    small.log.sign("Interval")
    small.write()
    assert small.verified()[0] == 0
    code, said = small.verified(whole=True)
    assert (code, said["findings"][0]["kind"]) == (1, "removed")
    assert f"of chain {'a' * 16}, which was signed so far" in said["findings"][0]["text"]


def test_another_archive_beside_a_file(tmp_path: Path) -> None:
    """Whoever reads the archive must not read something else than what was verified."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.write()
    name = small_names(3)[1]
    packed, plain = tmp_path / f"{name}.gz", b"".join(small.log.files[1])
    packed.write_bytes(gzip.compress(plain))
    code, said = small.verified()
    assert (code, said["notes"]) == (0, [f"{packed} has the same as {tmp_path / name}"])
    packed.write_bytes(gzip.compress(plain)[:-20])
    code, said = small.verified()
    text = f"{packed} is not whole, and {tmp_path / name} was read in its place"
    assert (code, said["notes"]) == (0, [text])
    for other in (plain.replace(b'"auditID":"a25"', b'"auditID":"b25"'), plain + b"{}\n"):
        packed.write_bytes(gzip.compress(other))
        line = 6 if len(other) == len(plain) else 21
        code, said = small.verified()
        assert (code, first(said)) == (1, (f"{name}.gz", line, "changed"))


def test_a_copy_of_another_log(tmp_path: Path) -> None:
    """A log with its checkpoints in place of another: both are sound, and one is too many."""
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        small = Small(tmp_path / folder, chained_log(60, 3, every=7))
        small.write()
    out = io.StringIO()
    paths = [str(tmp_path / folder / "audit.log") for folder in ("one", "other")]
    values = {"public-key": [str(tmp_path / "one" / "key.pub")]}
    assert verify(values, paths, out, io.StringIO()) == 0
    assert out.getvalue().count(f"chain {'a' * 16} is in {paths[0]} too: one is a copy") == 1


def test_text_of_checkpoints_is_shown_as_text(tmp_path: Path) -> None:
    """Who writes checkpoints writes no line of ours, and nothing that a terminal obeys."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.log.checkpoints[0] = small.log.checkpoints[0].replace(
        signing(1).name.encode(), rb"\nok\n\u001b[2J"
    )
    small.write()
    out = io.StringIO()
    assert (
        verify(
            {"public-key": [str(tmp_path / "key.pub")]},
            [str(tmp_path / "audit.log")],
            out,
            io.StringIO(),
        )
        == 1
    )
    assert r"than those given: \nok\n\x1b[2J" in out.getvalue()
    assert "\nok\n" not in out.getvalue()


def test_copies_of_other_logs_checkpoints(tmp_path: Path) -> None:
    """What collects the checkpoints of all workers says nothing of a log that is whole."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.write()
    copy = tmp_path / "received.jsonl"
    others = chained_log(10, 1, every=2, chain="b" * 16).checkpoints
    copy.write_bytes(b"".join([*small.log.checkpoints, *others]))
    code, said = small.verified(whole=True, checkpoints=[str(copy)])
    assert (code, said["findings"]) == (0, [])


def test_renamed_and_not_made_again(tmp_path: Path) -> None:
    """The rotated files are verified, to their end: what was signed must be there."""
    small = Small(tmp_path, chained_log(60, 3, every=7))
    small.write()
    path = tmp_path / "audit.log"
    path.rename(tmp_path / "audit-2026-11-23T13-16-39.368.log")
    code, said = small.verified()
    assert (code, said["findings"], said["lines"]) == (0, [], 60)
    text = f"{path} is not there: it was renamed, and not made again yet, or removed"
    assert text in said["notes"]
    (tmp_path / "audit-2026-11-23T13-16-39.368.log").unlink()
    code, said = small.verified()
    assert (code, said["findings"][0]["kind"]) == (1, "removed")


@pytest.mark.usefixtures("at_each_line")
def test_made_again_while_it_is_read(tmp_path: Path) -> None:
    """What is signed of the new file by then is no finding: the log is read again."""
    small = Small(tmp_path, chained_log(60, 3))
    small.write()
    path = tmp_path / "audit.log"
    beside = tmp_path / "audit.log.checkpoints"
    path.rename(tmp_path / "audit-2026-11-23T13-16-39.368.log")
    small.log.rotate()
    small.log.write("new")
    small.log.sign("Interval")
    # As it is read: with the checkpoints of lines that come to a file that is made later.
    beside.write_bytes(b"".join(small.log.checkpoints))

    def make() -> None:
        path.write_bytes(small.log.files[-1][0])

    code, said = small.verified(Meanwhile("31.368.log: 3 lines, file 2 of 3", make))
    assert (code, said["ok"], said["findings"], said["lines"]) == (0, True, [], 61)
    assert said["notes"] == []


def test_a_chain_without_a_line(tmp_path: Path) -> None:
    """The lines before it are not out of their place; where some were signed, others are."""
    small = Small(tmp_path, ChainedLog())
    small.log.sign("ChainBegan")
    small.write(last=foreign() * 2)
    code, said = small.verified()
    assert (code, said["findings"], said["lines"], said["complete"]) == (1, [], 2, True)
    small.log.write("a")
    small.log.sign("Interval")
    small.write(last=foreign() * 2)
    code, said = small.verified()
    assert (code, sorted(one["kind"] for one in said["findings"])) == (1, ["added", "removed"])
