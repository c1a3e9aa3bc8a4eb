"""What the short way takes, what it leaves to the chain, and for how long it may remember."""

from pathlib import Path

import pytest

from tests.fakes.bothways import JSON, OK, POD, Scene, both
from tests.fakes.proxy import request
from tests.fakes.upstream import answer

GET = request()


@pytest.mark.parametrize(
    ("raw", "again"),
    [
        pytest.param(GET, answer(200, POD, JSON, b"Connection: close"), id="none idle"),
        pytest.param(request("GET", "/api", "Impersonate-User: bob"), OK, id="impersonates"),
        pytest.param(request("GET", "/api", "Expect: 100-continue"), OK, id="expects"),
        pytest.param(request("GET", "/api", "X_Odd: 1"), OK, id="refused"),
    ],
)
async def test_a_token_is_a_hit_once(tmp_path: Path, raw: bytes, again: bytes) -> None:
    """A request that is left to the chain after all counts once in the token cache's metrics."""

    async def play(scene: Scene) -> None:
        await scene.ask(GET)
        for _ in range(3):
            await scene.ask(raw)

    await both(tmp_path, [OK, again, again, again], play, took=1 if raw is GET else 0)
