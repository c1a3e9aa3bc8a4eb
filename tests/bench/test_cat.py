"""The measure ``cat`` of tests.bench.sessions: a real kubectl shows what a real cat wrote."""

from pathlib import Path

import pytest

from tests.bench import cat
from tests.bench.processes import Process
from tests.kubectl import kubectl_binaries, minor_version

pytestmark = [
    pytest.mark.skipif(
        not any(minor_version(one) >= 30 for one in kubectl_binaries()),
        reason="there is no kubectl of 1.30 or newer on this machine",
    ),
    pytest.mark.timeout(60),
]


async def test_all_of_a_file_is_shown(tmp_path: Path) -> None:
    """And counted; a file that is not there is an error, and no speed."""
    kubectl = next(one for one in kubectl_binaries() if minor_version(one) >= 30)
    shown = tmp_path / "shown"
    shown.write_bytes(b"a line\n" * 10_000)
    upstream = await Process.start(module="tests.bench.pods")
    try:
        kubeconfig = cat.make_kubeconfig(tmp_path, f"http://127.0.0.1:{upstream.port}")
        assert await cat.speed(kubectl, kubeconfig, shown) > 0
        shown.rename(tmp_path / "moved")
        with pytest.raises(RuntimeError, match="kubectl ended with 1 after .*No such file"):
            await cat.speed(kubectl, kubeconfig, shown)
    finally:
        await upstream.stop()
