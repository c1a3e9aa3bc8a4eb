"""What tests of ``auditproxy view`` share: an index in this process, and the command as another."""

import contextlib
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.apis.session import Carried, Channel, Outcome, Record
from auditproxy.apis.units import SECOND
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.meaning.moments import stamp
from auditproxy.reading.sql.index import build_index, open_index
from auditproxy.reading.sql.indexed import IndexQuestion
from auditproxy.reading.sql.indexing import answer
from auditproxy.reading.sql.store import prepare
from auditproxy.reading.trail.blocks import Block, blocks_of
from auditproxy.reading.trail.sources import TrailFile, files_of
from tests.fakes.recorded import Stores, a_session
from tests.fakes.trails import event, line_of

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    "\x1b[2J\x1b]0;title\x07",
    "a\u202eb\u2066c\u200f",
    "nul\x00nul",
    "javascript:alert(3)",
    "'\"`${alert(4)}`",
)
"""Names and values that clients chose."""


def hostile_events() -> list[dict[str, Any]]:
    """Events that have each of these in each of their members."""
    return [
        event(
            "patch", "deployments", text, user=text, namespace=text, group="apps", at=f"10:00:0{place}",
            audit_id=f"hostile-{place}-{text}", level="RequestResponse", userAgent=text,
            sourceIPs=[text, text], requestObject={"spec": {text: text}},
            responseObject={"kind": text, "metadata": {"name": text}, "spec": {text: text}},
            annotations={text: text, "authorization.k8s.io/reason": text},
            responseStatus={"code": 403, "reason": text, "message": text},
        )
        for place, text in enumerate(HOSTILE)
    ]  # fmt: skip


def write_numbered(path: Path, count: int) -> Path:
    """A log of so many requests, one a second, the name of each its number."""
    made = [
        event("get", "pods", f"pod-{number}", at=_clock(number), audit_id=f"numbered-{number}")
        for number in range(count)
    ]
    path.write_bytes(b"".join(line_of(one) + b"\n" for one in made))
    return path


def _clock(number: int) -> str:
    return f"{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}"


class InProcess:
    """Answers as an IndexedTrail does, in this process."""

    def __init__(self, folder: Path, *logs: Path) -> None:
        folder.mkdir(exist_ok=True)
        stored = prepare(files_of([str(log) for log in logs], str(folder)), str(folder), Counts())
        self.blocks: list[Block] = blocks_of([TrailFile(one.path, one.origin) for one in stored])
        build_index(stored, str(folder), 1).run()
        self._connection = open_index(str(folder), 1, stored)

    def ask(
        self,
        statement: str,
        parameters: Sequence[Any] = (),
        most_rows: int = 1000,
        expression: str = "",
    ) -> list[list[Any]]:
        """The rows of the answer; raises Unusable."""
        question = IndexQuestion(statement, tuple(parameters), most_rows, expression)
        said = answer(self._connection, question)
        if "error" in said:
            raise Unusable(said["error"])
        return list(said["rows"])

    def close(self) -> None:
        """Close the index."""
        self._connection.close()


@contextlib.contextmanager
def viewed(*arguments: str) -> Iterator[str]:
    """The command as a process of its own; the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auditproxy", "view", "--no-browser", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(20) == 0


SHELL_ID = str(uuid.uuid5(uuid.NAMESPACE_URL, "6a1c9d3e-shell"))
"""The audit ID of the exec in the trail of tests/reading/shop.py."""


def write_recording(folder: Path) -> str:
    """The recording of that exec, with a pause of half a minute; the name of its file."""
    moment = stamp("2026-11-23T10:05:30.2Z")
    assert moment is not None
    store = Stores(folder).new()
    session = a_session(
        id="5e55",
        audit_id=SHELL_ID,
        started=moment,
        namespace="shop",
        pod="web-7d4b9",
        container="app",
        command=("sh", "-c", "cat /etc/passwd"),
    )
    shell = store.open(session, Record.OUTPUT, moment=0, columns=72, rows=14)
    for seconds, text in (
        (0.1, "/app $ "),
        (1.2, "ls -l\r\n"),
        (1.3, "total 8\r\n-rw-r--r--    1 root     root          1123 Nov 23 09:01 config.yaml\r\n"),
        (1.4, "drwxr-xr-x    2 root     root          4096 Nov 23 09:01 \x1b[1;34mstatic\x1b[0m\r\n/app $ "),
        (30.0, "cat /etc/passwd\r\n"),
        (30.1, "root:x:0:0:root:/root:/bin/ash\r\nbin:x:1:1:bin:/bin:/sbin/nologin\r\n"),
        (30.2, "shop:x:1000:1000:\x1b]0;title\x07<b>shop</b>\u202e:/app:/bin/ash\r\n/app $ "),
        (42.3, "exit\r\n"),
    ):  # fmt: skip
        shell.take(int(seconds * SECOND), [Carried(Channel.STDOUT, text.encode())])
        if text.removesuffix("\r\n") in ("ls -l", "cat /etc/passwd", "exit"):
            shell.command(int(seconds * SECOND), text.removesuffix("\r\n"))
    return Path(shell.finish(int(42.4 * SECOND), Outcome(0)).path).name
