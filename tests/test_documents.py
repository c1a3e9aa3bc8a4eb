"""Commands that documents show: each is run by a test, or says why it is not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import DOCUMENTS, ROOT, Block, blocks, run

BLOCKS = tuple(block for path in DOCUMENTS for block in blocks(path))

RUN: dict[tuple[str, str], Callable[[Block, Path], None]] = {}
"""Who runs a block: by document and first command."""


def runs(document: str, command: str) -> Callable[..., Callable[[Block, Path], None]]:
    """Register a function that runs the block of ``document`` which begins with ``command``."""

    def register(function: Callable[[Block, Path], None]) -> Callable[[Block, Path], None]:
        (block,) = [
            one
            for one in BLOCKS
            if one.document == document and one.commands[0].startswith(command)
        ]
        RUN[block.key] = function
        return function

    return register


def name_of(block: Block) -> str:
    """A block in the name of a test."""
    return f"{block.document}[{block.number}]"


class TestBlocks:
    """The reader of blocks."""

    def test_console(self) -> None:
        """Prompts begin commands; backslashes and open quotes continue them; the rest is output."""
        text = (
            "```console\n$ one --a \\\n    --b\noutput\n$ two 'x\n  y'\nmore\n```\n"
            "<!-- not run: needs\n  a cloud -->\n```sh\nthree\nfour\n```\n```yaml\na: b\n```\n"
        )
        first, second = blocks(Path("x.md"), text)
        assert first.commands == ("one --a \\\n--b", "two 'x\ny'")
        assert (first.who, first.what) == ("", "")
        assert second.commands == ("three", "four")
        assert (second.who, second.what) == ("not run", "needs\n  a cloud")


def in_order(block: Block, folder: Path, **environment: str) -> list[str]:
    """Run the block's commands one after the other; what each printed."""
    return [run(command, folder, environment) for command in block.commands]


def kubeconfig(folder: Path) -> str:
    """Write a kubeconfig of somebody who uses a cluster directly, and the proxy's authority."""
    run("auditproxy certs --dir certs --host proxy && cp certs/ca.crt .", folder)
    path = folder / "direct.kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "clusters": [{"name": "k", "cluster": {"server": "https://cluster.example.com"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            }
        ),
        encoding="utf-8",
    )
    return str(path)


@runs("certs/README.md", "auditproxy certs --dir auditproxy-certs --host localhost")
def certs(block: Block, folder: Path) -> None:
    """The files of the table are made."""
    in_order(block, folder)
    text = (ROOT / "certs" / "README.md").read_text(encoding="utf-8")
    made = {path.name for path in (folder / "auditproxy-certs").iterdir()}
    assert made
    for name in made:
        assert f"`{name}`" in text


@runs("certs/README.md", "auditproxy certs --dir auditproxy-certs --client")
def client_certs(block: Block, folder: Path) -> None:
    """The named clients are made beside the authority."""
    in_order(block, folder)
    assert {"alice.crt", "alice.key", "admin.crt"} <= {
        path.name for path in (folder / "auditproxy-certs").iterdir()
    }


@runs("certs/README.md", "auditproxy certs --dir auditproxy-certs --host proxy.example.com")
def another_host(block: Block, folder: Path) -> None:
    """The serving certificate is made again, in a folder that has its authority."""
    run("auditproxy certs --dir auditproxy-certs --host localhost,127.0.0.1,::1", folder)
    before = (folder / "auditproxy-certs" / "server.crt").read_bytes()
    in_order(block, folder)
    assert (folder / "auditproxy-certs" / "server.crt").read_bytes() != before


@runs("manifests/monitoring/README.md", "sed -i")
def runbook_url(block: Block, folder: Path) -> None:
    """The alerts lead to the reader's own runbook afterwards."""
    rules = ("auditproxy.rules.yml", "prometheusrule.yaml")
    for name in rules:
        shutil.copy(ROOT / "manifests" / "monitoring" / name, folder)
    in_order(block, folder)
    for name in rules:
        text = (folder / name).read_text(encoding="utf-8")
        assert "https://git.example.org/auditproxy/docs/runbook.md" in text
        assert "auditproxy.example.com" not in text


def event(audit_id: str, user: str) -> str:
    """A line of a log."""
    return json.dumps(
        {
            "kind": "Event",
            "auditID": audit_id,
            "stage": "ResponseComplete",
            "user": {"username": user},
        }
    )


@runs("docs/closing-the-direct-path.md", "jq -r 'select(.stage==\"ResponseComplete\").auditID'")
def who_went_around(block: Block, folder: Path) -> None:
    """People's events without a partner in the proxy's log are found, others are not."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not on this machine")
    (folder / "proxy.log").write_text(event("a1", "alice") + "\n", encoding="utf-8")
    lines = [event("a1", "auditproxy"), event("a2", "bob"), event("a3", "system:node:n")]
    (folder / "apiserver.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    *_, found = in_order(block, folder)
    assert [json.loads(line)["auditID"] for line in found.splitlines()] == ["a2"]


class TestCommands:
    """The blocks of every document."""

    def test_there_are_some(self) -> None:
        """The reader finds what people see."""
        assert len(BLOCKS) > 20
        assert {"README.md", "manifests/README.md"} <= {block.document for block in BLOCKS}

    @pytest.mark.parametrize("block", BLOCKS, ids=name_of)
    def test_run_or_says_why(self, block: Block) -> None:
        """A block is run here, or by a test that names its document, or says why it cannot be."""
        if block.who == "not run":
            assert len(block.what) > 10, "say why"
            assert block.key not in RUN
        elif block.who == "run by":
            source = (ROOT / block.what).read_text(encoding="utf-8")
            assert block.document in source, f"{block.what} does not name {block.document}"
        else:
            assert block.key in RUN, "run it here, or say above it who does or why nobody can"

    @pytest.mark.parametrize("block", [block for block in BLOCKS if block.key in RUN], ids=name_of)
    def test_commands(self, block: Block, tmp_path: Path) -> None:
        """The commands do what the document says."""
        RUN[block.key](block, tmp_path)
