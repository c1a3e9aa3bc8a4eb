"""Maps of texts, such as labels, annotations and a ConfigMap's data, as Go writes them.

They are most of many objects: their entries are read without a generator, and written at once.
"""

import msgspec

from auditproxy.serializer.protobuf.wire import BYTES

_KEY, _VALUE = 1 << 3 | BYTES, 2 << 3 | BYTES
_SHORTEST = 4
"""Bytes of an entry whose key and value are empty."""
_ENCODE = msgspec.json.Encoder().encode


def add_text(texts: dict[str, str], raw: bytes, start: int, stop: int) -> bool:
    """Add the entry in ``raw[start:stop]``; False, and nothing is done, if Go writes none like it.

    Go writes the key and the value once, in this order and UTF-8, and nothing else. Here the key
    has less than 128 bytes, and the value less than 16 KiB.
    """
    if stop - start < _SHORTEST or raw[start] != _KEY or raw[start + 1] >= 0x80:
        return False
    behind = start + 2 + raw[start + 1]
    if behind + 2 > stop or raw[behind] != _VALUE:
        return False
    length, first = raw[behind + 1], behind + 2
    if length >= 0x80:
        if first == stop or raw[first] >= 0x80:
            return False
        length += (raw[first] - 1) << 7
        first += 1
    if first + length != stop:
        return False
    try:
        texts[str(raw[start + 2 : behind], "utf-8")] = str(raw[first:stop], "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def of_texts(texts: dict[str, str]) -> dict[bytes, bytes]:
    """The entries by their keys' bytes, each value as its JSON."""
    return {key.encode(): _ENCODE(value) for key, value in texts.items()}


def text_map(texts: dict[str, str]) -> bytes:
    """The map's JSON, ``< > &`` left to the end."""
    # By code points, which is the order of the bytes.
    return _ENCODE(dict(sorted(texts.items())))
