"""``python -m tests.bench.sessions``: what recording a session costs, against the same unrecorded.

Proxies run side by side, one that knows no sessions and others with `record: InputOutput`. Each round
measures all of them, one after the other and in another order each time; a ratio is of two figures
of one round, and what is printed is the median of the rounds, with the middle half of them.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from auditproxy.sessions.wire.frames import BINARY
from tests.bench import cat
from tests.bench.figures import percentile
from tests.bench.processes import Process
from tests.bench.shells import BULK, KEY, MODES, SENT_BACK
from tests.bench.small import client_context, connect
from tests.fakes.spdy import Client
from tests.fakes.waiting import pause, until
from tests.fakes.websocket import masked
from tests.kubectl import kubectl_binaries, minor_version

KEYS = 200
"""Keys of a round; there are ten times as many rounds as of bulk, which take a second each."""
SESSIONS = 500
FORWARDS, CONNECTIONS = 20, 512
LIMIT = 256
"""KiB of memory that a recorded session may take beside its tunnel."""

WHAT = {
    "keys": "an interactive shell: CPU of the proxy for each key and its echo",
    "bulk": """much output on a terminal with a colour in each line: MiB a second as the client gets
           it, and how much of it is in the recording. recorded: onFailure is Allow, what comes
           too fast is left out and noted; whole: it is Deny, output waits for the recorder, and
           all is recorded""",
    "plain": "the same of a text without colours, as of cat of a file of code",
    "cat": """`kubectl exec -it p -- cat FILE` with a real kubectl, a real cat, and real terminals on both
           sides: MiB a second as kubectl's terminal shows it, otherwise as bulk""",
    "many": f"{SESSIONS} sessions at once, each with a command: memory of each",
    "forward": f"""{FORWARDS} port-forwards at once, each of {CONNECTIONS} connections that stay open,
           as many as are followed: memory of each""",
}
EPILOG = f"""\
Each line has the medians of the rounds, and the median of recorded / unrecorded within a round, with the
middle half of the rounds in brackets. What is asked for: less than 2 times the CPU, more than 0.5 of the
speed, and at most {LIMIT} KiB beside the tunnel. Other work on the machine slows both sides: compare
ratios, never figures of two runs. The event loop is what `auditproxy serve` takes: uvloop with the extra
`fast`, as in the image, else asyncio.

  python -m tests.bench.sessions                               all of it, three to six minutes
  python -m tests.bench.sessions --only keys,bulk --rounds 31  on a machine that does other work too
  python -m tests.bench.sessions --loop uvloop                 as in the image
"""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy(NamedTuple):
    """A proxy that runs."""

    process: Process
    folder: Path

    def ended(self) -> list[dict[str, int]]:
        """The lines of bulk sessions that have ended."""
        lines = (self.folder / "sessions.log").read_text(encoding="utf-8").splitlines()
        found = (json.loads(line) for line in lines)
        return [
            one for one in found if one["type"] == "SessionEnded" and one["bytesOut"] > BULK // 2
        ]


@contextlib.asynccontextmanager
async def proxies(upstream: Process, loop: str, modes: Iterable[str]) -> AsyncIterator[list[Proxy]]:
    """Fresh proxies: what one measure took of the memory, the next does not find."""
    with tempfile.TemporaryDirectory() as name:
        started: list[Proxy] = []
        try:
            for mode in modes:
                folder = Path(name) / mode
                folder.mkdir()
                words = ("proxy", str(upstream.port), mode, loop, str(folder))
                process = await Process.start(*words, module="tests.bench.shells")
                started.append(Proxy(process, folder))
            yield started
        finally:
            for each in started:
                await each.process.stop()


async def shell(proxy: Proxy) -> Stream:
    """A shell that has shown its prompt."""
    reader, writer = await connect(proxy.process.port, client_context())
    target = "/api/v1/namespaces/d/pods/p/exec?command=sh&stdin=true&stdout=true&tty=true"
    writer.write(
        f"GET {target} HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer t\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {KEY.decode()}\r\n"
        "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n".encode()
    )
    await reader.readuntil(b"\x01$ ")
    return reader, writer


async def forward(proxy: Proxy) -> Stream:
    """A port-forward whose connections have all carried something, and are open."""
    reader, writer = await connect(proxy.process.port, client_context())
    writer.write(
        b"POST /api/v1/namespaces/d/pods/p/portforward HTTP/1.1\r\nHost: p\r\n"
        b"Authorization: Bearer t\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        b"X-Stream-Protocol-Version: portforward.k8s.io\r\nContent-Length: 0\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    client = Client()
    for number in range(CONNECTIONS):
        headers = {"port": "8080", "requestid": str(number)}
        first = 4 * number + 1
        writer.write(client.open(first, {"streamtype": "error", **headers}, finished=True))
        writer.write(client.open(first + 2, {"streamtype": "data", **headers}))
        writer.write(client.data(first + 2, b"x" * 1000))
        await reader.readuntil(b"y" * SENT_BACK)
    return reader, writer


async def keys(proxies: Sequence[Proxy], rounds: int) -> list[list[float]]:
    """Microseconds of CPU for a key and its echo, of each proxy, one for each round."""
    streams = [await shell(proxy) for proxy in proxies]
    found: list[list[float]] = [[] for _ in proxies]
    before = [proxy.process.cpu_time for proxy in proxies]
    for _ in range(rounds + 1):
        for at, (reader, writer) in enumerate(streams):
            for number in range(KEYS):
                key = b"\r" if number % 40 == 39 else b"x"
                writer.write(masked(BINARY, b"\x00" + key))
                await reader.readuntil(b"\x01" + key)
            # What the recorder does later is in the next round's.
            now = proxies[at].process.cpu_time
            found[at].append((now - before[at]) / KEYS * 1e6)
            before[at] = now
    return [figures[1:] for figures in found]


async def bulk(key: bytes, proxy: Proxy) -> float:
    """MiB a second of the output of a key."""
    reader, writer = await shell(proxy)
    started = time.perf_counter()
    writer.write(masked(BINARY, b"\x00" + key))
    tail = b""
    while not tail.endswith(b"\x01DONE"):
        tail = (tail[-8:] + await reader.read(1 << 20))[-16:]
    seconds = time.perf_counter() - started
    writer.close()
    return BULK / seconds / (1 << 20)


async def memory(proxy: Proxy, start: Callable[[Proxy], Awaitable[Stream]], count: int) -> float:
    """KiB of memory of each of so many sessions."""
    # What the first one of a process takes is no other's.
    opened = [await start(proxy)]
    await pause(1)
    before = proxy.process.memory
    opened += [await start(proxy) for _ in range(count)]
    await pause(1)
    grown = proxy.process.memory - before
    for _, writer in opened:
        writer.transport.abort()
    return grown * 1024 / count


async def with_a_command(proxy: Proxy) -> Stream:
    """A shell with a command."""
    reader, writer = await shell(proxy)
    for key in b"ls -l\r":
        writer.write(masked(BINARY, bytes((0, key))))
        await reader.readuntil(bytes((1, key)))
    return reader, writer


async def interleaved(
    measure: Callable[[Proxy], Awaitable[float]], proxies: Sequence[Proxy], rounds: int
) -> list[list[float]]:
    """The figures of each proxy, one for each round; the first of a round is another one each time."""
    found: list[list[float]] = [[] for _ in proxies]
    for number in range(rounds + 1):
        for place in range(len(proxies)):
            at = (number + place) % len(proxies)
            figure = await measure(proxies[at])
            if number:
                # What is done for the first time is not counted.
                found[at].append(figure)
    return found


def compared(unrecorded: Sequence[float], recorded: Sequence[float]) -> str:
    """The median of the ratios within rounds, and the middle half of them."""
    ratios = [two / one for one, two in zip(unrecorded, recorded, strict=True)]
    low, high = percentile(ratios, 0.25), percentile(ratios, 0.75)
    return f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"


async def speeds(
    upstream: Process,
    loop: str,
    name: str,
    measure: Callable[[Proxy], Awaitable[float]],
    rounds: int,
) -> None:
    """Print the lines of ``bulk``, ``plain`` or ``cat``."""
    async with proxies(upstream, loop, MODES) as started:
        unrecorded, *others = await interleaved(measure, started, rounds)
        for mode, proxy, figures in zip(list(MODES)[1:], started[1:], others, strict=True):
            await until(lambda: len(proxy.ended()) > rounds, "the session log has all")  # noqa: B023
            sessions = proxy.ended()
            missing = sum(one.get("missingBytes", 0) for one in sessions)
            share = 1 - missing / sum(one["bytesOut"] for one in sessions)
            print(
                f"{loop:8} {name:8} unrecorded {statistics.median(unrecorded):5.0f} MiB/s, "
                f"{mode:8} {statistics.median(figures):5.0f} MiB/s, "
                f"{compared(unrecorded, figures)}, {share:.0%} of it in the recording",
                flush=True,
            )


async def shown_by_kubectl(loop: str, rounds: int) -> None:
    """Print the lines of ``cat``."""
    kubectl = next((one for one in kubectl_binaries() if minor_version(one) >= 30), None)
    if kubectl is None:
        print(f"{loop:8} cat      skipped: no kubectl of 1.30 or newer")
        return
    print(f"{loop:8} cat      by kubectl 1.{minor_version(kubectl)}, {kubectl}", flush=True)
    upstream = await Process.start(module="tests.bench.pods")
    try:
        with tempfile.TemporaryDirectory() as name:
            shown = cat.make_file(Path(name))

            async def measure(proxy: Proxy) -> float:
                server = f"https://127.0.0.1:{proxy.process.port}"
                kubeconfig = cat.make_kubeconfig(proxy.folder, server)
                return await cat.speed(kubectl, kubeconfig, shown)

            await speeds(upstream, loop, "cat", measure, rounds)
    finally:
        await upstream.stop()


async def costs(upstream: Process, loop: str, rounds: int) -> None:
    """Print the line of ``keys``."""
    async with proxies(upstream, loop, list(MODES)[:2]) as started:
        unrecorded, recorded = await keys(started, 10 * rounds)
    print(
        f"{loop:8} keys     unrecorded {statistics.median(unrecorded):5.0f} us CPU a key, "
        f"recorded {statistics.median(recorded):5.0f}, {compared(unrecorded, recorded)}",
        flush=True,
    )


async def sizes(
    upstream: Process, loop: str, name: str, start: Callable[[Proxy], Awaitable[Stream]], count: int
) -> None:
    """Print the line of ``many`` or ``forward``."""
    async with proxies(upstream, loop, list(MODES)[:2]) as started:
        unrecorded, recorded = [await memory(proxy, start, count) for proxy in started]
    print(
        f"{loop:8} {name:8} unrecorded {unrecorded:5.0f} KiB each, recorded {recorded:5.0f}, "
        f"{recorded - unrecorded:.0f} beside the tunnel of at most {LIMIT}",
        flush=True,
    )


async def main(names: Sequence[str], loops: Sequence[str], rounds: int) -> None:
    """Print a line for each figure."""
    upstream = await Process.start("shells", module="tests.bench.shells")
    try:
        for loop in loops:
            if "keys" in names:
                await costs(upstream, loop, rounds)
            for name, key in (("bulk", b"B"), ("plain", b"P")):
                if name in names:
                    await speeds(upstream, loop, name, partial(bulk, key), rounds)
            if "cat" in names:
                await shown_by_kubectl(loop, rounds)
            if "many" in names:
                await sizes(upstream, loop, "many", with_a_command, SESSIONS)
            if "forward" in names:
                await sizes(upstream, loop, "forward", forward, FORWARDS)
    finally:
        await upstream.stop()


def measures(text: str) -> list[str]:
    """Names of measures with commas between them."""
    names = text.split(",")
    if unknown := [name for name in names if name not in WHAT]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(WHAT)}")
    return names


def count(text: str) -> int:
    """A number of rounds."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rounds, 1 or more")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command's words."""
    made = argparse.ArgumentParser(
        prog="python -m tests.bench.sessions",
        description="What recording a session costs, against the same session unrecorded:\n\n"
        + "\n".join(f"  {name:8} {what}" for name, what in WHAT.items()),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--only", type=measures, default=list(WHAT), metavar="NAME,...", help="some of these"
    )
    made.add_argument("--rounds", type=count, default=15, help="of keys, bulk, plain and cat (15)")
    has_uvloop = importlib.util.find_spec("uvloop") is not None
    loops = ["asyncio", *(["uvloop"] if has_uvloop else [])]
    made.add_argument("--loop", choices=loops, help="one event loop, not both")
    made.set_defaults(loops=loops)
    return made


if __name__ == "__main__":
    given = parser().parse_args()
    asyncio.run(main(given.only, [given.loop] if given.loop else given.loops, given.rounds))
