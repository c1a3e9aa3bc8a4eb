"""What a measurement is given."""

from dataclasses import dataclass

from tests.bench.settings import Files
from tests.bench.subjects import Subject


@dataclass(frozen=True)
class Measured:
    """A proxy that runs, and what is in front of and behind it."""

    subject: Subject
    files: Files
    upstream_port: int
    seed: int
    round: int
