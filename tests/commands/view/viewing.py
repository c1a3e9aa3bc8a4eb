"""What tests of ``auditproxy view`` share: an index in this process, and the command as another."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.sql.index import build_index, open_index
from auditproxy.reading.sql.indexed import IndexQuestion
from auditproxy.reading.sql.indexing import answer
from auditproxy.reading.sql.store import prepare
from auditproxy.reading.trail.blocks import Block, blocks_of
from auditproxy.reading.trail.sources import TrailFile, files_of
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
        self._connection = open_index(str(folder), 1)

    def ask(
        self, statement: str, parameters: Sequence[Any] = (), most_rows: int = 1000
    ) -> list[list[Any]]:
        """The rows of the answer; raises Unusable."""
        said = answer(self._connection, IndexQuestion(statement, tuple(parameters), most_rows))
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
