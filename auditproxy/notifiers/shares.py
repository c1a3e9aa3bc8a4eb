"""EventShares: events that wait, in a queue that one owner cannot take from the others.

Owners take turns. When there is no room, an owner with a fair share or more of it gets no more; for
one with less, the owner with most loses the last event.
"""

from collections import deque

from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.apis.user import ANONYMOUS

MOST_OWNERS = 256
"""Owners with a share of their own; all others have one together."""

Waiting = Event | SessionEvent
_OTHERS = "\0others"


def owner_of(event: Waiting) -> str:
    """Whose event it is: the user, or the address of one who has no name."""
    name = event.user.username
    if name and name != ANONYMOUS:
        return name
    return f"{name} at {event.source_ips[-1] if event.source_ips else ''}"


class EventShares:
    """Events of all owners; ``most`` of them, which weigh ``most_weight`` unless it is one."""

    def __init__(self, most: int, most_weight: int) -> None:
        self._most = most
        self._most_weight = most_weight
        self._queues: dict[str, deque[tuple[Waiting, int]]] = {}
        self._weights: dict[str, int] = {}
        self._turns: deque[str] = deque()
        self._count = 0
        self._weight = 0

    def __len__(self) -> int:
        return self._count

    def put(self, event: Waiting, weight: int) -> list[Waiting]:
        """Queue an event; return those that had to go for it, or itself."""
        owner = owner_of(event)
        if owner not in self._queues and len(self._queues) >= MOST_OWNERS:
            owner = _OTHERS
        dropped: list[Waiting] = []
        while self._is_full(weight):
            largest = self._largest(owner, weight)
            if largest == owner:
                return [*dropped, event]
            dropped.append(self._pop(largest, last=True))
        queue = self._queues.get(owner)
        if queue is None:
            queue = self._queues[owner] = deque()
            self._turns.append(owner)
        queue.append((event, weight))
        self._weights[owner] = self._weights.get(owner, 0) + weight
        self._count += 1
        self._weight += weight
        return dropped

    def take(self) -> Waiting:
        """The next event; raises IndexError for none."""
        owner = self._turns.popleft()
        self._turns.append(owner)
        return self._pop(owner, last=False)

    def clear(self) -> None:
        """Forget all."""
        self._queues.clear()
        self._weights.clear()
        self._turns.clear()
        self._count = self._weight = 0

    def _is_full(self, weight: int) -> bool:
        return self._count >= self._most or (
            self._count > 0 and self._weight + weight > self._most_weight
        )

    def _largest(self, owner: str, weight: int) -> str:
        """Who has most of what is short; ``owner`` where that is a fair share or more."""
        share = self._share(owner, weight)
        if share * (len(self._queues) + (owner not in self._queues)) > 1:
            # The others are not compared for each event of a flood.
            return owner
        found = max(self._queues, key=self._share)
        return found if self._share(found) > share else owner

    def _share(self, owner: str, weight: int = 0) -> float:
        """The part of all that an owner has, with one more event of a weight unless that is 0."""
        events = (len(self._queues.get(owner, ())) + (weight > 0)) / self._most
        held = (self._weights.get(owner, 0) + weight) / self._most_weight
        return held if held > events else events

    def _pop(self, owner: str, *, last: bool) -> Waiting:
        queue = self._queues[owner]
        event, weight = queue.pop() if last else queue.popleft()
        self._count -= 1
        self._weight -= weight
        self._weights[owner] -= weight
        if not queue:
            del self._queues[owner], self._weights[owner]
            self._turns.remove(owner)
        return event
