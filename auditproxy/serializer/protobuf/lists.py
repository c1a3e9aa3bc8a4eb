"""The JSON of an object with lists, which of a LIST may be a hundred MiB.

It is written group by group and never copied as a whole: no step of it keeps a core for long, and
each group is still in the core's cache when it is escaped.
"""

from collections.abc import Iterator
from io import BytesIO

from auditproxy.serializer.budget import Budget
from auditproxy.serializer.json import escape_html

GROUP = 256 * 1024
"""Bytes of a list that are written at once; a single larger item is one group."""


def object_with_lists(
    slots: list[bytes], lists: dict[int, tuple[bytes, list[bytes]]], budget: Budget | None
) -> bytes:
    """The object of members, as Go escapes it; ``lists`` has name and items by their slot.

    Raises BudgetExceededError.
    """
    written = BytesIO()
    before = b"{"
    for slot, member in enumerate(slots):
        if slot in lists:
            name, items = lists[slot]
            separator = before + name + b"["
            for group in _groups(items):
                written.write(separator)
                written.write(escape_html(group))
                separator = b","
                if budget is not None:
                    budget.check()
            written.write(b"]")
        elif member:
            written.write(before + escape_html(member))
        else:
            continue
        before = b","
    written.write(b"}" if before == b"," else b"{}")
    # Gives its buffer away without a copy.
    return written.getvalue()


def _groups(items: list[bytes]) -> Iterator[bytes]:
    """The items with commas between them, in groups."""
    first = size = 0
    for number, item in enumerate(items, 1):
        size += len(item)
        if size >= GROUP:
            yield b",".join(items[first:number])
            first, size = number, 0
    if first < len(items):
        yield b",".join(items[first:])
