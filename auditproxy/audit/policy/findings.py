"""Finding: one thing in a policy that is not as its author probably means it."""

import enum
import re

import msgspec


class Severity(enum.StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """The policy does not do what it says, or records credentials."""
    WARNING = "warning"
    """It records more or less than is probably meant."""
    NOTE = "note"
    """What an author should know."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding; ``path`` is where, such as ``rules[2].verbs``, "" for the whole policy.

    ``problem`` continues the path to a sentence; ``fix`` is what to do about it, "" for nothing.
    """

    check: str
    severity: Severity
    path: str
    problem: str
    fix: str

    @property
    def text(self) -> str:
        """The finding in one line, without its severity."""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.path} {self.problem}{fix}".lstrip()

    @property
    def rule(self) -> int | None:
        """The index of the rule that it is about, None for the whole policy."""
        found = _RULE.match(self.path)
        return int(found[1]) if found else None


_RULE = re.compile(r"rules\[(\d+)\]")


def texts(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Findings of other files with selectors, whose readers report texts."""
    return tuple(finding.text for finding in findings)
