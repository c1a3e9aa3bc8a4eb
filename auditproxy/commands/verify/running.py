"""``auditproxy verify``: reads checkpoints, then the lines, and says what was found.

Exit codes: 0 when nothing was, 1 for a finding or a log without a chain, 2 for what cannot be used.
Memory depends on the numbers of checkpoints and of findings, not on that of lines. Checkpoints are
read first: a log that is being written only gets longer. Where it was rotated meanwhile, it is read
again.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditproxy.apis.faults import FAILED, Unusable, why_unread
from auditproxy.app.standardstreams import Output, counted
from auditproxy.audit.chain.anchoring import checkpoints_in
from auditproxy.audit.chain.evidence import Check, Evidence
from auditproxy.audit.chain.findings import ChainFinding, LinePlace
from auditproxy.audit.chain.runs import ChainPieces
from auditproxy.audit.chain.verifying import ChainVerdict, Covered, verdict
from auditproxy.commands.alerts.replay import lines_of
from auditproxy.commands.alerts.running import PROGRESS
from auditproxy.commands.verify.collecting import CollectedLog, check_paths, collect
from auditproxy.commands.verify.doubles import DAMAGED, compare_double
from auditproxy.commands.verify.keys import public_keys

SHOWN = 20
"""Findings of one log that are shown as text; the first matters most."""

_ATTEMPTS = 4
"""How often a log is read that is rotated each time."""

_NO_CHAIN = "no line is in a chain; the proxy needs --audit-log-hash-chain"

_STEP = 2000
"""Lines of one file, or of several, between two readings of the clock."""


@dataclass(slots=True)
class _Progress:
    """Says on a terminal how far it is, now and then; of all logs, since many may be short."""

    err: Output
    _lines: int = 0
    """Those since the clock was read last."""
    _shown: float = field(default_factory=time.monotonic)

    def line(self, path: str, number: int, of: str) -> None:
        """Note that the line with this number was read; ``of`` says which file it is of those."""
        self._lines += 1
        if number % _STEP and self._lines < _STEP:
            return
        self._lines = 0
        if time.monotonic() - self._shown > PROGRESS:
            self._shown = time.monotonic()
            if self.err.isatty():
                self.err.write(f"{path}: {counted(number, 'line')}{of}\n")


@dataclass(slots=True)
class _Reader:
    """Reads the files of one log."""

    log: CollectedLog
    progress: _Progress
    findings: list[ChainFinding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_torn: bool = False
    """Whether there was a line without its end, as one is that is being written."""

    def read(self, order: int, path: str, take: Callable[[bytes, LinePlace], None]) -> None:
        """Give each line of a file to ``take``; raises Unusable where it cannot be read."""
        number = 0
        of = f", file {order + 1} of {len(self.log.files)}" if order >= 0 else ""
        try:
            for line in lines_of(path):
                number += 1
                take(line, LinePlace(order, path, number))
                self.is_torn = self.is_torn or not line.endswith(b"\n")
                self.progress.line(path, number, of)
        except DAMAGED as error:
            text = f"the gzip file is damaged behind this line ({type(error).__name__})"
            self.findings.append(ChainFinding(LinePlace(order, path, number), "unreadable", text))
        except OSError as error:
            raise _unreadable(path, error) from None

    def compare_doubles(self) -> None:
        """Compare archives with the files that they are of, which were read in their place."""
        for order, packed in self.log.doubles:
            try:
                said = compare_double(order, self.log.files[order], packed)
            except OSError as error:
                raise _unreadable(packed, error) from None
            if isinstance(said, ChainFinding):
                self.findings.append(said)
            else:
                self.notes.append(said)


def _unreadable(path: str, error: OSError) -> Unusable:
    return Unusable(f"{path} cannot be read: {why_unread(error)}")


def verify(values: Mapping[str, Any], paths: Sequence[str], out: Output, err: Output) -> int:
    """Verify the logs that the paths name; the exit code. Raises Unusable."""
    keys = public_keys(values.get("public-key", ()))
    check_paths(paths)
    collected = collect(paths)
    if not keys:
        err.write(
            "auditproxy: warning: signatures are not checked: a log that was made again as a whole "
            "is not found; give --public-key\n"
        )
    progress = _Progress(err)
    is_sound = True
    logs: dict[str, str] = {}
    for log in collected:
        read = _read(log, keys, values, progress)
        for _ in range(_ATTEMPTS - 1):
            if read.is_as_it_was:
                break
            read = _read(_again(log, paths), keys, values, progress)
        if read.fault:
            raise Unusable(read.fault)
        read.note_copies(logs)
        read.show(out, is_json=values.get("output") == "json")
        is_sound = is_sound and read.is_sound
    return 0 if is_sound else FAILED


def _again(log: CollectedLog, paths: Sequence[str]) -> CollectedLog:
    """The log as it is now."""
    return next(now for now in collect(paths) if now.name == log.name)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was found in a log, or why it could not be read; whether it is still what was read."""

    log: CollectedLog
    found: ChainVerdict
    findings: Sequence[ChainFinding]
    notes: list[str]
    fault: str
    is_as_it_was: bool
    are_signatures_checked: bool
    """Whether there is a key to check signatures with."""

    @property
    def is_sound(self) -> bool:
        """Whether the log is as the proxy wrote it, as far as can be said."""
        return not self.findings and bool(self.found.covered) and self.found.is_complete

    def note_copies(self, logs: dict[str, str]) -> None:
        """Note chains that are in another log too; ``logs`` has the first one of each."""
        for covered in self.found.covered:
            other = logs.setdefault(covered.chain, self.log.name)
            if other != self.log.name:
                self.notes.append(f"chain {covered.chain} is in {other} too: one is a copy")

    def show(self, out: Output, *, is_json: bool) -> None:
        """Write it, for people or for programs."""
        if is_json:
            checked = self.are_signatures_checked
            value = {"ok": self.is_sound, "signaturesChecked": checked, **_as_json(self)}
            out.write(json.dumps(value, separators=(",", ":")) + "\n")
        else:
            _show(self, out)


