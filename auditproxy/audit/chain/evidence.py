"""Evidence: checkpoints as they are read, their signatures checked, found again by chain and line.

lines of checkpoints --signature, sequence--> signed[chain][number], findings
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditproxy.audit.chain.checkpoints import Checkpoint, CheckpointError, read_checkpoint
from auditproxy.audit.chain.findings import ChainFinding, Kind, LinePlace

Check = Callable[[bytes, bytes], bool]
"""Whether a signature (the second) is that of a message by one key."""

MAXIMUM_CHECKPOINTS = 2_000_000
"""Checkpoints that are remembered, some 400 bytes each; further ones are not used."""

MAXIMUM_FINDINGS = 1000

MAXIMUM_ORIGINS = 20
"""Instances of one chain that are remembered."""

MAXIMUM_NOTES = 20
"""Notes about checkpoints; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed of one line."""

    digest: str
    time: str
    ends_file: bool = False
    """Whether the line is the last one of a file."""


@dataclass(slots=True)
class Evidence:
    """Takes checkpoints; ``keys`` are the public keys by their names.

    Without keys no signature is checked: what is found then shows mistakes, and no malice.
    """

    keys: Mapping[str, Check]
    signed: dict[str, dict[int, Signed]] = field(default_factory=dict)
    began: set[str] = field(default_factory=set)
    """Chains whose beginning was signed."""
    ended: dict[str, int] = field(default_factory=dict)
    """The number at which a chain was found when the next one began."""
    origins: dict[str, list[str]] = field(default_factory=dict)
    """Which logs, of which instances, the checkpoints of a chain name: INSTANCE/LOG."""
    findings: list[ChainFinding] = field(default_factory=list)
    latest: tuple[str, int] = ("", 0)
    """Chain and line of the last checkpoint."""
    count: int = 0
    beside: set[str] = field(default_factory=set)
    """Chains whose checkpoints were beside the log, and not only in copies of those of all."""
    first_missing: int = 0
    """Checkpoints that came before the first that is here."""
    further_notes: int = 0
    _notes: list[str] = field(default_factory=list)
    _last: int = 0
    _before: Checkpoint | None = None
    _in_order: bool = True

    @property
    def notes(self) -> list[str]:
        """What checkpoints say beside their lines: facts that need no action by themselves."""
        notes = list(self._notes)
        if self.first_missing:
            notes.insert(0, f"{self.first_missing} checkpoints before the first one are not here")
        if self.further_notes:
            notes.append(f"and {self.further_notes} more of these")
        return notes

    def begin(self, *, in_order: bool) -> None:
        """The next checkpoints are of another log, or of a copy, which may be in no order."""
        self._last = 0
        self._before = None
        self._in_order = in_order

    def take(self, line: bytes, place: LinePlace) -> None:
        """Take the next line of checkpoints; what is wrong with it is a finding."""
        try:
            read = read_checkpoint(line)
        except CheckpointError as error:
            self._found(place, "changed", f"{error}")
            return
        checkpoint = read.checkpoint
        if self.keys:
            check = self.keys.get(checkpoint.key)
            if check is None:
                text = f"it is signed with another key than those given: {checkpoint.key}"
                self._found(place, "unsigned", text)
                return
            if not check(read.message, read.signature):
                self._found(place, "changed", "its signature is not that of its bytes")
                return
        if self._in_order:
            self._check_order(checkpoint, place)
            self._note(checkpoint)
        self._remember(checkpoint, place)

    def _check_order(self, checkpoint: Checkpoint, place: LinePlace) -> None:
        last, self._last = self._last, checkpoint.sequence
        if not last:
            self.first_missing += checkpoint.sequence - 1
        elif checkpoint.sequence > last + 1:
            missing = f"{last + 1} to {checkpoint.sequence - 1}"
            self._found(place, "removed", f"checkpoints {missing} are missing before it")
        elif checkpoint.sequence <= last:
            text = f"checkpoint {checkpoint.sequence} comes behind checkpoint {last}"
            self._found(place, "reordered", text)
            self._last = last

    def _note(self, checkpoint: Checkpoint) -> None:
        """Note what it says itself, and a start behind an end that was not in order.

        Who can write both files can make such an end: without the lines that followed, and
        without their checkpoints.
        """
        before = self._before
        if not _is_at_next_start(checkpoint, before):
            self._before = checkpoint
        if checkpoint.message:
            said = checkpoint.message
            if checkpoint.reason == "ChainBegan":
                said = f"the chain began here, because {said}"
            self._noted(f"checkpoint {checkpoint.sequence} of {checkpoint.time}: {said}")
        if checkpoint.reason == "Resumed" and before is not None and before.reason != "Shutdown":
            self._noted(
                f"started at {checkpoint.time} behind line {checkpoint.number}, and not ended in "
                f"order before: it was killed, or what was written since {before.time} was removed"
            )

    def _noted(self, text: str) -> None:
        if len(self._notes) < MAXIMUM_NOTES:
            self._notes.append(text)
        else:
            self.further_notes += 1

    def _remember(self, checkpoint: Checkpoint, place: LinePlace) -> None:
        chain, number = checkpoint.chain, checkpoint.number
        if checkpoint.reason == "ChainBegan":
            self.began.add(chain)
            before, _, end = checkpoint.after.partition("/")
            if end.isdecimal():
                self.ended[before] = int(end)
        if self._in_order:
            self.latest = (chain, number)
            self.beside.add(chain)
        if self.count >= MAXIMUM_CHECKPOINTS:
            return
        self.count += 1
        origins = self.origins.setdefault(chain, [])
        if (
            checkpoint.origin
            and checkpoint.origin not in origins
            and len(origins) < MAXIMUM_ORIGINS
        ):
            origins.append(checkpoint.origin)
        known = self.signed.setdefault(chain, {})
        other = known.get(number)
        if other is not None and other.digest != checkpoint.digest:
            text = f"it contradicts the checkpoint of {other.time} for line {number} of {chain}"
            self._found(place, "rewritten", text)
            return
        ends_file = checkpoint.reason == "Rotated" or (other is not None and other.ends_file)
        known[number] = Signed(checkpoint.digest, checkpoint.time, ends_file)

    def _found(self, place: LinePlace, kind: Kind, text: str) -> None:
        if len(self.findings) < MAXIMUM_FINDINGS:
            self.findings.append(ChainFinding(place, kind, text))


def _is_at_next_start(checkpoint: Checkpoint, before: Checkpoint | None) -> bool:
    """Whether it says only that the file of an orderly end was renamed until the next start."""
    return (
        before is not None
        and (checkpoint.reason, before.reason) == ("Rotated", "Shutdown")
        and (checkpoint.chain, checkpoint.number) == (before.chain, before.number)
    )
