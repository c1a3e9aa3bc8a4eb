"""Cores: how many this process may keep busy, as the kernel says it."""

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where a container finds its own limits."""


def cores(cgroups: Path = CGROUPS) -> float:
    """Return the cores that this process may keep busy: those that it runs on, within its quota.

    A quota is that of a container (``resources.limits.cpu``), such as 1.5.
    """
    return min(len(os.sched_getaffinity(0)), _quota(cgroups))


def _quota(cgroups: Path) -> float:
    """The quota of cgroups, version 2 or 1; infinite where there is none or it cannot be read."""
    two = _words(cgroups / "cpu.max")
    one = _words(cgroups / "cpu/cpu.cfs_quota_us") + _words(cgroups / "cpu/cpu.cfs_period_us")
    for words in (two, one):
        # Without a quota it is "max", or -1 in version 1.
        if len(words) == 2 and all(map(str.isdecimal, words)) and int(words[1]):
            return int(words[0]) / int(words[1])
    return float("inf")


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []
