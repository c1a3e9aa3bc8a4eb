"""A receiver of audit events whose answers are up to chance, and what has arrived at it.

200   most of the time; now and then the answer is lost, and the events come again
503   or a broken connection: the same come again
400   for each batch that has an event that is poison; alone it becomes a dead letter
"""

import asyncio
import json
import random
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.trail import Place, place
from tests.fakes.webhook import OK as TAKEN
from tests.fakes.webhook import RESET, Receiver, Step, answer

Key = tuple[Place, str]
"""An event: the place of its request, and its stage."""

POISON = 97
"""Of so many events one is refused by itself."""


def is_poison(key: Key) -> bool:
    """Whether the receiver refuses an event, always."""
    return zlib.crc32(repr(key).encode()) % POISON == 0


@dataclass
class Arrivals:
    """Events that were taken, how often each; ``faults`` are broken promises.

    ``late`` are requests whose last event may come behind those of later ones. Gap events have
    named so many ``gaps`` of damaged bytes.
    """

    events: Counter[Key] = field(default_factory=Counter)
    late: set[Place] = field(default_factory=set)
    gaps: int = 0
    faults: list[str] = field(default_factory=list)
    _last: dict[tuple[int, int], int] = field(default_factory=dict)
    _checks: dict[Key, int] = field(default_factory=dict)

    def take(self, items: Iterable[dict[str, Any]]) -> None:
        """Take the events of a batch."""
        for item in items:
            missing = missing_of(item)
            if missing is None:
                self._take(key_of(item), item)
            else:
                self.gaps += 1
                if missing:
                    self.faults.append(f"an event says that {missing} others are missing")

    def _take(self, key: Key, item: dict[str, Any]) -> None:
        where, stage = key
        self.events[key] += 1
        check = zlib.crc32(json.dumps(item).encode())
        if self._checks.setdefault(key, check) != check:
            self.faults.append(f"{key} arrived twice, and not the same")
        number = 2 * where[2] + (stage != "RequestReceived")
        if self.events[key] > 1 or (number % 2 and where in self.late):
            return
        if number <= self._last.get(where[:2], -1):
            self.faults.append(f"{key} arrived out of order")
        self._last[where[:2]] = number


def key_of(item: dict[str, Any]) -> Key:
    """Which event it is."""
    return place(item["requestURI"]), item["stage"]


def missing_of(item: dict[str, Any]) -> int | None:
    """How many events one stands for that says that others are missing; None for any other."""
    annotations = item.get("annotations", {})
    missing = annotations.get("auditproxy.io/gap-events")
    return None if missing is None else int(missing)


FIRST = (0.9, 0.0, 0.7)
"""What is drawn for the first batches: a fault, an answer that is lost, a broken connection."""


class ChanceReceiver(Receiver):
    """The receiver; ``is_kind`` ends its faults. ``batches`` is how many it got."""

    def __init__(self, chance: random.Random, arrivals: Arrivals) -> None:
        super().__init__()
        self._chance = chance
        self._arrivals = arrivals
        self.is_kind = False
        self.batches = self.failed = 0

    async def _play(self, step: Step, writer: asyncio.StreamWriter) -> bool:
        # A proxy sends one batch after the other: this answer is that of the last.
        items, drawn = json.loads(self.received.pop().body)["items"], self._chance.random()
        drawn = FIRST[self.batches] if self.batches < len(FIRST) else drawn
        self.batches += 1
        if drawn >= 0.6 and not self.is_kind:
            self.failed += 1
            step = RESET if drawn < 0.8 else answer(503)
        elif any(missing_of(item) is None and is_poison(key_of(item)) for item in items):
            step = answer(400)
        else:
            self._arrivals.take(items)
            step = TAKEN
            if drawn < 0.1 and not self.is_kind:
                # It has them, and its answer is lost: they come again.
                return False
        return await super()._play(step, writer)
