"""Logs of files, verified: 100,000 lines in five files, and what is done to them."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.commands.verify import running
from auditproxy.commands.verify.running import verify
from tests.fakes.chains import chained_log
from tests.fakes.tampering import MANIPULATIONS, Manipulation, foreign
from tests.fakes.writtenlog import (
    LENGTH,
    NAMES,
    TO_FILES,
    Terminal,
    Written,
    first,
    made,
    write_public_key,
)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The log as it was written, with its public key."""
    folder, log = tmp_path_factory.mktemp("verify"), made()
    write_public_key(folder)
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


def test_intact(intact: Written) -> None:
    """Nothing is found; what the last checkpoint covers is said."""
    code, said = verified(intact.folder, whole=True)
    assert (code, said["findings"], said["notes"], said["lines"]) == (0, [], [], 100_000)
    (chain,) = said["chains"]
    assert (chain["last"], chain["signed"], chain["unsigned"]) == (100_000, 90_000, 10_000)
    assert (said["ok"], said["signaturesChecked"]) == (True, True)
    said = verified(intact.folder, **{"public-key": ()})[1]
    assert (said["ok"], said["signaturesChecked"]) == (True, False)


@pytest.mark.parametrize("manipulation", MANIPULATIONS, ids=str)
def test_lines(manipulation: Manipulation, log: Written) -> None:
    """Each is named at its line, in a file and in an archive alike."""
    file = 1 if manipulation.kind == "changed" else 2
    manipulation.does(log.files, file, 12_344)
    log.write(file)
    order, line = manipulation.place(file, 12_344)
    code, said = verified(log.folder)
    assert (code, first(said)) == (1, (NAMES[order], line, manipulation.kind))


@pytest.mark.parametrize(
    ("manipulate", "place"), TO_FILES, ids=lambda value: getattr(value, "__name__", "")
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


def test_text(log: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """For people: what is covered, then the findings, of which the first matters; and progress."""
    monkeypatch.setattr(running, "PROGRESS", 0.0)
    out, err = io.StringIO(), Terminal()
    path = str(log.folder / "audit.log")
    assert verify({}, [path], out, err) == 0
    assert out.getvalue().startswith(
        f"{path}: 5 files, 100000 lines\n  chain aaaaaaaaaaaaaaaa of proxy-0/audit.log: lines 1 to "
        "100000, signed up to line 90000 at 2026-11-23T13:06:31Z; the 10000 lines behind it, and any that may have "
        "followed, are not\n"
    )
    assert out.getvalue().endswith("\nok (signatures not checked)\n")
    assert "warning: signatures are not checked" in err.getvalue()
    assert f"{log.folder}/{NAMES[0]}: 2000 lines, file 1 of 5\n" in err.getvalue()
    out = io.StringIO()
    assert verify({"public-key": [str(log.folder / "key.pub")]}, [path], out, io.StringIO()) == 0
    assert out.getvalue().endswith("\nok\n")
    del log.files[4][:50:2]
    log.write(4)
    out = io.StringIO()
    assert verify({}, [path], out, io.StringIO()) == 1
    shown = out.getvalue().splitlines()
    assert shown[2] == f"removed     {path}:1: missing before it: line 80001"
    assert shown[-1] == "and 5 more"


def test_nothing_is_signed_yet(tmp_path: Path) -> None:
    """The beginning of a chain alone is signed: the last line does not say that lines are."""
    log = chained_log(5, 1)
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(log.files[0]))
    write_public_key(tmp_path)
    keys = {"public-key": [str(tmp_path / "key.pub")]}
    for checkpoints, last in ((1, "ok (no line is signed)"), (2, "ok")):
        (tmp_path / "audit.log.checkpoints").write_bytes(b"".join(log.checkpoints[:checkpoints]))
        out = io.StringIO()
        assert verify(keys, [str(path)], out, io.StringIO()) == 0
        assert out.getvalue().splitlines()[-1] == last
        log.sign("Interval")


def verified_without_key(path: Path) -> tuple[int, dict[str, Any]]:
    """The exit code and what is said in JSON."""
    out = io.StringIO()
    code = verify({"output": "json"}, [str(path)], out, io.StringIO())
    return code, json.loads(out.getvalue())


def test_no_chain(tmp_path: Path) -> None:
    """A log without one is no sound one."""
    path = tmp_path / "audit.log"
    path.write_bytes(foreign())
    out = io.StringIO()
    assert verify({}, [str(path)], out, io.StringIO()) == 1
    nothing = "no line is in a chain; the proxy needs --audit-log-hash-chain"
    assert out.getvalue() == f"{path}: 1 file, 1 line\n{nothing}\n"
    code, said = verified_without_key(path)
    assert (code, said["ok"], said["findings"], said["notes"]) == (1, False, [], [nothing])
