"""What speaks to the upstream: the pool and the credential that each mode asks with."""

import contextlib
from pathlib import Path

import pytest

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.app.upstream import connect, require_upstream
from auditproxy.files.files import read_files
from tests.fakes.asked import AskedUpstream
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, TOKENS, write_files
from tests.fakes.upstream import FakeUpstream


@pytest.mark.parametrize(
    ("identity", "credential"), [("impersonate", True), ("passthrough", False)]
)
async def test_who_asks(identity: str, credential: bool, tmp_path: Path) -> None:
    """C2: our credential is shown where requests carry it, and nowhere else."""
    asked = AskedUpstream()
    async with FakeUpstream(asked.script) as upstream:
        flags = write_files(upstream.port, tmp_path, policy=EVERYTHING, tokens=TOKENS)
        chosen = options(**flags, upstream_identity=identity)
        connected = connect(chosen, read_files(chosen).upstream)
        standing = await connected.questions.ask()
        assert standing.ready, standing
        assert f"upstream http://127.0.0.1:{upstream.port} is v1.36.2" in standing.line
        shown = [b"Authorization: Bearer proxy-credential\r\n" in head for head in asked.heads]
        assert set(shown) == {credential}
        for each in (*connected.closers, *connected.pools):
            await each.close()


@pytest.mark.parametrize("code", [0, 503])
async def test_required(code: int, tmp_path: Path) -> None:
    """C2: an upstream that cannot serve ends the start; no connection to it stays open."""
    asked = AskedUpstream()
    asked.code = code
    async with FakeUpstream(asked.script) as upstream:
        chosen = options(**write_files(upstream.port, tmp_path, policy=EVERYTHING, tokens=TOKENS))
        fix = "or remove --require-upstream to start without it"
        with pytest.raises(Unusable, match=fix) if code else contextlib.nullcontext() as failure:
            await require_upstream(chosen, read_files(chosen).upstream)
        assert failure is None or failure.value.code == FAILED
        assert upstream.connections
        for connection in upstream.connections:
            await connection.wait_closed()
