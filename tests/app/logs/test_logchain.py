"""The chain of a log, from start to start."""

import asyncio
import os
from pathlib import Path

import pytest

from auditproxy.app.logs.logbackend import LogFileError
from auditproxy.app.logs.logchain import ChainKeeping
from auditproxy.app.sinks.backends import open_backends
from auditproxy.audit.chain.links import read_link
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.metrics.registry import Metrics
from tests.fakes.backends import event, value
from tests.fakes.chains import verified
from tests.fakes.chainstarts import Started, lines_of, reasons
from tests.fakes.options import options
from tests.fakes.tampering import foreign
from tests.fakes.waiting import until


def found_in(folder: Path) -> tuple[list[str], int, int]:
    """Findings, chains, and lines that are not signed."""
    checkpoints = [line for file in lines_of(folder, ".checkpoints") for line in file]
    found = verified(lines_of(folder, ".log"), checkpoints, whole=True)
    kinds = [f"{finding.place} {finding.kind}" for finding in found.findings]
    return kinds, len(found.covered), sum(covered.unsigned for covered in found.covered)


@pytest.mark.parametrize("mode", ["blocking", "blocking-strict", "batch", "durable"])
async def test_from_start_to_start(mode: str, tmp_path: Path) -> None:
    """The chain goes on, in each mode, through rotation, and nothing is said of it."""
    for _ in range(3):
        started = Started(tmp_path, audit_log_mode=mode, audit_log_maxsize=1)
        big = event("big", body=b'"' + b"x" * 500_000 + b'"')
        for _ in range(3):
            outcome = started.sink.backend.process_events((big,))
            assert (outcome if isinstance(outcome, bool) else await outcome) is True
        await started.write(3)
        await started.close()
        assert started.said == []
    assert found_in(tmp_path) == ([], 1, 0)
    assert len(lines_of(tmp_path, ".log")) > 2
    assert value(started.metrics, "auditproxy_audit_log_checkpoints_total", result="ok") > 2
    assert value(started.metrics, "auditproxy_audit_log_checkpoints_total", result="error") == 0


async def test_events_that_are_cut(tmp_path: Path) -> None:
    """Truncated ones have their places; so do those that are larger than a file."""
    started = Started(tmp_path, audit_log_truncate_enabled=True)
    big = event("big", level="Request", body=b'"' + b"x" * 2_000_000 + b'"')
    started.sink.backend.process_events((big,))
    await started.close()
    started = Started(tmp_path, audit_log_maxsize=1)
    started.sink.backend.process_events((big,))
    await started.close()
    lines = [line for file in lines_of(tmp_path, ".log") for line in file]
    assert len(lines) == 2
    assert all(b'"audit.k8s.io/truncated":"true","auditproxy.io/chain":' in line for line in lines)
    assert found_in(tmp_path) == ([], 1, 0)


async def test_large_events(tmp_path: Path) -> None:
    """Those that a thread writes, in parts, and lines and checkpoints beside them are one chain."""
    started = Started(tmp_path, checkpoint_interval=1_000_000)
    assert started.sink.run is not None
    running = asyncio.create_task(started.sink.run())
    big = event("big", level="Request", body=b'"' + b"x" * 3_000_000 + b'"')
    for _ in range(5):
        outcome = started.sink.backend.process_events((big,))
        assert not isinstance(outcome, bool)
        await started.write(2)
        assert await outcome is True
    running.cancel()
    await started.close()
    lines = lines_of(tmp_path, ".log")[0]
    assert sum(len(line) > 3_000_000 for line in lines) == 5
    assert (len(lines), found_in(tmp_path)) == (15, ([], 1, 0))


async def test_lines_in_place_of_events(tmp_path: Path) -> None:
    """The lines that requests of a known kind are written as have their places too."""
    started = Started(tmp_path)
    assert started.sink.take_line is not None
    for _ in range(3):
        started.sink.take_line(foreign(), is_intent=False)
    await started.close()
    assert found_in(tmp_path) == ([], 1, 0)


async def test_a_torn_end(tmp_path: Path) -> None:
    """T272: it is cut off and reported, and the chain goes on."""
    started = Started(tmp_path)
    await started.write(3)
    path = tmp_path / "audit.log"
    with path.open("ab") as file:
        file.write(b'{"kind":"Ev')
    started.sink.reopen()
    os.truncate(tmp_path / "audit.log.checkpoints", 700)
    # As a crash of the machine leaves it: nobody has closed it, and its lock is gone.
    path.rename(tmp_path / "moved")
    path.write_bytes((tmp_path / "moved").read_bytes())
    (tmp_path / "moved").unlink()
    beside = tmp_path / "audit.log.checkpoints"
    beside.rename(tmp_path / "moved")
    beside.write_bytes((tmp_path / "moved").read_bytes())
    (tmp_path / "moved").unlink()
    again = Started(tmp_path)
    await again.write(2)
    await again.close()
    assert again.said == [
        f"--audit-log-hash-chain: 11 bytes of a torn line were cut off the end of {path}"
    ]
    assert found_in(tmp_path) == ([], 1, 0)


