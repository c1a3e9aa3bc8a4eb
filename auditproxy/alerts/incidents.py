"""Incidents: the alerts of one rule that fire, bounded so that no user takes another's room.

    a key of its own         MAXIMUM_OF_OWNER for each owner, MAXIMUM_INCIDENTS in all
    one for each owner       beyond: OTHERS stands for all labels but those that name the owner
    one of all others        beyond MAXIMUM_INCIDENTS of these as well

The owner is who sent the request: the authenticated user, and of anonymous ones the address
of their connection. A client chooses neither.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from auditproxy.alerts.alert import Alert

MAXIMUM_INCIDENTS = 1000
"""Alerts of one rule with labels of their own that fire at once."""

MAXIMUM_OF_OWNER = 100
"""Of these, for one user, or one address of anonymous ones."""

OTHERS = "(others)"

Key = tuple[str, ...]
Owner = tuple[str, str]
"""A user's name; and for anonymous ones, who share it, their address, otherwise ""."""


@dataclass(slots=True)
class Incident:
    """An alert while it fires; ``owner`` is None where its labels are not all its own."""

    alert: Alert
    sent: int
    ends: int
    owner: Owner | None
    count: int = 1


@dataclass(slots=True)
class Incidents:
    """Those of one rule, by their labels; ``by`` are the fields of these."""

    by: Key
    _incidents: dict[Key, Incident] = field(default_factory=dict)
    _owned: Counter[Owner | None] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self._incidents)

    def __iter__(self) -> Iterator[Incident]:
        return iter(self._incidents.values())

    def get(self, key: Key) -> Incident | None:
        """The incident with these labels."""
        return self._incidents.get(key)

    def place(self, key: Key, owner: Owner) -> tuple[Key, Owner | None]:
        """The key for an event: its own if it is there or has room, and its owner then."""
        known = self._incidents.get(key)
        if known is not None:
            return key, known.owner
        mine = len(self._incidents) - self._owned[None]
        if mine < MAXIMUM_INCIDENTS and self._owned[owner] < MAXIMUM_OF_OWNER:
            return key, owner
        named = {"user"} if not owner[1] else {"user", "peerIP"}
        shared = tuple(
            text if name in named else OTHERS for name, text in zip(self.by, key, strict=True)
        )
        if shared not in self._incidents and self._owned[None] >= MAXIMUM_INCIDENTS:
            shared = (OTHERS,) * len(key)
        return shared, None

    def begin(self, key: Key, incident: Incident) -> None:
        """Add an incident, or begin one anew."""
        self._drop(key)
        self._incidents[key] = incident
        self._owned[incident.owner] += 1

    def ended(self, now: int) -> list[Incident]:
        """Take out those that have ended."""
        keys = [key for key, incident in self._incidents.items() if now >= incident.ends]
        found = [self._incidents[key] for key in keys]
        for key in keys:
            self._drop(key)
        return found

    def _drop(self, key: Key) -> None:
        incident = self._incidents.pop(key, None)
        if incident is None:
            return
        self._owned[incident.owner] -= 1
        if not self._owned[incident.owner]:
            del self._owned[incident.owner]
