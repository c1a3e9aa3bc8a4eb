"""verify: recordings that are unchanged, changed, removed, added, and still being written."""

import gzip
import io
import json
import os
from pathlib import Path

import pytest

from auditproxy.apis.audit import API_VERSION
from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import SESSION_API_VERSION, Record
from auditproxy.cli import main
from auditproxy.commands.sessions.verifying import (
    FAILED_AND_GONE,
    PROGRESS_STEP,
    LoggedRecordings,
    sha256_of,
)
from tests.fakes.recorded import Stores, a_session, three_recordings


def ended(path: str, sha256: str, kind: str = "SessionEnded") -> str:
    """A line of the session log."""
    return json.dumps(
        {
            "kind": "SessionEvent",
            "apiVersion": SESSION_API_VERSION,
            "type": kind,
            "timestamp": "2023-11-14T22:13:20.123456Z",
            "sessionID": "s",
            "auditID": "a",
            "session": "exec",
            "user": {"username": "alice"},
            "recording": {"path": path, "sha256": sha256, "state": "Complete"},
        },
        separators=(",", ":"),
    )


def completed(value: str, stage: str = "ResponseComplete") -> str:
    """A line of the audit log."""
    return json.dumps(
        {
            "kind": "Event",
            "apiVersion": API_VERSION,
            "level": "Metadata",
            "auditID": "a",
            "stage": stage,
            "requestURI": "/",
            "verb": "get",
            "user": {"username": "alice"},
            "requestReceivedTimestamp": "2023-11-14T22:13:20.123456Z",
            "stageTimestamp": "2023-11-14T22:13:20.123456Z",
            "annotations": {"auditproxy.io/session-recording": value},
        }
    )


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Two finished recordings, and one that is still being written."""
    return three_recordings(tmp_path / "recordings")


def verified(
    capsys: pytest.CaptureFixture[str], folder: Path, *flags: str
) -> tuple[int, dict[str, str]]:
    """The exit code, and the result of each file's name."""
    code = main(["sessions", "verify", str(folder), "-o", "json", *flags])
    found = map(json.loads, capsys.readouterr().out.splitlines())
    return code, {os.path.basename(each["path"]): each["result"] for each in found}