async def test_a_torn_end_in_mode_durable(tmp_path: Path) -> None:
    """The file cuts it off when it is opened; the chain goes on behind the last whole line."""
    started = Started(tmp_path, audit_log_mode="durable")
    await started.write(3)
    await started.close()
    with (tmp_path / "audit.log").open("ab") as file:
        file.write(b'{"kind":"Ev')
    again = Started(tmp_path, audit_log_mode="durable")
    await again.write(2)
    await again.close()
    assert any("ended within a line: its 11 bytes were cut off" in said for said in again.said)
    assert found_in(tmp_path) == ([], 1, 0)


async def test_from_mode_to_mode(tmp_path: Path) -> None:
    """A log keeps its chain when its mode is another."""
    for mode in ("durable", "blocking", "durable", "batch"):
        started = Started(tmp_path, audit_log_mode=mode)
        await started.write(3)
        await started.close()
    assert found_in(tmp_path) == ([], 1, 0)


async def test_the_newest_file_is_a_rotated_one(tmp_path: Path) -> None:
    """The log is empty after a rotation that was the last thing; its archive is read."""
    started = Started(tmp_path)
    await started.write(3)
    await started.close()
    path = tmp_path / "audit.log"
    path.rename(tmp_path / "audit-2026-11-23T13-16-39.368.log")
    again = Started(tmp_path)
    await again.write(2)
    await again.close()
    assert again.said == []
    assert found_in(tmp_path) == ([], 1, 0)


@pytest.mark.parametrize("mode", ["blocking", "durable"])
async def test_a_file_that_ended_before_the_start(mode: str, tmp_path: Path) -> None:
    """Its last line is signed as that of a file: it can be removed for its age like any other."""
    started = Started(tmp_path, audit_log_mode=mode)
    await started.write(3)
    await started.close()
    rotated = tmp_path / "audit-2026-11-23T13-16-39.368.log"
    (tmp_path / "audit.log").rename(rotated)
    again = Started(tmp_path, audit_log_mode=mode)
    await again.write(2)
    await again.close()
    assert found_in(tmp_path) == ([], 1, 0)
    rotated.unlink()
    (checkpoints,) = lines_of(tmp_path, ".checkpoints")
    found = verified(lines_of(tmp_path, ".log"), checkpoints)
    assert found.findings == ()
    assert "where the proxy ended a file" in " ".join(found.notes)


