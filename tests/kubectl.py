"""The kubectl binaries of this machine: PyPI's, Debian's, and one that KUBECTL_MATRIX names."""

import json
import os
import re
import shutil
import subprocess
import sys
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
