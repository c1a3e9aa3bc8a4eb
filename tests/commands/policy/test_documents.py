"""docs/policy-tools.md: its commands print what it shows."""

import re
import shlex
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks
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
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", shown())
def test_output(folder: Path, command: str) -> None:
    """Line by line; three dots stand for further lines."""
    assert folder.is_dir()
    _, out, _ = run(*shlex.split(command)[2:])
    wanted = shown()[command]
    lines = out.splitlines()
    for line in wanted:
        if line == "...":
            continue
        assert line in lines
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
