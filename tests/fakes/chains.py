"""A log in a chain, in several files, with signed checkpoints; and what is found in another."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditproxy.audit.chain.checkpoints import CheckpointKey, Reason, checkpoint_line
from auditproxy.audit.chain.evidence import Evidence
from auditproxy.audit.chain.findings import LinePlace
from auditproxy.audit.chain.links import NOTHING, ChainEnd
from auditproxy.audit.chain.runs import ChainPieces
from auditproxy.audit.chain.verifying import ChainVerdict, verdict
from auditproxy.audit.encode import json_line
from tests.fakes.backends import event

TIME = "2026-11-23T13:06:31Z"


def key_of(seed: int) -> Ed25519PrivateKey:
    """A private key, the same one for the same seed."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % seed).digest())


def signing(seed: int = 1) -> CheckpointKey:
    """A key that signs checkpoints."""
    private = key_of(seed)
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return CheckpointKey(hashlib.sha256(der).hexdigest(), private.sign)


def checking(seed: int = 1) -> dict[str, Callable[[bytes, bytes], bool]]:
    """The public half, as verification takes it."""
    public: Ed25519PublicKey = key_of(seed).public_key()

    def check(message: bytes, signature: bytes) -> bool:
        try:
            public.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return {signing(seed).name: check}


@dataclass
class ChainedLog:
    """A log as the proxy writes it: lines of files, and lines of checkpoints."""

    files: list[list[bytes]] = field(default_factory=lambda: [[]])
    checkpoints: list[bytes] = field(default_factory=list)
    end: ChainEnd = field(default_factory=lambda: ChainEnd("a" * 16, 0, NOTHING))
    seed: int = 1

    def sign(self, reason: Reason, after: str = "") -> None:
        """Write a checkpoint of the end."""
        sequence = len(self.checkpoints) + 1
        self.checkpoints.append(
            checkpoint_line(
                self.end,
                signing(self.seed),
                sequence=sequence,
                time=TIME,
                reason=reason,
                after=after,
                log="audit.log",
                instance="proxy-0",
            )
        )

    def write(self, text: str, annotations: dict[str, str] | None = None) -> None:
        """Write an event."""
        line, self.end = self.end.chained(json_line(event(text, annotations=annotations)))
        self.files[-1].append(line)

    def rotate(self) -> None:
        """Begin another file."""
        self.sign("Rotated")
        self.files.append([])


def chained_log(
    lines: int, files: int, *, every: int = 0, seed: int = 1, chain: str = "a" * 16
) -> ChainedLog:
    """So many lines, in files of one length; a checkpoint after each ``every`` lines."""
    log = ChainedLog(end=ChainEnd(chain, 0, NOTHING), seed=seed)
    log.sign("ChainBegan")
    length = -(-lines // files)
    for number in range(lines):
        if number and number % length == 0:
            log.rotate()
        log.write(f"{chain[0]}{number}", {"a": "b"} if number % 2 else None)
        if every and (number + 1) % every == 0:
            log.sign("Interval")
    return log


def verified(
    files: Sequence[Sequence[bytes]],
    checkpoints: Sequence[bytes] = (),
    seed: int = 1,
    *,
    whole: bool = False,
    is_live: bool = True,
) -> ChainVerdict:
    """What is found in lines of files, with the key of a seed."""
    # With keys there have to be checkpoints.
    evidence = Evidence(checking(seed) if checkpoints else {})
    for number, line in enumerate(checkpoints):
        evidence.take(line, LinePlace(-1, "checkpoints", number + 1))
    pieces = ChainPieces(evidence.signed)
    for index, lines in enumerate(files):
        for number, line in enumerate(lines):
            pieces.take(line, LinePlace(index, f"file{index}", number + 1))
    found = verdict(pieces, evidence, whole=whole, is_live=is_live)
    assert not evidence.findings or checkpoints
    return ChainVerdict(
        found.lines,
        (*evidence.findings, *found.findings),
        found.covered,
        found.notes,
        found.is_complete,
    )


def first(found: ChainVerdict) -> tuple[str, str]:
    """LinePlace and kind of the first finding."""
    finding = found.findings[0]
    return str(finding.place), finding.kind
