"""Output that came at once is accounted for at once: a piece costs the same, however long it is."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from auditproxy.apis.session import Carried, Channel, StreamEvent
from auditproxy.apis.units import SECOND

JOINED_TIME = SECOND // 1000
"""Nanoseconds in which what comes is one piece, with the time of its beginning."""
JOINED_SIZE = 64 * 1024
"""Bytes of such a piece at most."""

Other = TypeVar("Other")


def joined(
    batch: Sequence[tuple[int, StreamEvent | Other]],
) -> Iterator[tuple[int, StreamEvent | Other]]:
    """Yield events in their order, output of one channel that came at once as one event.

    What the client sends is left as it is: its keys have their times.
    """
    at, count = 0, len(batch)
    while at < count:
        moment, event = batch[at]
        at += 1
        if isinstance(event, Carried) and event.channel is not Channel.STDIN:
            size, first = len(event.data), at - 1
            while at < count:
                later, following = batch[at]
                if not isinstance(following, Carried) or following.channel is not event.channel:
                    break
                size += len(following.data)
                if size > JOINED_SIZE or not 0 <= later - moment < JOINED_TIME:
                    break
                at += 1
            if at - first > 1:
                pieces = [one.data for _, one in batch[first:at] if isinstance(one, Carried)]
                event = Carried(event.channel, b"".join(pieces))
        yield moment, event
