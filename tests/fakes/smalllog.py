"""A log of 60 lines in a folder, and verification of it."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditproxy.commands.verify.running import verify
from tests.fakes.chains import ChainedLog
from tests.fakes.writtenlog import write_public_key


@dataclass
class Small:
    """A log of 60 lines in a folder, with a key."""

    folder: Path
    log: ChainedLog

    def write(self, *, last: bytes | None = None) -> None:
        """Write all of it; ``last`` in place of the newest file."""
        write_public_key(self.folder)
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
