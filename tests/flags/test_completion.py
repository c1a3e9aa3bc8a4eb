"""Completion for bash, zsh and fish (faults from outside, D)."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from auditproxy.cli import commands
from auditproxy.commands.events.flags import KINDS, OUTPUTS, WORDS
from auditproxy.flags.completion import SHELLS, completion
from auditproxy.options.serving import TLS_VERSIONS
from auditproxy.reading.meaning import facts


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
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("auditproxy", "ser"), ["serve"]),
        (("auditproxy", "serve", "--audit-log-pa"), ["--audit-log-path="]),
        (("auditproxy", "serve", "--anonymous-a"), ["--anonymous-auth"]),
        (("auditproxy", "serve", "--anonymous-auth", "=", "f"), ["false"]),
        (("auditproxy", "serve", "--help", "=", "au"), ["authentication", "audit"]),
        (("auditproxy", "completion", "z"), ["zsh"]),
        (("auditproxy", "sessions", "sh"), ["show"]),
        (("auditproxy", "sessions", "show", "pyproject.to"), ["pyproject.toml"]),
        (("auditproxy", "sessions", "show", "x", "--us"), ["--user="]),
        (("auditproxy", "policy", "l"), ["lint"]),
        (("auditproxy", "policy", "lint", "pyproject.to"), ["pyproject.toml"]),
        (("auditproxy", "demo", "--ra"), ["--raw-json"]),
        (("auditproxy", "serve", "--audit-log-mode", "=", "d"), ["durable"]),
        (("auditproxy", "serve", "--audit-log-mode", "bl"), ["blocking", "blocking-strict"]),
        (("auditproxy", "serve", "--tls-min-version", "="), sorted(TLS_VERSIONS)),
        (("auditproxy", "events", "list", "--output", "=", "j"), ["json"]),
        (("auditproxy", "events", "list", "-o", ""), sorted(OUTPUTS)),
        (("auditproxy", "events", ""), sorted(WORDS)),
        (("auditproxy", "events", "--ki"), ["--kind="]),
        (("auditproxy", "events", "list", "--kind", "=", ""), sorted(KINDS)),
        (("auditproxy", "policy", "lint", "--fail-on", "w"), ["warning"]),
        (("auditproxy", "nothing", "--x"), [""]),
    ],
)
def test_bash(words: tuple[str, ...], expected: list[str]) -> None:
    """D: commands, flags, values of booleans and groups of help."""
    assert sorted(offered(*words)) == sorted(expected)


@pytest.mark.parametrize("equals", [("=",), ()])
def test_bash_files(
    equals: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D: files after a flag that may name one, with or without an equals sign."""
    (tmp_path / "policy.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert offered("auditproxy", "serve", "--audit-policy-file", *equals, "pol") == ["policy.yaml"]


@pytest.mark.parametrize("words", [("events", "list"), ("serve", "--audit-policy-file", "=")])
def test_bash_names_of_files(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D: a file's name is offered as it is: not in words, not as a pattern, and not run."""
    names = ["*", "a b.log", "$(touch run)", "`touch run`"]
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert sorted(offered("auditproxy", *words, "")) == sorted(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


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


def run_in(shell: list[str], script: str) -> list[str]:
    """What a shell prints that has read the script for it; nothing may go wrong."""
    done = subprocess.run(
        [*shell, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.skipif("fish" not in INSTALLED, reason="there is no fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("auditproxy serve --audit-log-pa", ["--audit-log-path"]),
        ("auditproxy comp", ["completion"]),
        ("auditproxy completion z", ["zsh"]),
        ("auditproxy demo --ra", ["--raw-json"]),
        ("auditproxy serve --audit-log-mode=d", ["--audit-log-mode=durable"]),
        ("auditproxy events list -o ya", ["yaml"]),
        ("auditproxy events ", sorted(WORDS)),
        ("auditproxy events --ki", ["--kind"]),
        ("auditproxy events list --kind=h", ["--kind=human"]),
        ("auditproxy policy lint --fail-on w", ["warning"]),
        ("auditproxy sessions verify pyproject.to", ["pyproject.toml"]),
        ("auditproxy sessions verify --public-k", []),
    ],
)
def test_fish(line: str, expected: list[str]) -> None:
    """D: fish offers the same."""
    offers = run_in(
        ["fish", "--no-config"], f"{completion('fish', COMMANDS)}\ncomplete -C {shlex.quote(line)}"
    )
    assert [offer.split("\t")[0] for offer in offers] == expected


@pytest.mark.skipif("fish" not in INSTALLED, reason="there is no fish")
def test_fish_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D: fish offers files where a value may name one, and only there."""
    (tmp_path / "policy.yaml").touch()
    monkeypatch.chdir(tmp_path)
    script = completion("fish", COMMANDS)
    for flag, expected in (("audit-policy-file", ["policy.yaml"]), ("secure-port", [])):
        offers = run_in(
            ["fish", "--no-config"], f"{script}\ncomplete -C 'auditproxy serve --{flag} pol'"
        )
        assert [offer.split("\t")[0] for offer in offers] == expected


@pytest.mark.skipif("zsh" not in INSTALLED, reason="there is no zsh")
def test_zsh() -> None:
    """D: zsh completes the command with our function."""
    start = "autoload -U compinit; compinit -u -D\n"
    script = f"{start}{completion('zsh', COMMANDS)}\nprint $_comps[auditproxy]"
    assert run_in(["zsh", "-f"], script) == ["_auditproxy"]


@pytest.mark.skipif("zsh" not in INSTALLED, reason="there is no zsh")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("auditproxy serve --audit-log-mode=d", "--audit-log-mode=durable"),
        ("auditproxy events list -o ya", "-o yaml"),
        ("auditproxy policy li", "policy lint"),
        ("auditproxy events list --kind=hu", "--kind=human"),
    ],
)
def test_zsh_on_a_terminal(line: str, expected: str, tmp_path: Path) -> None:
    """D: zsh completes a value that it is asked for on a terminal of its own."""
    (tmp_path / "completion").write_text(completion("zsh", COMMANDS))
    script = f"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -U compinit; compinit -u -D; source {tmp_path}/completion; echo rea''dy"
zpty -r -m shell seen '*ready*'
zpty -n -w shell {shlex.quote(line)}$'\t'
zpty -r -m shell seen {shlex.quote(f"*{expected}*")} && print found
zpty -d shell
"""
    assert run_in(["zsh", "-f"], script) == ["found"]


def test_kinds() -> None:
    """Those that completion offers are those of the filters."""
    assert KINDS == facts.KINDS


@pytest.mark.parametrize("shell", SHELLS)
def test_everything_is_in_it(shell: str) -> None:
    """D: every command and every flag."""
    script = completion(shell, COMMANDS)
    for command in COMMANDS:
        assert command.name in script
        for flag in command.flags:
            assert (f"-l {flag.name}" if shell == "fish" else f"--{flag.name}") in script
    lines = [line.replace("'\\''", "") for line in script.splitlines() if "#" not in line]
    assert all(line.count("'") % 2 == 0 for line in lines)
