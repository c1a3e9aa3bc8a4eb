"""Help: examples first, groups on demand (faults from outside, D)."""

import re
import shlex

import pytest

from auditproxy.cli import commands
from auditproxy.commands.sessions.command import SESSIONS
from auditproxy.flags.command import Command
from auditproxy.flags.help import GROUPS, WIDTH, command_help, overview
from auditproxy.flags.pflag import parse
from auditproxy.flags.serve import FLAGS


def no_runner() -> object:
    """Help starts nothing."""
    raise AssertionError("help must not need the proxy")


COMMANDS = commands(no_runner)  # type: ignore[arg-type]
SERVE = next(command for command in COMMANDS if command.name == "serve")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_examples_come_first_and_work(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    """D: every subcommand's help begins with examples, whose flags exist."""
    monkeypatch.setenv("COLUMNS", "80")
    text = command_help(command)
    assert text.index("\nExamples:\n") < text.index("lags:\n")
    assert command.examples
    for _, line in command.examples:
        assert f"\n  {line}\n" in text
        words = shlex.split(line.replace("<(", "").replace(")", ""))
        start = words.index("auditproxy")
        end = next((i for i, word in enumerate(words) if word in ("|", ">")), len(words))
        assert words[start + 1] == command.name
        parsed = parse(words[start + 2 : end], command.flags)
        assert parsed.faults == ()
        if command.words or not command.operand:
            assert set(parsed.arguments[:1]) <= set(command.words)
        assert len(parsed.arguments) < 2 or command.operand


def test_serve_is_short_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """D: common flags and the list of groups; a screen or two instead of seven."""
    monkeypatch.setenv("COLUMNS", "80")
    text = command_help(SERVE)
    assert len(text.splitlines()) < 90
    assert "--audit-log-batch-max-size" not in text
    for group in GROUPS:
        assert f"--help={group} " in text
    prose = [line for line in text.splitlines() if not line.startswith("  auditproxy")]
    assert max(len(line) for line in prose) <= WIDTH + 10


def test_one_flag_is_no_plural() -> None:
    """A group of one flag has a flag, the others have flags."""
    text = command_help(SERVE)
    assert re.search(r"--help=health +1 flag: ", text)
    assert re.search(r"--help=audit +\d+ flags: ", text)


def test_each_flag_is_in_one_group() -> None:
    """D: the groups together are everything."""
    grouped = [
        flag.name for heading, _ in GROUPS.values() for flag in FLAGS if flag.section == heading
    ]
    assert sorted(grouped) == sorted(flag.name for flag in FLAGS)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group(group: str) -> None:
    """D: ``--help=audit``."""
    text = command_help(SERVE, group)
    heading = GROUPS[group][0]
    assert text.startswith(f"{heading}:\n")
    for flag in FLAGS:
        shown = f"--{flag.name} {flag.kind.name}".rstrip() + "\n" in text
        assert shown is (flag.section == heading)


def test_all() -> None:
    """D: ``--help=all`` leaves nothing out."""
    text = command_help(SERVE, "all")
    assert all(f"--{flag.name}" in text for flag in FLAGS)
    assert "Examples:" in text


@pytest.mark.parametrize(
    ("topic", "flag"),
    [
        ("oidc", "oidc-ca-file"),
        ("audit-log-path", "audit-log-path"),
        ("--tls-min-version", "tls-min-version"),
        ("max_connections", "max-connections-per-address"),
        ("OIDC", "oidc-issuer-url"),
    ],
)
def test_a_word(topic: str, flag: str) -> None:
    """A part of a flag's name finds it."""
    text = command_help(SERVE, topic)
    assert f"--{flag}" in text
    assert "--config " not in text


@pytest.mark.parametrize(
    ("topic", "fix"),
    [
        ("audti", "did you mean audit?"),
        (
            "xyz",
            "give one of serving, upstream, authentication, audit, sessions, alerts, egress, "
            "tracing, health, misc, all, or a flag",
        ),
    ],
)
def test_no_topic(topic: str, fix: str) -> None:
    """What matches nothing is a fault that names the groups."""
    with pytest.raises(ValueError, match="no flag of auditproxy serve matches") as caught:
        command_help(SERVE, topic)
    assert str(caught.value).endswith(fix)


def test_overview() -> None:
    """Every command, in 80 columns."""
    text = overview(COMMANDS)
    assert all(f"\n  {command.name} " in text for command in COMMANDS)
    assert max(len(line) for line in text.splitlines()) <= WIDTH


UNNATURAL = re.compile(
    r"\b(told|tells?|believed?|believes|nobody|somebody|everybody|whoever|whom|counts|is no|are no"
    r"|what is|learns|knows of|anew|hangs? on|be it)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_plain_english(command: Command) -> None:
    """D: help reads as an engineer would write it; these words begin sentences that do not."""
    assert UNNATURAL.findall(command_help(command, "all")) == []


def test_a_word_that_does_not_exist() -> None:
    """Who asks for help of one reads which there are."""
    with pytest.raises(ValueError, match='"export" is neither a word nor a flag of auditproxy se'):
        command_help(SESSIONS, "export")


def test_help_of_a_word() -> None:
    """What belongs to it alone: its flags, without the words in front, and its examples."""
    for command in COMMANDS:
        for word in command.words:
            text = command_help(command, word=word)
            assert f"Usage:\n  auditproxy {command.name} {word}" in text
            others = [
                line
                for _, line in command.examples
                if any(
                    f"auditproxy {command.name} {other}" in line
                    for other in command.words
                    if other != word
                )
            ]
            assert not [line for line in others if f"{line}\n" in text]
    text = command_help(SESSIONS, word="verify")
    assert "--audit-log" in text
    assert "--speed" not in text
    assert "--user" not in text
    assert "verify: " not in text
    assert text.startswith("Compare recordings with the SHA-256")
    assert "--user" in command_help(SESSIONS, word="play")
    assert "auditproxy sessions list --help shows what belongs to list alone." in command_help(
        SESSIONS
    )


@pytest.mark.parametrize(
    ("name", "word", "usage"),
    [
        ("events", "list", "list LOG... [flags]"),
        ("events", "tail", "tail LOG... [flags]"),
        ("events", "show", "show AUDIT-ID LOG... [flags]"),
        ("events", "query", "query SQL LOG... [flags]"),
        ("policy", "explain", "explain FILE [flags]"),
        ("policy", "diff", "diff FILE FILE LOG... [flags]"),
    ],
)
def test_operands_of_words(name: str, word: str, usage: str) -> None:
    """Each word shows what it takes, and nothing that another one takes."""
    command = next(one for one in COMMANDS if one.name == name)
    text = command_help(command, word=word)
    assert f"Usage:\n  auditproxy {name} {usage}\n" in text
