"""Logs of files, verified: 100,000 lines in five files, and what is done to them."""

import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditproxy.audit.encode import json_line
from auditproxy.commands.verify import running
from auditproxy.commands.verify.running import verify
from tests.fakes.backends import event
from tests.fakes.chains import ChainedLog, chained_log, key_of
from tests.fakes.tampering import MANIPULATIONS, Files, Manipulation, foreign

LENGTH, FILES = 20_000, 5
NAMES = [f"audit-2026-11-23T13-16-3{number}.368.log" for number in range(FILES - 1)] + ["audit.log"]
NAMES[1] += ".gz"


@dataclass
class Written:
    """A log in a folder, of which a test changes what it likes."""

    folder: Path
    files: Files
    checkpoints: list[bytes]

    def write(self, *orders: int) -> None:
        """Write these files, or all."""
        for order in orders or range(FILES):
            content = b"".join(self.files[order])
            packed = NAMES[order].endswith(".gz")
            (self.folder / NAMES[order]).write_bytes(
                gzip.compress(content, 1) if packed else content
            )
        (self.folder / "audit.log.checkpoints").write_bytes(b"".join(self.checkpoints))


def made(seed: int = 1) -> ChainedLog:
    """A log of five files; two checkpoints for each."""
    log, line = ChainedLog(seed=seed), json_line(event())
    log.sign("ChainBegan")
    for number in range(FILES * LENGTH):
        if number and number % LENGTH == 0:
            log.rotate()
        chained, log.end = log.end.chained(line)
        log.files[-1].append(chained)
        if (number + 1) % LENGTH == LENGTH // 2:
            log.sign("Interval")
    return log


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The log as it was written, with its public key."""
    folder, log = tmp_path_factory.mktemp("verify"), made()
    public = key_of(1).public_key()
    (folder / "key.pub").write_bytes(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    written = Written(folder, log.files, log.checkpoints)
    written.write()
    return written


@pytest.fixture
def log(intact: Written) -> Iterator[Written]:
    """A copy whose files are put back."""
    yield Written(intact.folder, [list(lines) for lines in intact.files], list(intact.checkpoints))
    intact.write()


def verified(folder: Path, *names: str, **flags: Any) -> tuple[int, dict[str, Any]]:
    """The exit code and what is said in JSON."""
    out, err = io.StringIO(), io.StringIO()
    values = {"public-key": [str(folder / "key.pub")], "output": "json", **flags}
    code = verify(values, [str(folder / name) for name in names or ("audit.log",)], out, err)
    return code, json.loads(out.getvalue())


def first(said: dict[str, Any]) -> tuple[str, int, str]:
    """File, line and kind of the first finding."""
    finding = said["findings"][0]
    return Path(finding["file"]).name, finding["line"], finding["kind"]


def test_intact(intact: Written) -> None:
    """Nothing is found; what the last checkpoint covers is said."""
    code, said = verified(intact.folder, whole=True)
    assert (code, said["findings"], said["notes"], said["lines"]) == (0, [], [], 100_000)
    (chain,) = said["chains"]
    assert (chain["last"], chain["signed"], chain["unsigned"]) == (100_000, 90_000, 10_000)


@pytest.mark.parametrize("manipulation", MANIPULATIONS, ids=str)
def test_lines(manipulation: Manipulation, log: Written) -> None:
    """Each is named at its line, in a file and in an archive alike."""
    file = 1 if manipulation.kind == "changed" else 2
    manipulation.does(log.files, file, 12_344)
    log.write(file)
    order, line = manipulation.place(file, 12_344)
    code, said = verified(log.folder)
    assert (code, first(said)) == (1, (NAMES[order], line, manipulation.kind))


def exchange(log: Written) -> None:
    """Two files have each other's name."""
    log.files[0], log.files[2] = log.files[2], log.files[0]


def cut_head(log: Written) -> None:
    """The first lines are gone."""
    del log.files[0][:100]


def cut_tail(log: Written) -> None:
    """The last lines are gone, and some that were signed."""
    del log.files[4][9_000:]


def empty(log: Written) -> None:
    """The newest file is empty."""
    log.files[4].clear()


def another_key(log: Written) -> None:
    """Everything is signed again with another key."""
    log.checkpoints = made(seed=2).checkpoints


