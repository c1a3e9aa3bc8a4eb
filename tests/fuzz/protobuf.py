"""Mutated protobuf bodies: ``python -m tests.fuzz.protobuf --count 1000000 [--seed 1]``.

Each input must become valid JSON, checked by another reader, or raise
ProtobufError; anything else ends the run and prints the input.
"""

import argparse
import random
import sys
import time

import msgspec

from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.table import builtin
from tests.fakes.wire import Maker, envelope

_FRESH_EVERY = 50
"""Inputs made of one object before another is made."""
_SIZE = 20_000
_INTERESTING = (0x00, 0x01, 0x07, 0x08, 0x0A, 0x0B, 0x0C, 0x12, 0x7F, 0x80, 0xFF)


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """The bytes with a few of them changed, cut, doubled, moved or put in."""
    data = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if not data:
            break
        place = chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data[place] = chance.choice(_INTERESTING)
            case 2:
                del data[place:]
            case 3:
                del data[place : place + chance.randrange(1, 9)]
            case 4:
                data[place:place] = data[place : place + chance.randrange(1, 65)]
            case _:
                data[place:place] = chance.randbytes(chance.randrange(1, 11))
    return bytes(data)


def run(count: int, seed: int) -> int:
    """Decode that many mutated bodies; gives the count, raises what should not be raised."""
    table = builtin()
    decoder = Decoder(table)
    chance = random.Random(seed)
    kinds = sorted(set(table.kinds) - {"meta.k8s.io/v1/Table"})
    raw = b""
    for index in range(count):
        if index % _FRESH_EVERY == 0:
            kind = chance.choice(kinds)
            api_version, _, name = kind.rpartition("/")
            raw = Maker(table, chance).message(table.kinds[kind], chance.randrange(1, 5))[0]
            raw = raw[:_SIZE]
        body = envelope(api_version, name, mutated(raw, chance))
        try:
            written = decoder.decode(body)
        except ProtobufError:
            continue
        except Exception:
            print(body.hex(), file=sys.stderr)
            raise
        msgspec.json.decode(written)
    return count


def main() -> int:
    """Run and print how many inputs were tried in what time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.perf_counter()
    done = run(arguments.count, arguments.seed)
    print(f"{done} inputs, no fault, {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
