"""The fixture that makes rigs: see tests/threats/rig.py."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.app import operatorlog
from tests.threats.rig import RigFactory, new_rig


@pytest.fixture
def rigged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[RigFactory]:
    """Makes a proxy on which the oracles are held."""
    yield functools.partial(new_rig, tmp_path, capsys)
    operatorlog.configure(verbosity=0, json_lines=False)
