"""``python -m tests.bench.protobuf``: protobuf to JSON, beside json.loads of the same object."""

import json
import time
from collections.abc import Callable, Iterable
from functools import partial

from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.envelope import is_protobuf
from tests.conformance import corpus

SECONDS = 1.0
"""How long each measurement repeats itself."""


def rate(work: Callable[[], object]) -> float:
    """Calls per second."""
    work()
    count, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < SECONDS:
        work()
        count += 1
    return count / took


def decode_all(decoder: Decoder, bodies: Iterable[bytes]) -> None:
    """What is measured of ours."""
    for body in bodies:
        decoder.decode(body)


def load_all(texts: Iterable[bytes]) -> None:
    """The same for json.loads."""
    for text in texts:
        json.loads(text)


def main() -> None:
    """Print megabytes per second of the largest recorded bodies, and of all of them."""
    bodies = {e.response_body: e.target for e in corpus.read() if is_protobuf(e.response_body)}
    decoder = Decoder()
    largest = sorted(bodies, key=len)[-3:]
    rows: list[tuple[str, tuple[bytes, ...]]] = [(bodies[b][:50], (b,)) for b in largest]
    rows.append((f"all {len(bodies)} recorded answers", tuple(bodies)))
    for name, chosen in rows:
        texts = [decoder.decode(body) for body in chosen]
        ours = rate(partial(decode_all, decoder, chosen))
        loads = rate(partial(load_all, texts))
        wire, written = (sum(map(len, parts)) / 1e6 for parts in (chosen, texts))
        print(
            f"protobuf {name:50} {wire * 1000:7.1f} kB: {ours * wire:5.1f} MB/s read, "
            f"{ours * written:5.1f} MB/s JSON written; json.loads {loads * written:5.1f} MB/s"
        )


if __name__ == "__main__":
    main()