def log_of(tmp_path: Path, *lines: str) -> Path:
    """A log with these lines."""
    path = tmp_path / "log"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_unchanged(tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """By the session log or by the audit log, wherever the folder was."""
    shell, copy, forward = paths
    by_session_log = log_of(
        tmp_path,
        ended(f"/elsewhere/{shell.name}", "", "SessionStarted"),
        ended(f"/elsewhere/{shell.name}", sha256_of(shell)),
        ended(f"/elsewhere/{copy.name}", sha256_of(copy)),
        ended(f"/elsewhere/{forward.name.removesuffix('.part')}", "", "SessionStarted"),
    )
    results = {shell.name: "ok", copy.name: "ok", forward.name: "unfinished"}
    assert verified(capsys, shell.parent, f"--session-log={by_session_log}") == (0, results)
    packed = tmp_path / "audit.log.gz"
    packed.write_bytes(
        gzip.compress(
            "\n".join(
                (
                    completed(f"/elsewhere/{shell.name}", "ResponseStarted"),
                    completed(f"/elsewhere/{shell.name} sha256:{sha256_of(shell)}"),
                    completed(f"/elsewhere/{copy.name} sha256:{sha256_of(copy)} (Cut)"),
                    completed(
                        f"/elsewhere/{forward.name.removesuffix('.part')}", "ResponseStarted"
                    ),
                )
            ).encode()
        )
    )
    assert verified(capsys, shell.parent, f"--audit-log={packed}") == (0, results)
    assert verified(capsys, shell, f"--audit-log={packed}") == (0, {shell.name: "ok"})


def test_what_is_wrong(
    tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte that was changed, a file that was removed or added: each with its reason."""
    shell, copy, forward = paths
    log = log_of(
        tmp_path, ended(str(shell), sha256_of(shell)), ended(str(copy), sha256_of(copy)), "{"
    )
    before = sha256_of(shell)
    shell.write_bytes(shell.read_bytes().replace(b"file", b"fine"))
    copy.unlink()
    added = Stores(shell.parent).new().open(a_session(id="ad0ed"), Record.OUTPUT, moment=0)
    added_name = os.path.basename(added.finish(1).path)
    forward.unlink()
    assert main(["sessions", "verify", str(shell.parent), f"--session-log={log}"]) == 1
    shown = capsys.readouterr().out
    assert f"changed     {shell}: its SHA-256 is {sha256_of(shell)}, the log has {before}" in shown
    assert f"missing     {copy}: the log has it, the folder does not: removed by age, " in shown
    assert (
        f"unlisted    {shell.parent / added_name}: no log has its SHA-256, and no log knows"
        in shown
    )
    assert shown.endswith("\n\n1 changed, 1 missing, 1 unlisted\n")
    flags = (f"--session-log={log}", "--since=2023-11-15")
    assert verified(capsys, shell.parent, *flags) == (1, {copy.name: "missing"})


def test_two_digests(tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Logs that contradict each other prove nothing."""
    shell = paths[0]
    log = log_of(tmp_path, ended(str(shell), sha256_of(shell)), ended(str(shell), "0" * 64))
    assert verified(capsys, shell, f"--session-log={log}") == (1, {shell.name: "changed"})


def test_nothing_to_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not a proof either."""
    log = log_of(tmp_path)
    assert main(["sessions", "verify", str(tmp_path), f"--session-log={log}"]) == 2
    error = capsys.readouterr().err
    assert f"neither {tmp_path} nor the logs have a recording; name others" in error
    assert main(["sessions", "verify", str(tmp_path), "x", f"--session-log={log}"]) == 2
    error = capsys.readouterr().err
    assert f"no recording in {tmp_path} or in the logs matches the flags and SESSION" in error


def test_a_killed_proxy_and_a_foreign_file(
    tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A session that a log knows is not mistaken for a file that somebody put there."""
    shell, copy, forward = paths
    log = log_of(tmp_path, ended(str(shell), "", "SessionStarted"))
    assert main(["sessions", "verify", str(shell.parent), f"--session-log={log}"]) == 1
    shown = capsys.readouterr().out
    assert f"{shell}: no log has its SHA-256, though one has the session's beginning" in shown
    assert f"{copy}: no log has its SHA-256, and no log knows this session" in shown
    assert f"{forward}: no log knows this session, though it looks as if it were" in shown
    known = log_of(tmp_path, ended(str(forward).removesuffix(".part"), "", "SessionStarted"))
    assert verified(capsys, forward, f"--session-log={known}") == (0, {forward.name: "unfinished"})


def test_the_line_of_a_repair_alone(
    tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another program can plant what a proxy repairs and logs; with its beginning it is sound."""
    shell = paths[0]
    repair = ended(str(shell), sha256_of(shell)).replace("Complete", "Unfinished")
    assert "Unfinished" in repair
    log = log_of(tmp_path, repair)
    assert main(["sessions", "verify", str(shell), f"--session-log={log}"]) == 1
    assert f"unlisted    {shell}: the logs have its repair alone" in capsys.readouterr().out
    named = json.loads(ended(str(shell), sha256_of(shell))) | {"flags": ["repaired"]}
    by_name = json.dumps(named, separators=(",", ":"))
    log = log_of(tmp_path, by_name)
    assert main(["sessions", "verify", str(shell), f"--session-log={log}"]) == 1
    assert f"unlisted    {shell}: the logs have its repair alone" in capsys.readouterr().out
    log = log_of(tmp_path, ended(str(shell), "", "SessionStarted"), by_name)
    assert verified(capsys, shell, f"--session-log={log}") == (0, {shell.name: "ok"})
    log = log_of(tmp_path, ended(str(shell), "", "SessionStarted"), repair)
    assert verified(capsys, shell, f"--session-log={log}") == (0, {shell.name: "ok"})


def test_what_is_no_file(
    tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Entries that cannot be read have a result of their own; the others are verified."""
    shell, copy, forward = paths
    forward.unlink()
    folder = shell.parent
    name = shell.name.removesuffix(".cast")
    (folder / f"{name}1.cast").mkdir()
    (folder / f"{name}2.cast").symlink_to("nowhere")
    os.mkfifo(folder / f"{name}3.cast")
    log = log_of(tmp_path, ended(str(shell), sha256_of(shell)), ended(str(copy), sha256_of(copy)))
    code, results = verified(capsys, folder, f"--session-log={log}")
    assert code == 1
    assert results == {
        shell.name: "ok",
        copy.name: "ok",
        **{f"{name}{number}.cast": "unreadable" for number in (1, 2, 3)},
    }


def test_progress_of_a_big_file(tmp_path: Path) -> None:
    """A terminal shows how far it is; the line is wiped."""
    path = tmp_path / "x.cast"
    with path.open("wb") as file:
        file.truncate(PROGRESS_STEP + 1)
    progress = io.StringIO()
    assert sha256_of(path, progress) == sha256_of(path)
    assert progress.getvalue() == "\r\x1b[Kread 64 of 64 MiB of x.cast\r\x1b[K"


@pytest.mark.parametrize(
    ("line", "unreadable"),
    [
        (b"{", 0),
        (b'{"auditproxy.io/session-recording', 1),
        (b'{"kind":"Other","x":"auditproxy.io/session-recording"}', 0),
        (b'{"kind":"SessionEvent","type":"SessionEnded"}', 1),
    ],
)
def test_lines_that_are_no_events(line: bytes, unreadable: int) -> None:
    """They are counted where they may have been the line of a recording."""
    logged = LoggedRecordings()
    logged.take(line)
    assert (logged.unreadable, logged.digests) == (unreadable, {})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The fault names it."""
    with pytest.raises(Unusable, match="nowhere cannot be read"):
        sha256_of(tmp_path / "nowhere")


def test_one_that_was_taken_while_it_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lines have two names, of one session: it is missing once, and as what the log says."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    name = str(folder / "2026-11-28T10-02-55.918113Z_shop_web-1_b0d4_33f0.cast")
    failed = ended(f"{name}.part", "a" * 64).replace("Complete", "Failed")
    for lines in (
        (ended(name, "", "SessionStarted"), failed),
        (completed(name, "ResponseStarted"), completed(f"{name}.part sha256:{'a' * 64} (Failed)")),
    ):
        log = log_of(tmp_path, *lines)
        assert main(["sessions", "verify", str(folder), f"--audit-log={log}"]) == 1
        shown = capsys.readouterr().out
        assert shown == f"missing     {name}: {FAILED_AND_GONE}\n\n1 missing\n"
