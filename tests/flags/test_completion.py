"""Completion for bash, zsh and fish (faults from outside, D)."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from auditproxy.cli import commands
from auditproxy.flags.completion import SHELLS, completion


def no_runner() -> object:
    """Completion starts nothing."""
    raise AssertionError("completion must not need the proxy")


COMMANDS = commands(no_runner)  # type: ignore[arg-type]
INSTALLED = [shell for shell in SHELLS if shutil.which(shell)]


def offered(*words: str) -> list[str]:
    """What bash offers for the last of the words, which it splits at equals signs."""
    script = completion("bash", COMMANDS)
    quoted = " ".join(shlex.quote(word) for word in words)
    done = subprocess.run(
        [
            "bash",
            "--norc",
            "-c",
            f"{script}\nCOMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}\n"
            '_auditproxy\nprintf "%s\\n" "${COMPREPLY[@]}"',
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("auditproxy", "ser"), ["serve"]),
        (("auditproxy", "serve", "--audit-log-pa"), ["--audit-log-path="]),
        (("auditproxy", "serve", "--anonymous-a"), ["--anonymous-auth"]),
        (("auditproxy", "serve", "--anonymous-auth", "=", "f"), ["false"]),
        (("auditproxy", "serve", "--help", "=", "au"), ["authentication", "audit"]),
        (("auditproxy", "completion", "z"), ["zsh"]),
        (("auditproxy", "demo", "--ra"), ["--raw-json"]),
        (("auditproxy", "nothing", "--x"), []),
    ],
)
def test_bash(words: tuple[str, ...], expected: list[str]) -> None:
    """D: commands, flags, values of booleans and groups of help."""
    assert offered(*words) == expected


@pytest.mark.parametrize("equals", [("=",), ()])
def test_bash_files(
    equals: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D: files after a flag that may name one, with or without an equals sign."""
    (tmp_path / "policy.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert offered("auditproxy", "serve", "--audit-policy-file", *equals, "pol") == ["policy.yaml"]


@pytest.mark.parametrize("shell", INSTALLED)
def test_the_shell_reads_it(shell: str) -> None:
    """D: the script is sound to each shell that is here; bash always is."""
    done = subprocess.run(
        [shell, "-n"],
        input=completion(shell, COMMANDS),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_everything_is_in_it(shell: str) -> None:
    """D: every command and every flag."""
    script = completion(shell, COMMANDS)
    for command in COMMANDS:
        assert command.name in script
        for flag in command.flags:
            assert (f"-l {flag.name}" if shell == "fish" else f"--{flag.name}") in script
    assert all(line.count("'") % 2 == 0 for line in script.splitlines() if "#" not in line)
