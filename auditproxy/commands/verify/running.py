"""``auditproxy verify``: reads checkpoints, then the lines, and says what was found.

Exit codes: 0 when nothing was, 1 for a finding or a log without a chain, 2 for what cannot be used.
Memory depends on the numbers of checkpoints and of findings, not on that of lines. Checkpoints are
read first: a log that is being written only gets longer.
"""

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from gzip import BadGzipFile
from typing import Any

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.app.standardstreams import counted
from auditproxy.audit.chain.anchoring import checkpoints_in
from auditproxy.audit.chain.evidence import Evidence
from auditproxy.audit.chain.findings import Finding, LinePlace
from auditproxy.audit.chain.runs import ChainPieces
from auditproxy.audit.chain.verifying import ChainVerdict, Covered, verdict
from auditproxy.commands.alerts.replay import lines_of
from auditproxy.commands.alerts.running import PROGRESS, Output
from auditproxy.commands.verify.collecting import CollectedLog, collect
from auditproxy.commands.verify.keys import public_keys

SHOWN = 20
"""Findings of one log that are shown as text; the first matters most."""

_STEP = 2000
"""Lines between two readings of the clock."""

_DAMAGED = (EOFError, BadGzipFile, zlib.error)


@dataclass(slots=True)
class _Reader:
    """Reads the files of one log."""

    log: CollectedLog
    err: Output
    findings: list[Finding] = field(default_factory=list)
    _shown: float = field(default_factory=time.monotonic)

    def read(self, order: int, path: str, take: Callable[[bytes, LinePlace], None]) -> None:
        """Give each line of a file to ``take``; raises Unusable where it cannot be read."""
        number = 0
        try:
            for line in lines_of(path):
                number += 1
                take(line, LinePlace(order, path, number))
                if not number % _STEP and time.monotonic() - self._shown > PROGRESS:
                    self._shown = time.monotonic()
                    if self.err.isatty():
                        self.err.write(f"{path}: {number} lines\n")
        except _DAMAGED as error:
            text = f"the gzip file is damaged behind this line ({type(error).__name__})"
            self.findings.append(Finding(LinePlace(order, path, number), "unreadable", text))
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror or error}") from None


def verify(values: Mapping[str, Any], paths: Sequence[str], out: Output, err: Output) -> int:
    """Verify the logs that the paths name; the exit code. Raises Unusable."""
    keys = public_keys(values.get("public-key", ()))
    if not keys:
        err.write(
            "auditproxy: warning: signatures are not checked: a log that was made again as a whole "
            "is not found; give --public-key\n"
        )
    is_sound = True
    for log in collect(paths):
        reader = _Reader(log, err)
        evidence = Evidence(keys)
        _take_checkpoints(evidence, reader, values.get("checkpoints", ()))
        found = _verdict(evidence, reader, whole=values.get("whole", False))
        findings = sorted(
            (*evidence.findings, *reader.findings, *found.findings), key=lambda each: each.place
        )
        if values.get("output") == "json":
            out.write(_as_json(log, found, findings))
        else:
            _show(log, found, findings, out)
        is_sound = is_sound and not findings and bool(found.covered) and found.is_complete
    return 0 if is_sound else FAILED


def _take_checkpoints(evidence: Evidence, reader: _Reader, more: Sequence[str]) -> None:
    """Take the checkpoints beside a log, then those of other files."""
    evidence.begin(in_order=True)
    for path in reader.log.checkpoints:
        reader.read(-1, path, evidence.take)
    evidence.begin(in_order=False)

    def take(line: bytes, place: LinePlace) -> None:
        for checkpoint in checkpoints_in(line):
            evidence.take(checkpoint, place)

    for path in more:
        reader.read(-1, path, take)


def _verdict(evidence: Evidence, reader: _Reader, *, whole: bool) -> ChainVerdict:
    pieces = ChainPieces(evidence.signed)
    for order, path in enumerate(reader.log.files):
        if pieces.lines == 0:
            pieces.last_place = LinePlace(order, path, 0)
        if not pieces.is_full:
            reader.read(order, path, pieces.take)
    return verdict(pieces, evidence, whole=whole, is_live=reader.log.is_live)


def _show(log: CollectedLog, found: ChainVerdict, findings: Sequence[Finding], out: Output) -> None:
    files = counted(len(log.files), "file")
    out.write(f"{log.name}: {files}, {counted(found.lines, 'line')}\n")
    for covered in found.covered:
        out.write(f"  {_coverage(covered)}\n")
    for note in found.notes:
        out.write(f"  {note}\n")
    for finding in findings[:SHOWN]:
        out.write(f"{finding.kind:<11} {finding.place}: {finding.text}\n")
    if len(findings) > SHOWN:
        out.write(f"and {len(findings) - SHOWN} more\n")
    if not found.is_complete:
        out.write("not read to its end: it breaks too often\n")
    if not found.covered:
        out.write("no line is in a chain; the proxy needs --audit-log-hash-chain\n")
    elif not findings:
        out.write("ok\n")


def _coverage(covered: Covered) -> str:
    lines = f"chain {covered.chain}: lines {covered.first} to {covered.last}"
    if not covered.signed:
        return f"{lines}, none of them covered by a checkpoint"
    behind = counted(covered.unsigned, "line")
    text = f"{lines}, signed up to line {covered.signed} at {covered.time}"
    if covered.unsigned:
        text += f"; the {behind} behind it, and any that may have followed, are not"
    return text


def _as_json(log: CollectedLog, found: ChainVerdict, findings: Sequence[Finding]) -> str:
    value = {
        "log": log.name,
        "files": list(log.files),
        "lines": found.lines,
        "chains": [
            {
                "chain": covered.chain,
                "first": covered.first,
                "last": covered.last,
                "signed": covered.signed,
                "signedAt": covered.time,
                "unsigned": covered.unsigned,
            }
            for covered in found.covered
        ],
        "findings": [
            {
                "file": finding.place.file,
                "line": finding.place.line,
                "kind": finding.kind,
                "text": finding.text,
            }
            for finding in findings
        ],
        "notes": list(found.notes),
        "complete": found.is_complete,
    }
    return json.dumps(value, separators=(",", ":")) + "\n"