def made_again(log: Written) -> None:
    """Another log, consistent in itself."""
    end, again = made(seed=2), foreign().replace(b'"get"', b'"put"')
    end.end, end.files = type(end.end)("a" * 16, 0, "0" * 64), [[] for _ in range(FILES)]
    for number in range(FILES * LENGTH):
        chained, end.end = end.end.chained(again)
        end.files[number // LENGTH].append(chained)
    log.files = end.files


@pytest.mark.parametrize(
    ("manipulate", "place"),
    [
        (exchange, (NAMES[0], 1, "reordered")),
        (cut_head, (NAMES[0], 1, "removed")),
        (cut_tail, ("audit.log", 9_000, "removed")),
        (empty, (NAMES[3], 20_000, "removed")),
        (another_key, ("audit.log.checkpoints", 1, "unsigned")),
        (made_again, (NAMES[0], 10_000, "rewritten")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_files(
    manipulate: Callable[[Written], None], place: tuple[str, int, str], log: Written
) -> None:
    """What is done to whole files, to the head, the tail and the key."""
    manipulate(log)
    log.write()
    code, said = verified(log.folder)
    assert (code, first(said)) == (1, place)


def test_one_file(intact: Written) -> None:
    """An archive alone: its beginning and its end were signed."""
    code, said = verified(intact.folder, NAMES[1])
    assert (code, said["findings"], len(said["notes"])) == (0, [], 2)
    code, said = verified(intact.folder, NAMES[1], whole=True)
    assert (code, first(said)) == (1, (NAMES[1], 1, "removed"))


def test_a_damaged_archive(log: Written) -> None:
    """It is said where it ends, and the other files are read."""
    packed = (log.folder / NAMES[1]).read_bytes()
    (log.folder / NAMES[1]).write_bytes(packed[: len(packed) // 2])
    code, said = verified(log.folder)
    name, line, kind = first(said)
    assert (code, name, kind) == (1, NAMES[1], "unreadable")
    assert 0 < line < LENGTH
    assert said["lines"] == 80_000 + line


def test_checkpoints_elsewhere(log: Written) -> None:
    """Those beside the log are gone; a copy that another system keeps serves as well."""
    copy = log.folder / "received.jsonl"
    copy.write_bytes(b"".join(b"2026-11-23 [info] checkpoint: " + line for line in log.checkpoints))
    log.checkpoints = []
    del log.files[4][9_000:]
    log.write(4)
    code, said = verified(log.folder)
    assert (code, first(said), len(said["findings"])) == (1, (NAMES[0], 1, "unsigned"), 1)
    assert said["chains"][0]["signed"] == 0
    code, said = verified(log.folder, checkpoints=[str(copy)])
    assert (code, first(said)) == (1, ("audit.log", 9_000, "removed"))


class Terminal(io.StringIO):
    """What progress is shown on."""

    def isatty(self) -> bool:
        return True


def test_text(log: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """For people: what is covered, then the findings, of which the first matters; and progress."""
    monkeypatch.setattr(running, "PROGRESS", 0.0)
    out, err = io.StringIO(), Terminal()
    path = str(log.folder / "audit.log")
    assert verify({}, [path], out, err) == 0
    assert out.getvalue().startswith(
        f"{path}: 5 files, 100000 lines\n  chain aaaaaaaaaaaaaaaa: lines 1 to 100000, signed up to "
        "line 90000 at 2026-11-23T13:06:31Z; the 10000 lines behind it, and any that may have "
        "followed, are not\n"
    )
    assert out.getvalue().endswith("\nok\n")
    assert "warning: signatures are not checked" in err.getvalue()
    assert f"{log.folder}/{NAMES[0]}: 2000 lines, file 1 of 5\n" in err.getvalue()
    del log.files[4][:50:2]
    log.write(4)
    out = io.StringIO()
    assert verify({}, [path], out, io.StringIO()) == 1
    shown = out.getvalue().splitlines()
    assert shown[2] == f"removed     {path}:1: missing before it: line 80001"
    assert shown[-1] == "and 5 more"


def test_no_chain(tmp_path: Path) -> None:
    """A log without one is no sound one."""
    path = tmp_path / "audit.log"
    path.write_bytes(foreign())
    out = io.StringIO()
    assert verify({}, [str(path)], out, io.StringIO()) == 1
    assert out.getvalue().endswith(
        "no line is in a chain; the proxy needs --audit-log-hash-chain\n"
    )


# --- logs that are in use, and evidence that is not there ----------------------------


@dataclass
class Small:
    """A log of 60 lines in a folder, with a key."""

    folder: Path
    log: ChainedLog

    def write(self, *, last: bytes | None = None) -> None:
        """Write all of it; ``last`` in place of the newest file."""
        (self.folder / "key.pub").write_bytes(
            key_of(1).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        for name, lines in zip(small_names(len(self.log.files)), self.log.files, strict=True):
            (self.folder / name).write_bytes(b"".join(lines))
        if last is not None:
            (self.folder / "audit.log").write_bytes(last)
        (self.folder / "audit.log.checkpoints").write_bytes(b"".join(self.log.checkpoints))

    def verified(
        self, err: io.StringIO | None = None, keys: Sequence[str] = ("key.pub",), **flags: Any
    ) -> tuple[int, dict[str, Any]]:
        """The exit code and what is said in JSON."""
        out = io.StringIO()
        values = {"public-key": [str(self.folder / key) for key in keys], "output": "json", **flags}
        code = verify(values, [str(self.folder / "audit.log")], out, err or io.StringIO())
        return code, json.loads(out.getvalue())


def small_names(count: int) -> list[str]:
    """Names of a log's files, the oldest first."""
    return [f"audit-2026-11-23T13-16-3{n}.368.log" for n in range(count - 1)] + ["audit.log"]


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
