"""``kubectl audit``: run and completed by a real kubectl, as the scripts of the package."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from auditproxy.cli import commands, main
from auditproxy.flags.program import AUDITPROXY, PLUGIN, completed, named
from tests.documents import ROOT
from tests.kubectl import kubectl_binaries, minor_version
from tests.reading.shop import write_shop

COMMANDS = commands()
TODAY = [binary for binary in kubectl_binaries() if minor_version(binary) >= 26]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH with the plugin's programs, made of pyproject.toml as pip makes them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, place in project["scripts"].items():
        module, _, function = place.partition(":")
        program = folder / name
        program.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            f"from {module} import {function}\nsys.exit({function}())\n"
        )
        program.chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path)}


def run(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """A real kubectl with these words."""
    return subprocess.run(
        [str(kubectl_binaries()[0]), *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_kubectl_finds_it(environment: dict[str, str]) -> None:
    """By its name."""
    assert "kubectl-audit" in run(environment, "plugin", "list").stdout


def test_a_command(environment: dict[str, str], tmp_path: Path) -> None:
    """The same output and exit code as that of auditproxy."""
    write_shop(tmp_path / "logs")
    done = run(
        environment, "audit", "events", "list", str(tmp_path / "logs"), "--code=403", "-o", "name"
    )
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 2, "")
    done = run(environment, "audit", "view")
    assert done.returncode == 2
    assert "auditproxy: error: kubectl audit view needs a log: " in done.stderr


def test_help_names_it(environment: dict[str, str]) -> None:
    """In command lines, and not where the product is meant."""
    text = run(environment, "audit", "--help").stdout
    assert "kubectl audit COMMAND [flags]" in text
    assert "auditproxy is an authenticating reverse proxy" in text
    text = run(environment, "audit", "events", "list", "--help").stdout
    assert "kubectl audit events list /var/log/kubernetes/" in text
    assert "auditproxy events" not in text


@pytest.mark.skipif(not TODAY, reason="no kubectl from 1.26 on")
def test_kubectl_completes_it(environment: dict[str, str]) -> None:
    """A command, a word, a flag, and files."""

    def complete(*words: str) -> list[str]:
        done = run(environment, "__complete", "audit", *words)
        return [line.partition("\t")[0] for line in done.stdout.splitlines()]

    assert complete("ev") == ["events", ":4"]
    assert complete("events", "l") == ["list", ":4"]
    assert complete("events", "list", "--us") == ["--user", "--user-agent", ":4"]
    assert complete("events", "list", "") == [":0"]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ([], [one.name for one in COMMANDS] + [":4"]),
        (["nothing", ""], [":4"]),
        (["version", ""], [":4"]),
        (["version", "--h"], ["--help", ":4"]),
        (["view", ""], [":0"]),
        (["view", "--port", ""], [":0"]),
        (["view", "--port=", "x"], [":0"]),
        (["completion", ""], ["bash", "zsh", "fish", ":4"]),
        (["sessions", "list", "-o", ""], ["table", "json", ":4"]),
        (["events", "list", "--output", "ya"], ["yaml", ":4"]),
        (["events", "list", "--output=ya"], ["--output=yaml", ":4"]),
        (["events", "list", "--user=ya"], [":0"]),
    ],
)
def test_what_is_offered(words: list[str], values: list[str]) -> None:
    """By what stands before it."""
    assert [line.partition("\t")[0] for line in completed(words, COMMANDS)] == values


def test_names() -> None:
    """Only command lines are spelled anew."""
    text = (
        "auditproxy serve, auditproxy: error, auditproxy's, auditproxy COMMAND, auditproxy eventsx"
    )
    assert named(text, AUDITPROXY, COMMANDS) == text
    assert named(text, PLUGIN, COMMANDS) == (
        "kubectl audit serve, auditproxy: error, auditproxy's, kubectl audit COMMAND, auditproxy eventsx"
    )


def test_faults_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of flags, and of commands that are not known."""
    assert main(["events", "list"], program=PLUGIN) == 2
    assert "kubectl audit events list needs a log" in capsys.readouterr().err
    assert main([], program=PLUGIN) == 2
    assert "kubectl audit COMMAND" in capsys.readouterr().err
    assert main(["repor", "x"], program=PLUGIN) == 2
    assert 'unknown command "repor" for "kubectl audit"; did you mean report?' in (
        capsys.readouterr().err
    )
