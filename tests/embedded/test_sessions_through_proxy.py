"""Recordings of real kubectl's sessions equal what the containers received and sent, byte for byte."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes import asciinema, sessionscenes
from tests.fakes.followed import FollowedStage, followed
from tests.kubectl import kubectl_combinations

COMBINATIONS = kubectl_combinations()
pytestmark = [
    pytest.mark.skipif(not COMBINATIONS, reason="there is no kubectl on this machine"),
    pytest.mark.timeout(120),
]
TERMINAL_POD = b"""\
apiVersion: v1
kind: Pod
metadata: {name: terminal}
spec: {containers: [{name: c, image: example.com/i, stdin: true, tty: true}]}
"""


@pytest.fixture(params=COMBINATIONS, ids=str)
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FollowedStage]:
    """Each kubectl over each protocol that it speaks; asciinema takes what was recorded."""
    combination = request.param
    async with followed(tmp_path, combination.binary, over_spdy=combination.over_spdy) as found:
        yield found
    recordings = sorted(found.files.recordings.glob("*.cast"))
    assert recordings
    asciinema.takes(recordings, tmp_path)


async def test_commands(stage: FollowedStage) -> None:
    """exec and attach on pipes."""
    await sessionscenes.commands(stage, "hello")


async def test_terminals(stage: FollowedStage) -> None:
    """exec and attach on a terminal."""
    assert (await stage.kubectl("create --validate=false -f -", text=TERMINAL_POD))[0] == 0
    await sessionscenes.terminals(stage, "hello", "terminal")


async def test_debug(stage: FollowedStage) -> None:
    """A container that is added."""

    async def at_once(pod: str) -> None:
        """The embedded API server's containers run from the start."""

    await sessionscenes.debug(stage, "hello", at_once)


async def test_copies(stage: FollowedStage) -> None:
    """cp both ways."""
    await sessionscenes.copies(stage, "hello")


async def test_port_forward(stage: FollowedStage) -> None:
    """Several connections."""
    await sessionscenes.port_forward(stage, "hello")
