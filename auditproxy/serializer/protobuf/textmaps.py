"""Maps of texts, such as labels, annotations and a ConfigMap's data, as Go writes them.

They are most of many objects: their entries are read without a generator, and written at once.
"""

import msgspec

from auditproxy.serializer.protobuf.wire import BYTES

_KEY, _VALUE = 1 << 3 | BYTES, 2 << 3 | BYTES
_ENCODE = msgspec.json.Encoder().encode
_ENCODE_SORTED = msgspec.json.Encoder(order="deterministic").encode


def add_texts(texts: dict[str, str], raw: bytes, start: int, stop: int, last: int, key: int) -> int:
    """Add the entry in ``raw[start:stop]``, and those of the map that follow it at once.

    Of what follows, no byte at ``last`` or behind it is used; ``key`` precedes each entry.
    Returns where the last entry ends that was added: ``start``, and nothing is done, if Go writes
    none like the first. Go writes an entry's key and value once, in this order and UTF-8, and
    nothing else. Here the key has less than 128 bytes, and the value, and an entry that follows,
    less than 16 KiB.
    """
    end = start
    try:
        # All in one loop: a call for each entry costs as much as reading it.
        while raw[start] == _KEY and (behind := raw[start + 1]) < 0x80:
            behind += start + 2
            if raw[behind] != _VALUE:
                break
            length, first = raw[behind + 1], behind + 2
            if length >= 0x80:
                if raw[first] >= 0x80:
                    break
                length += (raw[first] - 1) << 7
                first += 1
            # So all that was read belongs to the entry.
            if first + length != stop:
                break
            texts[raw[start + 2 : behind].decode()] = raw[first:stop].decode()
            end = stop
            # The second byte of a longer key is 1: an entry has more bytes.
            if end >= last or raw[end] != key:
                break
            length, start = raw[end + 1], end + 2
            if length >= 0x80:
                if raw[start] >= 0x80:
                    break
                length += (raw[start] - 1) << 7
                start += 1
            stop = start + length
            if stop > last:
                break
    except (IndexError, UnicodeDecodeError):
        # The bytes end within an entry, or it has some that are not UTF-8.
        pass
    return end


def of_texts(texts: dict[str, str]) -> dict[bytes, bytes]:
    """The entries by their keys' bytes, each value as its JSON."""
    return {key.encode(): _ENCODE(value) for key, value in texts.items()}


def text_map(texts: dict[str, str]) -> bytes:
    """The map's JSON, ``< > &`` left to the end."""
    # By code points, which is the order of the bytes.
    return _ENCODE_SORTED(texts)
