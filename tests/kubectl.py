"""The kubectl binaries of this machine: PyPI's, Debian's, and one that KUBECTL_MATRIX names."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@cache
def kubectl_binaries() -> tuple[Path, ...]:
    """Every kubectl that runs, without doubles; the newest known first.

    KUBECTL_MATRIX may name more, separated by colons.
    """
    named = [Path(name) for name in os.environ.get("KUBECTL_MATRIX", "").split(":") if name]
    candidates = [Path(sys.executable).parent / "kubectl", *named]
    found = shutil.which("kubectl", path="/usr/bin:/usr/local/bin")
    if found is not None:
        candidates.append(Path(found))
    working = []
    for candidate in candidates:
        if not candidate.exists() or candidate in working:
            continue
        done = subprocess.run(
            [str(candidate), "version", "--client"], capture_output=True, timeout=30, check=False
        )
        if done.returncode == 0:
            working.append(candidate)
    return tuple(working)


@cache
def minor_version(binary: Path) -> int:
    """The minor version of a kubectl, 37 for v1.37.1."""
    done = subprocess.run(
        [str(binary), "version", "--client", "-o", "json"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    return int(re.sub(r"\D", "", json.loads(done.stdout)["clientVersion"]["minor"]))


@dataclass(frozen=True)
class Combination:
    """A kubectl, and what it speaks to a pod's streams."""

    binary: Path
    over_spdy: bool

    def __str__(self) -> str:
        return f"1.{minor_version(self.binary)}-{'spdy' if self.over_spdy else 'websocket'}"


@cache
def kubectl_combinations() -> tuple[Combination, ...]:
    """Each kubectl of this machine over each protocol that it speaks; WebSocket from 1.30 on."""
    return tuple(
        Combination(binary, over_spdy)
        for binary in kubectl_binaries()
        for over_spdy in (False, True)
        if over_spdy or minor_version(binary) >= 30
    )
