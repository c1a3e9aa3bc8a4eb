"""How many cores this process may keep busy."""

import os
from pathlib import Path

import pytest

from auditproxy.app.cores import cores

PINNED = 8


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "1600000 100000\n"}, 8),
        ({"cpu.max": ""}, 8),
        ({"cpu.max": "x 0\n"}, 8),
        ({"cpu.max": "100000 0\n"}, 8),
        ({"cpu.max": "\udcff 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "200000\n"}, 8),
    ],
)
def test_cores(
    files: dict[str, str], expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that it is pinned to, and no more than the quota of either version of cgroups."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(PINNED)))
    assert cores(tmp_path) == expected


def test_here() -> None:
    """This machine has some."""
    assert 0 < cores() <= len(os.sched_getaffinity(0))
