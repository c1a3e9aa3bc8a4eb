"""docs/policy-tools.md: its commands print what it shows."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.documents import ROOT, blocks
from tests.fakes.loggedevents import line
from tests.fakes.policies import run

PAGE = ROOT / "docs" / "policy-tools.md"
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: RequestResponse
  resources:
  - group: ""
- level: Metadata
  resources:
  - group: ""
    resources: [secrets]
- level: Metadata
  verbs: [get]
  resources:
  - group: "*"
    resources: [pods/exec]
"""

NEW = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: Metadata
  resources:
  - group: ""
    resources: [secrets, configmaps, serviceaccounts/token]
- level: Request
  verbs: [create, update, patch, delete]
- level: Metadata
"""
SHOP = "/api/v1/namespaces/shop"
BODY = {"kind": "ConfigMap", "data": {"color": "blue" * 200}}
FULL = {"level": "RequestResponse", "responseObject": BODY}
REQUESTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (f"{SHOP}/secrets/db", "get", FULL),
    (f"{SHOP}/configmaps/web", "get", FULL),
    (f"{SHOP}/configmaps/web", "update", {**FULL, "requestObject": BODY}),
    (f"{SHOP}/pods/web-1/exec?command=sh", "get", {"level": "RequestResponse"}),
)
LOG = b"".join(
    line(
        uri,
        verb,
        auditID=f"{day}-{number}",
        stageTimestamp=f"2026-01-{day:02}T08:00:00.000000Z",
        **members,
    )
    for day in (1, 2, 3)
    for number, (uri, verb, members) in enumerate(REQUESTS)
)


def shown() -> dict[str, list[str]]:
    """The output of each command of the page, line by line."""
    found: dict[str, list[str]] = {}
    text = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found[command] = output.splitlines()
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "new.yaml").write_text(NEW)
    (tmp_path / "audit.log").write_bytes(LOG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", shown())
def test_output(folder: Path, command: str) -> None:
    """Line by line; three dots stand for further lines."""
    assert folder.is_dir()
    _, out, _ = run(*shlex.split(command)[2:])
    wanted = shown()[command]
    lines = out.splitlines()
    assert set(wanted) - {"..."} <= set(lines)
    if "..." not in wanted:
        assert lines == wanted


def test_every_block_is_run() -> None:
    """The page has commands, and none that is left out here."""
    assert {command for block in blocks(PAGE) for command in block.commands} == set(shown())


def test_every_check_is_described() -> None:
    """The names of checks in the sources are those of the table."""
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "auditproxy" / "audit" / "policy").rglob("*.py")
    )
    named = set(re.findall(r'check="([a-z0-9.-]+)"', sources)) | {"credential-bodies"}
    named |= {"member-without-effect", "unknown-resource"}
    rows = re.findall(r"^\| (`.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == named
