"""The command line of ``auditproxy reconcile``."""

import subprocess
import sys
from pathlib import Path

import pytest

from auditproxy import cli
from auditproxy.commands.reconcile.command import RECONCILE


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what exit codes mean, and has examples."""
    assert cli.main(["reconcile", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "PROXY-LOG CLOUD-LOG" in shown
    assert all(example in " ".join(shown.split()) for _, example in RECONCILE.examples)


def test_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """All faults are said at once, but those that a flag that is not known may have."""
    for words, faults in ((["--limit=0"], 2), (["--limit=0", "--bogus"], 1)):
        assert cli.main(["reconcile", *words]) == 2
        assert len(capsys.readouterr().err.splitlines()) == faults


def test_without_the_extra(tmp_path: Path) -> None:
    """One line that names the command."""
    program = "import sys; sys.modules['duckdb'] = None; from auditproxy.cli import main; sys.exit(main())"
    for name in ("ours.log", "theirs.log"):
        (tmp_path / name).write_text("{}\n")
    done = subprocess.run(
        [sys.executable, "-c", program, "reconcile", "ours.log", "theirs.log"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(cli.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("auditproxy: error: auditproxy reconcile needs the extra explore")
    assert done.stderr.count("\n") == 1
