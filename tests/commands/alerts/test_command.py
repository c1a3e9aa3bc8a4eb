"""What help and completion show of auditproxy alerts."""

from auditproxy.commands.alerts.command import EXAMPLES, FLAGS, OUTPUTS, WORDS
from auditproxy.flags.pflag import parse


def test_examples_are_command_lines() -> None:
    """Each can be read, and each word has one."""
    words = set()
    for _, line in EXAMPLES:
        command = line.partition(" | ")[0].partition(" > ")[0].split()
        assert command[:2] == ["auditproxy", "alerts"]
        parsed = parse(command[2:], FLAGS)
        assert not parsed.faults
        words.add(parsed.arguments[0])
    assert words == set(WORDS)


def test_defaults() -> None:
    """A table of the shipped rules."""
    assert {flag.name: flag.default for flag in FLAGS if flag.name != "help"} == {
        "rules": "builtin",
        "output": OUTPUTS[0],
    }
