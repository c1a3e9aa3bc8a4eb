"""The command line of ``auditproxy reconcile``."""

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
    """All faults are said at once."""
    assert cli.main(["reconcile", "--limit=0", "--bogus"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
