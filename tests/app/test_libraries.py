"""What a proxy leaves out of libraries, in a process of its own: here they are imported already."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", ["auditproxy.app.proxy", "auditproxy.app.workers.worker"])
def test_left_out(module: str) -> None:
    """aiohttp has read no authorities, and has no list in C++, in whatever runs a proxy."""
    looks = (
        f"import {module}, ssl, sys\n"
        "from aiohttp import connector\n"
        "context = connector._SSL_CONTEXT_VERIFIED\n"
        "print(context.verify_mode.name, context.sslobject_class.__name__,\n"
        "      sys.modules['frozenlist._frozenlist'], ssl.create_default_context.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", looks],
        cwd=ROOT,
        timeout=60,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["CERT_REQUIRED", "LeanSSLObject", "None", "ssl"]
