"""What help and completion show of auditproxy policy, and what is refused."""

import shlex

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.cli import main
from auditproxy.commands.policy.command import EXAMPLES, FLAGS, WORDS
from auditproxy.flags.pflag import parse
from tests.fakes.policies import run


def test_examples_are_command_lines() -> None:
    """Each can be read, and each word has one."""
    words = set()
    for _, line in EXAMPLES:
        command = shlex.split(line.partition(" | ")[0])
        assert command[:2] == ["auditproxy", "policy"]
        parsed = parse(command[2:], FLAGS)
        assert not parsed.faults
        words.add(parsed.arguments[0])
    assert words == set(WORDS)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "auditproxy policy takes one of lint, explain, simulate, diff first"),
        (("check",), "auditproxy policy takes one of lint, explain, simulate, diff first"),
        (("lint",), "auditproxy policy lint takes a policy file, - for standard input, or builtin"),
        (
            ("explain", "x", "y"),
            "auditproxy policy explain takes one policy: a file, - for standard input, or builtin",
        ),
        (("lint", "x", "--output=xml"), "--output must be one of text, json"),
        (("lint", "x", "--fail-on=all"), "--fail-on must be one of error, warning, note, never"),
        (("lint", "x", "--zzz"), "unknown flag: --zzz"),
    ],
)
def test_refused(words: tuple[str, ...], fault: str) -> None:
    """One line says what is missing."""
    with pytest.raises(Unusable) as caught:
        run(*words)
    assert fault in caught.value.faults


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """As a subcommand."""
    assert main(["policy", "lint", "builtin"]) == 0
    assert "builtin: 0 errors" in capsys.readouterr().out
    assert main(["policy", "lint", "/missing/file"]) == 2
    assert capsys.readouterr().err.startswith("auditproxy: error: /missing/file cannot be read")
