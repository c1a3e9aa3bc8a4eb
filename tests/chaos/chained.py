"""Rounds of chaos for the hash chain: a chained log in mode durable, its checkpoints, ``verify``.

After each kill, and in each of OUTCOMES with a loss of power, ``auditproxy verify`` finds one chain,
and nothing but ends within a line. A collector takes away rotated files but the newest. In the end
all files together are the same one chain from its first line on.
"""

import io
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from auditproxy.backends.durable.checkpoints import CHECKPOINTS
from auditproxy.commands.verify.running import verify
from tests.chaos.platter import CHAINED_LOGS, in_order
from tests.chaos.rounds import Chaos, logs_of, nothing
from tests.fakes.chains import key_of
from tests.fakes.writtenlog import write_public_key


@dataclass
class ChainChaos(Chaos):
    """What all rounds have seen; ``chain`` is the name of the chain that all have continued."""

    pattern: ClassVar[str] = CHAINED_LOGS
    longest: ClassVar[float] = 1.5
    chain: str = ""
    lines: int = 0
    signed: int = 0
    checkpoints: int = 0
    archived: dict[str, bytes] = field(default_factory=dict)

    async def run(self, rounds: int, told: Callable[[], None] = nothing) -> None:
        """Play so many rounds, and verify all that they have left."""
        await super().run(rounds, told)
        last = self._survived("killed")
        whole = {**self.archived, **last}
        self.checkpoints = sum(
            content.count(b"\n") for name, content in whole.items() if name.endswith(CHECKPOINTS)
        )
        self.faults += (f"in the end: {fault}" for fault in self._verified(whole, whole=True))

    def _is_enough(self) -> bool:
        """Whether the kill may come: with ``least`` also one of the checkpoints of an interval."""
        if not (super()._is_enough() and self.least):
            return super()._is_enough()
        path = self.folder / f"audit.log{CHECKPOINTS}"
        return path.exists() and b'"reason":"Interval"' in path.read_bytes()

    def _flags(self) -> tuple[str, ...]:
        key = self.folder / "checkpoint.pem"
        key.write_bytes(key_of(1).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return (
            *super()._flags(),
            "--audit-log-hash-chain",
            f"--audit-log-checkpoint-key-file={key}",
            "--audit-log-checkpoint-interval=1s",
        )

    def _kept(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The log in use, its checkpoints, and the newest rotated file; others are archived.

        One without a line may be newer: where all lines are taken away, a new chain begins.
        """
        rotated = [name for name in in_order(logs_of(files)) if name != "audit.log"]
        newest = max((at for at, name in enumerate(rotated) if files[name]), default=0)
        self.archived |= {name: files[name] for name in rotated[:newest]}
        return {name: content for name, content in files.items() if name not in rotated[:newest]}

    def _verified(self, files: Mapping[str, bytes], *, whole: bool = False) -> list[str]:
        """What ``auditproxy verify`` says, and should not."""
        said = verified(files, whole=whole)
        expected = {(name, line, "changed") for name, line in torn_ends(files)}
        found = {(one["file"], one["line"], one["kind"]): one["text"] for one in said["findings"]}
        faults = [f"{key}: {text}" for key, text in found.items() if key not in expected]
        faults += [f"{key} was not found" for key in expected - found.keys()]
        chains = [one["chain"] for one in said["chains"]]
        if chains:
            self.chain = self.chain or chains[0]
        if chains != [self.chain] and (said["lines"] > len(expected) or whole):
            faults.append(f"chains {chains}, and it should be {self.chain} alone")
        if whole and chains:
            self.lines, self.signed = said["chains"][0]["last"], said["chains"][0]["signed"]
        return faults

    def rows(self) -> list[tuple[str, int]]:
        """What was seen, row by row."""
        return [
            *super().rows(),
            ("lines of the one chain", self.lines),
            ("the last of them that is signed", self.signed),
            ("checkpoints", self.checkpoints),
        ]


def verified(files: Mapping[str, bytes], *, whole: bool = False) -> dict[str, Any]:
    """What ``auditproxy verify --output=json`` says of files; names stand for paths."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_public_key(folder)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        values = {"public-key": (f"{folder}/key.pub",), "whole": whole, "output": "json"}
        # One that was renamed may not be there again yet.
        names = ["audit.log"] if "audit.log" in files else in_order(logs_of(files))
        verify(values, [f"{folder}/{name}" for name in names], out, err)
    said: dict[str, Any] = json.loads(out.getvalue())
    for finding in said["findings"]:
        finding["file"] = Path(finding["file"]).name
    return said


def torn_ends(files: Mapping[str, bytes]) -> list[tuple[str, int]]:
    """Where files end within a line: their names and the numbers of these lines."""
    return [
        (name, content.count(b"\n") + 1)
        for name, content in files.items()
        if content and not content.endswith(b"\n")
    ]
