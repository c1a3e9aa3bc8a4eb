"""What is reported of a line."""

from auditproxy.sessions.terminal.reported import (
    TEXT_LIMIT,
    TerminalCommand,
    claimed,
    exited,
    fitting,
)


def test_claims_are_marked() -> None:
    """What a program says of a line is its claim."""
    other = claimed(TerminalCommand(line="ls"), "rm\x07")
    assert (other.line, other.flags) == ("rm", ("client-claimed",))
    ended = exited(other, 3)
    assert (ended.flags, ended.exit_code) == (("client-claimed", "exited"), 3)


def test_a_text_is_cut_between_characters() -> None:
    """At most 4 KiB of UTF-8."""
    assert fitting("x" + "\u00e9" * TEXT_LIMIT) == "x" + "\u00e9" * (TEXT_LIMIT // 2 - 1)
    assert fitting("short") == "short"
