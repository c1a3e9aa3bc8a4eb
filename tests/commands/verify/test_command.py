"""What help and completion show of auditproxy verify, and what it refuses."""

import pytest

from auditproxy.cli import main
from auditproxy.commands.verify.command import EXAMPLES, FLAGS
from auditproxy.flags.pflag import parse


def test_examples_are_command_lines() -> None:
    """Each can be read."""
    for _, line in EXAMPLES:
        command = line.partition(" | ")[0].split()
        assert command[:2] == ["auditproxy", "verify"]
        parsed = parse(command[2:], FLAGS)
        assert not parsed.faults
        assert parsed.arguments


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "auditproxy verify needs an audit log, - for standard input"),
        (["--output=yaml", "a"], "--output must be one of text, json"),
        (["--hole", "a"], "unknown flag: --hole"),
        (["/nowhere"], "/nowhere cannot be read: No such file or directory; correct the path"),
        (["/missing/audit.log"], "/missing cannot be read: No such file or directory"),
        (["--public-key=/missing", "a"], "--public-key /missing cannot be read"),
        (["audit.log.checkpoints"], "these files have checkpoints; name the log that they are of"),
    ],
)
def test_faults(words: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 for what cannot be used, and one line about that alone."""
    assert main(["verify", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"auditproxy: error: {fault}")