def _read(
    log: CollectedLog, keys: Mapping[str, Check], values: Mapping[str, Any], progress: _Progress
) -> _Read:
    """Read a log once."""
    reader, evidence, fault = _Reader(log, progress), Evidence(keys), ""
    before = _state(log)
    found = ChainVerdict(0, (), (), (), is_complete=False)
    try:
        _take_checkpoints(evidence, reader, values.get("checkpoints", ()))
        found = _verdict(evidence, reader, whole=values.get("whole", False))
        reader.compare_doubles()
    except Unusable as error:
        fault = str(error)
    findings = sorted(
        (*evidence.findings, *reader.findings, *found.findings), key=lambda each: each.place
    )
    # Where something was found it matters what was renamed meanwhile, and where a line was torn
    # how long the files are now.
    same = [
        now == then if reader.is_torn else now[0] == then[0]
        for now, then in zip(_state(log), before, strict=True)
    ]
    notes = [*found.notes, *reader.notes]
    if log.is_live and not log.is_there:
        notes.insert(
            0, f"{log.name} is not there: it was renamed, and not made again yet, or removed"
        )
    is_as_it_was = not (fault or findings) or all(same)
    return _Read(log, found, findings, notes, fault, is_as_it_was, bool(keys))


def _state(log: CollectedLog) -> list[tuple[int, int]]:
    """Inode and size of each file of a log, to compare with those of another moment."""
    state = []
    newest = (log.name,) if log.is_live and not log.is_there else ()
    for path in (*log.checkpoints, *log.files, *newest):
        try:
            facts = os.stat(path)
        except OSError:
            state.append((0, 0))
        else:
            state.append((facts.st_ino, facts.st_size))
    return state


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
    if pieces.is_without_chain:
        return ChainVerdict(pieces.lines, (), (), tuple(evidence.notes), is_complete=True)
    return verdict(pieces, evidence, whole=whole, is_live=reader.log.is_live)


def _show(read: _Read, out: Output) -> None:
    log, found, findings = read.log, read.found, read.findings
    files = counted(len(log.files), "file")

    def say(line: str) -> None:
        # Who can write checkpoints must not write our lines.
        out.write(
            "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line) + "\n"
        )

    say(f"{log.name}: {files}, {counted(found.lines, 'line')}")
    for covered in found.covered:
        say(f"  {_coverage(covered)}")
    for note in read.notes:
        say(f"  {note}")
    for finding in findings[:SHOWN]:
        say(f"{finding.kind:<11} {finding.place}: {finding.text}")
    if len(findings) > SHOWN:
        say(f"and {len(findings) - SHOWN} more")
    if not found.is_complete:
        say("not read to its end: it breaks too often")
    if not found.covered:
        say(_NO_CHAIN)
    elif not findings:
        say(_verdict_of(read))


def _verdict_of(read: _Read) -> str:
    """The last line of a log in which nothing was found: what that is worth."""
    if not read.are_signatures_checked:
        return "ok (signatures not checked)"
    return "ok" if any(each.signed for each in read.found.covered) else "ok (no line is signed)"


def _coverage(covered: Covered) -> str:
    whose = f" of {', '.join(covered.origins)}" if covered.origins else ""
    lines = f"chain {covered.chain}{whose}: lines {covered.first} to {covered.last}"
    if not covered.signed:
        return f"{lines}, none of them covered by a checkpoint"
    behind = counted(covered.unsigned, "line")
    text = f"{lines}, signed up to line {covered.signed} at {covered.time}"
    if covered.unsigned:
        text += f"; the {behind} behind it, and any that may have followed, are not"
    return text


def _as_json(read: _Read) -> dict[str, Any]:
    return {
        "log": read.log.name,
        "files": list(read.log.files),
        "lines": read.found.lines,
        "chains": [
            {
                "chain": covered.chain,
                "origins": list(covered.origins),
                "first": covered.first,
                "last": covered.last,
                "signed": covered.signed,
                "signedAt": covered.time,
                "unsigned": covered.unsigned,
            }
            for covered in read.found.covered
        ],
        "findings": [
            {
                "file": finding.place.file,
                "line": finding.place.line,
                "kind": finding.kind,
                "text": finding.text,
            }
            for finding in read.findings
        ],
        "notes": [*([] if read.found.covered else [_NO_CHAIN]), *read.notes],
        "complete": read.found.is_complete,
    }
