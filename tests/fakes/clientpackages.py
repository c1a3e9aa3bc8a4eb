"""Kubernetes' client library for Node, for tests that run it."""

import shutil
import subprocess
from pathlib import Path

import pytest

NODE_PACKAGE = "@kubernetes/client-node@1.3.0"


def install_node_package(folder: Path) -> None:
    """Install the package into a folder; skips the test where that is not possible."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    made = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", NODE_PACKAGE],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
    )
    if made.returncode:
        pytest.skip(f"npm cannot install {NODE_PACKAGE}: {made.stderr.strip()[-200:]}")
