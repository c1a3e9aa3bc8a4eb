"""Logs are read from regular files, and nothing else is waited for."""

import gzip
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from auditproxy import cli
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.trail.lines import lines_of
from auditproxy.reading.trail.regular import NotRegularError, opened
from tests.fakes.trails import event, write


def make_fifo(path: Path) -> None:
    """One without a writer: to open it in the usual way waits for ever."""
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """Of a server that is gone."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_device(path: Path) -> None:
    """A link to one that never ends."""
    path.symlink_to("/dev/zero")


KINDS = (make_fifo, make_socket, make_device, Path.mkdir)


@pytest.mark.parametrize("make", KINDS)
def test_not_regular(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused."""
    monkeypatch.chdir(tmp_path)  # A path of a socket is short.
    make(Path("audit.log"))
    with pytest.raises(NotRegularError, match="not a regular file"):
        opened("audit.log")


def test_a_link_to_a_file(tmp_path: Path) -> None:
    """It is followed, as those of containers' logs are."""
    (tmp_path / "log").write_bytes(b"a")
    (tmp_path / "link").symlink_to("log")
    with opened(str(tmp_path / "link")) as file:
        assert file.read() == b"a"


@pytest.mark.parametrize("make", KINDS[:3])
@pytest.mark.parametrize(
    "name", ["audit.log", "audit-2026-11-23T13-16-39.368.log.gz", "audit.log.checkpoints"]
)
def test_verify(
    tmp_path: Path,
    make: Callable[[Path], None],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In place of any file of a log: exit code 2, and one line that names it."""
    monkeypatch.chdir(tmp_path)
    write(Path("audit.log"), [event()])
    Path(name).unlink(missing_ok=True)
    make(Path(name))
    assert cli.main(["verify", "audit.log"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{name} cannot be read: it is not a regular file" in error


@pytest.mark.parametrize(
    "words",
    ["events list", "report access", "policy simulate policy.yaml", "rbac",
     "reconcile audit.log", "alerts test"],
)  # fmt: skip
def test_commands(
    tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each that reads logs refuses a FIFO that it is given."""
    monkeypatch.chdir(tmp_path)
    write(Path("audit.log"), [event()])
    Path("policy.yaml").write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
    )
    make_fifo(Path("fifo"))
    assert cli.main([*words.split(), "fifo"]) == 2
    assert "regular file" in capsys.readouterr().err


def test_blank_lines(tmp_path: Path) -> None:
    """A packed log of nothing else is read in few pieces; where it matters each one comes."""
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"\n" * 1_000_000 + b" \r\n  b\n\nc"))
    found = list(lines_of(str(path), Counts()))
    assert [line for line in found if line] == [b"a", b"  b", b"c"]
    assert len(found) < 10_000
    assert len(list(lines_of(str(path), Counts(), each_blank=True))) == 1_000_005
