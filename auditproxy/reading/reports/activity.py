"""``report activity``: who was active on which days, since when, and from which new addresses.

Pure. Days are those of UTC. An address is new if it was first seen on a later day than its user.
"""

from collections.abc import Sequence

from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.facts import is_dry_run, kind_of_name
from auditproxy.reading.reports.access import who
from auditproxy.reading.reports.report import COUNT, TIME, Chart, Column, Row, Section
from auditproxy.reading.reports.tallies import Key, RequestTally, Tallies

NAME = "activity"
TITLE = "Activity of users"
DAYS, WRITES, ADDRESSES = ("days", "writes", "addresses")
_WRITES = frozenset(("create", "update", "patch", "delete", "deletecollection"))
_PEOPLE = ("human", "unknown", "anonymous")
_DATE = 10
_MOST_DAYS = 62
"""Days of the chart: the last ones."""


def keys_of(event: TrailEvent, received: str) -> Sequence[Key]:
    """The groups that a request is counted in, by user, and by day or address."""
    acting = event.impersonated_user
    user, as_whom = event.user.username, "" if acting is None else acting.username
    day = received[:_DATE]
    keys = [(DAYS, user, as_whom, day)]
    if event.source_ips:
        keys.append((ADDRESSES, user, as_whom, event.source_ips[-1]))
    if event.verb in _WRITES and not is_dry_run(event):
        keys.append((WRITES, user, as_whom, day))
    return keys


def sections_of(tallies: Tallies, days: float | None) -> tuple[Section, ...]:
    """The tables of what was counted."""
    by_day = tallies.of(DAYS)
    users: dict[tuple[str, str], RequestTally] = {}
    dates: dict[tuple[str, str], set[str]] = {}
    for (_, user, as_whom, day), tally in by_day.items():
        users.setdefault((user, as_whom), RequestTally()).add(tally)
        dates.setdefault((user, as_whom), set()).add(day)
    addresses: dict[tuple[str, str], list[tuple[str, RequestTally]]] = {}
    for (_, user, as_whom, address), tally in tallies.of(ADDRESSES).items():
        addresses.setdefault((user, as_whom), []).append((address, tally))
    rows = [
        _user(key, tally, len(dates[key]), len(addresses.get(key, ())))
        for key, tally in users.items()
    ]
    rows.sort(key=lambda row: (row["kind"] not in _PEOPLE, -row["requests"], row["who"]))
    new = [
        _named(key) | {"address": address, **_counted(tally)}
        for key, found in addresses.items()
        for address, tally in found
        if tally.first[:_DATE] > users[key].first[:_DATE]
    ]
    new.sort(key=lambda row: (row["kind"] not in _PEOPLE, row["first"], row["who"], row["address"]))
    each_day = [
        _named((user, as_whom)) | {"day": day, "writes": _writes(tallies, key), **_counted(tally)}
        for key, tally in by_day.items()
        for _, user, as_whom, day in (key,)
    ]
    each_day.sort(key=lambda row: (row["kind"] not in _PEOPLE, row["who"], row["day"]))
    counts = (
        Column("REQUESTS", "requests", COUNT),
        Column("REFUSED", "refused", COUNT),
        Column("FIRST", "first", TIME),
        Column("LAST", "last", TIME),
    )
    return (
        Section(
            member="users",
            title="Users",
            columns=(
                Column("USER", "who"),
                Column("KIND", "kind"),
                Column("DAYS", "days", COUNT),
                Column("ADDRESSES", "addresses", COUNT),
                *counts,
            ),
            rows=rows,
            empty="No request.",
            chart=_chart(by_day),
        ),
        Section(
            member="newAddresses",
            title="Addresses that users had not on their first day",
            columns=(Column("USER", "who"), Column("ADDRESS", "address"), *counts),
            rows=new,
            empty="No user came from an address that it had not on its first day.",
        ),
        Section(
            member="days",
            title="Users by day",
            columns=(
                Column("USER", "who"),
                Column("DAY", "day"),
                Column("WRITES", "writes", COUNT),
                *counts,
            ),
            rows=each_day,
            empty="No request.",
        ),
    )


def _named(key: tuple[str, str]) -> Row:
    user, as_whom = key
    return {
        "user": user,
        "impersonatedUser": as_whom,
        "who": who(user, as_whom),
        "kind": kind_of_name(as_whom or user),
    }


def _counted(tally: RequestTally) -> Row:
    return {
        "requests": tally.requests,
        "refused": tally.refused,
        "first": tally.first,
        "last": tally.last,
    }


def _user(key: tuple[str, str], tally: RequestTally, days: int, addresses: int) -> Row:
    return _named(key) | {"days": days, "addresses": addresses, **_counted(tally)}


def _writes(tallies: Tallies, key: Key) -> int:
    found = tallies.groups.get((WRITES, *key[1:]))
    return 0 if found is None else found.requests


def _chart(by_day: dict[Key, RequestTally]) -> Chart | None:
    """Requests of people by day, or of all where there are none."""
    people = {key: one for key, one in by_day.items() if kind_of_name(key[2] or key[1]) in _PEOPLE}
    days: dict[str, int] = {}
    for key, tally in (people or by_day).items():
        days[key[3]] = days.get(key[3], 0) + tally.requests
    points = tuple((day, float(days[day])) for day in sorted(days)[-_MOST_DAYS:])
    whose = "of people " if people else ""
    return Chart(f"Requests {whose}by day", points) if len(points) > 1 else None
