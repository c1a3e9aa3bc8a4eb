"""``report deprecated``: who still uses deprecated APIs, with which program.

Pure. kube-apiserver annotates such a request at its end (apiserver endpoints/metrics/metrics.go,
RecordRequestTermination and annotateDeprecatedAPI).
"""

from collections.abc import Sequence

from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.facts import kind_of_name
from auditproxy.reading.reports.access import who
from auditproxy.reading.reports.report import COUNT, TIME, Column, Section, bars
from auditproxy.reading.reports.tallies import Key, Tallies

NAME = "deprecated"
TITLE = "Use of deprecated APIs"
DEPRECATED = "k8s.io/deprecated"
REMOVED = "k8s.io/removed-release"
CALLS = "calls"


def keys_of(event: TrailEvent, received: str) -> Sequence[Key]:
    """The group of a request for a deprecated API: release, API, user, program."""
    if event.annotations.get(DEPRECATED) != "true":
        return ()
    reference = event.object_ref
    api = event.request_uri.partition("?")[0]
    if reference is not None:
        version = "/".join(part for part in (reference.api_group, reference.api_version) if part)
        api = f"{version} {reference.resource}"
    acting = event.impersonated_user
    as_whom = "" if acting is None else acting.username
    released = event.annotations.get(REMOVED, "")
    return ((CALLS, released, api, event.user.username, as_whom, event.user_agent),)


def sections_of(tallies: Tallies, days: float | None) -> tuple[Section, ...]:
    """The table of what was counted: what is removed first comes first."""
    rows = []
    for (_, removed, api, user, as_whom, agent), tally in tallies.of(CALLS).items():
        rows.append(
            {
                "removedRelease": removed,
                "api": api,
                "user": user,
                "impersonatedUser": as_whom,
                "who": who(user, as_whom),
                "kind": kind_of_name(as_whom or user),
                "userAgent": agent,
                "requests": tally.requests,
                "first": tally.first,
                "last": tally.last,
            }
        )
    rows.sort(
        key=lambda row: (
            *_release(str(row["removedRelease"])),
            row["api"],
            -int(str(row["requests"])),
            row["who"],
            row["userAgent"],
        )
    )
    section = Section(
        member="calls",
        title="Calls of deprecated APIs",
        columns=(
            Column("REMOVED IN", "removedRelease"),
            Column("API", "api"),
            Column("USER", "who"),
            Column("PROGRAM", "userAgent"),
            Column("REQUESTS", "requests", COUNT),
            Column("FIRST", "first", TIME),
            Column("LAST", "last", TIME),
        ),
        rows=rows,
        empty="No request for a deprecated API.",
        chart=bars("Requests by API and user", rows, ("api", "who"), "requests"),
    )
    return (section,)


def _release(text: str) -> tuple[bool, int, int]:
    """What releases are sorted by; those that are not known come last."""
    major, _, minor = text.partition(".")
    if major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit():
        return False, int(major[:9]), int(minor[:9])
    return True, 0, 0
