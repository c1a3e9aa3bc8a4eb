"""``auditproxy report``: its arguments, its filters, and what is wrong with them."""

from pathlib import Path

import pytest

from auditproxy import cli
from auditproxy.apis.faults import Unusable
from tests.commands.report.running import run, told
from tests.fakes.trails import event, write
from tests.reading.shop import write_shop


def test_filters(tmp_path: Path) -> None:
    """As events list has them."""
    write_shop(tmp_path / "logs")
    logs = str(tmp_path / "logs")
    refused = told("access", logs, "--user=bob", "--since=2026-11-23T10:00")["sections"]["refused"]
    assert [(row["user"], row["resource"], row["code"]) for row in refused] == [
        ("bob", "deployments", 403)
    ]
    assert told("access", logs, "--until=2026-11-23T09:00")["sections"]["refused"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "auditproxy report takes one of access, activity, deprecated, noise first"),
        (("acces", "x"), 'first, not "acces"'),
        (("access",), "auditproxy report access needs a log"),
        (("access", "x", "--output=xml"), "--output must be one of text, json, html"),
        (("access", "x", "--limit=0"), "--limit must be from 1 to 100000"),
        (("access", "x", "--since=soon"), '--since "soon" is not a time'),
        (("access", "x", "--since=1h", "--until=2h"), "is not before"),
        (("access", "x", "--code=abc"), '--code "abc" is not an HTTP code'),
        (("access", "/nowhere/x"), "/nowhere/x does not exist"),
    ],
)
def test_faults(words: tuple[str, ...], said: str) -> None:
    """One line each, which says what to do."""
    with pytest.raises(Unusable) as caught:
        run(*words)
    assert said in str(caught.value)


def test_the_command_is_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It has its place in the command line and its help."""
    path = write(tmp_path / "audit.log", [event("get", "secrets")])
    assert cli.main(["report", "access", str(path)]) == 0
    assert "alice" in capsys.readouterr().out
    assert cli.main(["report", "access", "--help"]) == 0
    assert "auditproxy report access /var/log/kubernetes/ --since=7d" in capsys.readouterr().out
