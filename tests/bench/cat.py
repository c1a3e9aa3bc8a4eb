"""``kubectl exec -it p -- cat FILE`` with a real kubectl, a real cat and real terminals on both sides."""

import asyncio
import json
import os
import pty
import subprocess
import time
from pathlib import Path

SIZE = 32 << 20
"""Bytes of the file, lines of code."""
_LINES = Path(__file__).read_bytes()


def make_file(folder: Path) -> Path:
    """The file that is shown."""
    path = folder / "code.py"
    path.write_bytes(_LINES * (SIZE // len(_LINES)))
    return path


def make_kubeconfig(folder: Path, server: str) -> Path:
    """A kubeconfig for a server that may have a certificate of its own."""
    path = folder / "kubectl.json"
    cluster = {"server": server, "insecure-skip-tls-verify": True}
    context = {"cluster": "b", "user": "b", "namespace": "d"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "b",
        "contexts": [{"name": "b", "context": context}],
        "clusters": [{"name": "b", "cluster": cluster}],
        "users": [{"name": "b", "user": {"token": "t"}}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


async def speed(kubectl: Path, kubeconfig: Path, shown: Path) -> float:
    """MiB a second of ``shown`` on kubectl's terminal, from the first byte to the last."""
    return await asyncio.to_thread(_speed, kubectl, kubeconfig, shown)


def _speed(kubectl: Path, kubeconfig: Path, shown: Path) -> float:
    terminal, other = pty.openpty()
    environment = {"HOME": str(kubeconfig.parent), "KUBECONFIG": str(kubeconfig)}
    words = [str(kubectl), "exec", "-it", "p", "--", "cat", str(shown)]
    # What it says of itself is not shown: it may be late with the size of the terminal.
    process = subprocess.Popen(
        words, stdin=other, stdout=other, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(other)
    size, started, tail = 0, 0.0, b""
    try:
        while data := _read(terminal):
            started = started or time.perf_counter()
            size += len(data)
            tail = (tail + data)[-500:]
        seconds = time.perf_counter() - started
        code = process.wait(10)
    finally:
        process.kill()
        os.close(terminal)
    # The container's terminal makes two bytes of the end of a line.
    if code or size != (content := shown.read_bytes()).count(b"\n") + len(content):
        raise RuntimeError(f"kubectl ended with {code} after {size} bytes: {tail!r}")
    return size / seconds / (1 << 20)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        # The program has ended.
        return b""