@pytest.mark.parametrize("mode", ["blocking", "durable"])
async def test_what_a_kill_has_left_is_synced(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the start signs the end that it finds: the process before may not have done it."""
    started = Started(tmp_path, audit_log_mode=mode)
    await started.write(3)
    await started.close()
    synced: list[str] = []

    def sync(disk: Disk, descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    monkeypatch.setattr(Disk, "sync", sync)
    (tmp_path / "audit.log").rename(tmp_path / "audit-2026-11-23T13-16-39.368.log")
    again = Started(tmp_path, audit_log_mode=mode)
    assert synced.index("audit-2026-11-23T13-16-39.368.log") < synced.index("audit.log.checkpoints")
    await again.close()


async def test_orderly_ends(tmp_path: Path) -> None:
    """Each is signed, also where all lines were signed before and where none was written."""
    for count in (0, 2, 0, 0):
        started = Started(tmp_path)
        await started.write(count)
        await started.close()
    assert reasons(tmp_path) == [
        *(("ChainBegan", 0), ("Shutdown", 0)),
        *(("ChainBegan", 0), ("Shutdown", 2)),
        *(("Resumed", 2), ("Shutdown", 2)),
        *(("Resumed", 2), ("Shutdown", 2)),
    ]
    (tmp_path / "audit.log").rename(tmp_path / "audit-2026-11-23T13-16-39.368.log")
    await Started(tmp_path).close()
    assert reasons(tmp_path)[-3:] == [("Rotated", 2), ("Resumed", 2), ("Shutdown", 2)]
    (checkpoints,) = lines_of(tmp_path, ".checkpoints")
    assert verified(lines_of(tmp_path, ".log"), checkpoints).notes == ()


async def test_whose_log_it_is(tmp_path: Path) -> None:
    """Checkpoints name their log and the host, and verification says so of the chain."""
    started = Started(tmp_path)
    await started.write(1)
    await started.close()
    (checkpoints,) = lines_of(tmp_path, ".checkpoints")
    (covered,) = verified(lines_of(tmp_path, ".log"), checkpoints).covered
    assert covered.origins == (f"{os.uname().nodename}/audit.log",)


async def test_an_end_that_was_cut(tmp_path: Path) -> None:
    """A new chain, which says so to operators and in its first checkpoint; verify says the rest."""
    started = Started(tmp_path)
    await started.write(5)
    await started.close()
    path = tmp_path / "audit.log"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    again = Started(tmp_path)
    await again.write(2)
    await again.close()
    (said,) = again.said
    assert said.startswith(f"--audit-log-hash-chain: {path} begins a new chain: the last line of ")
    assert found_in(tmp_path) == (["file0:3 removed"], 2, 3)
    assert value(again.metrics, "auditproxy_audit_log_chain_breaks_total") == 1


async def test_a_log_without_a_chain(tmp_path: Path) -> None:
    """A chain that is switched on later begins behind what is there."""
    (tmp_path / "audit.log").write_bytes(foreign() * 2)
    started = Started(tmp_path, checkpoint_key_file="")
    await started.write(2)
    await started.close()
    assert value(started.metrics, "auditproxy_audit_log_chain_breaks_total") == 0
    assert started.said == [
        f"--audit-log-hash-chain: {tmp_path}/audit.log begins a new chain: the last line of the "
        "log before it had no place in a chain"
    ]
    assert found_in(tmp_path) == ([], 1, 2)
    assert not (tmp_path / "audit.log.checkpoints").exists()


async def test_checkpoints_in_time(tmp_path: Path) -> None:
    """Lines do not wait longer than the interval, in each mode; without lines none are made."""
    for mode in ("blocking", "batch", "durable"):
        folder = tmp_path / mode
        started = Started(folder, audit_log_mode=mode, checkpoint_interval=10_000_000)
        assert started.sink.run is not None
        running = asyncio.create_task(started.sink.run())
        await started.write(4)

        def signed(folder: Path = folder) -> bool:
            return b'"number":4,' in (folder / "audit.log.checkpoints").read_bytes()

        await until(signed, "the lines are signed")
        before = reasons(folder)
        running.cancel()
        await started.close()
        assert reasons(folder) == [*before, ("Shutdown", 4)]


async def test_the_anchor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error gets each checkpoint; no anchor none."""
    started = Started(tmp_path, checkpoint_anchor="stderr")
    await started.write(1)
    await started.close()
    assert capsys.readouterr().err.count("checkpoint of the audit log: ") == 2
    assert ChainKeeping(options().audit_chain).anchor is None


@pytest.mark.parametrize("mode", ["batch", "blocking"])
async def test_the_webhook_as_anchor(mode: str, tmp_path: Path) -> None:
    """It gets an event for each checkpoint, from the first; that of the end with the next start."""
    started = Started(
        tmp_path,
        checkpoint_anchor="webhook",
        checkpoint_interval=10_000_000,
        audit_webhook_config_file="/w",
        audit_webhook_mode=mode,
        audit_webhook_batch_max_wait=0,
    )
    assert started.sink.run is not None
    running = asyncio.create_task(started.sink.run())
    await started.write(2)
    link = read_link(lines_of(tmp_path, ".log")[0][0])
    assert link is not None
    chain = link.chain

    def sent() -> set[str]:
        return {audit_id for batch in started.webhook.batches for audit_id in batch}

    await until(lambda: {f"{chain}-1", f"{chain}-2"} <= sent(), "the webhook has both")
    running.cancel()
    await asyncio.wait({running})
    await started.close()
    assert sent() == {"0", "1", f"{chain}-1", f"{chain}-2"}


async def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    """It is counted and reported once a minute; events are written."""
    started = Started(tmp_path)
    path = tmp_path / "audit.log.checkpoints"
    started.sink.reopen()
    path.unlink()
    path.mkdir()
    await started.write(2)
    await started.close()
    assert started.said == [
        f"--audit-log-checkpoint-key-file: a checkpoint cannot be written to {path}: is a directory"
    ]
    assert value(started.metrics, "auditproxy_audit_log_checkpoints_total", result="error") == 1
    assert value(started.metrics, "auditproxy_audit_events_written_total", plugin="log") == 2


def test_what_cannot_have_a_chain(tmp_path: Path) -> None:
    """A FIFO has no end to be found; an archive that is damaged does not say where the end was."""
    with pytest.raises(
        LogFileError, match="needs a regular file, which --audit-log-path /dev/null"
    ):
        open_backends(
            options(audit_log_path="/dev/null", hash_chain=True), Metrics(), lambda text: None
        )
    (tmp_path / "audit-2026-11-23T13-16-39.368.log.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(LogFileError, match="the end of .*audit.log cannot be read: "):
        Started(tmp_path)
