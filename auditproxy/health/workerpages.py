"""One page of metrics of several processes: each series has the label ``worker``.

A series of one process begins anew with that process, as Prometheus expects of a counter; sums are
the reader's. What the parent itself counts has no such label.
"""

from collections.abc import Mapping

_HEADS = (b"# HELP ", b"# TYPE ")


def one_page(own: bytes, workers: Mapping[int, bytes]) -> bytes:
    """The page of the parent and of each worker by its number, families together."""
    families: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
    _add(families, own, b"")
    for number in sorted(workers):
        _add(families, workers[number], b'worker="%d"' % number)
    return b"".join(line for heads, samples in families.values() for line in heads + samples)


def _add(families: dict[bytes, tuple[list[bytes], list[bytes]]], page: bytes, label: bytes) -> None:
    heads: list[bytes] = []
    samples: list[bytes] = []
    for line in page.splitlines(keepends=True):
        if line.startswith(_HEADS):
            name = line.split(b" ", 3)[2]
            known = families.setdefault(name, ([], []))
            heads, samples = known
            if line[:7] not in (head[:7] for head in heads):
                heads.append(line)
        elif label:
            samples.append(_labelled(line, label))
        else:
            samples.append(line)


def _labelled(line: bytes, label: bytes) -> bytes:
    """A sample with one more label, the first."""
    brace = line.find(b"{")
    space = line.find(b" ")
    if 0 <= brace < space:
        return line[: brace + 1] + label + b"," + line[brace + 1 :]
    return line[:space] + b"{" + label + b"}" + line[space:]
