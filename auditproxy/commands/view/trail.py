"""The trail of the page: its requests in pages, and how many there were when.

A page begins behind the last request of the one before it (by time, audit ID and origin) and not at
a number, so that the last one of ten million takes as long as the first.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.indexrows import SELECTED, read_row, shown_row
from auditproxy.commands.view.searching import PageFilter, filter_of
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.facts import OUTCOMES

PAGE = 100
"""Requests of one page."""
MOST_BUCKETS = 120
"""Bars of the timeline."""
MOST_SUGGESTED = 50
"""Values that are offered for one filter."""
_SECOND = 1_000_000
_WIDTHS = tuple(
    _SECOND * seconds
    for seconds in (
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
        172800, 604800, 2592000, 31536000,
    )
)  # fmt: skip
"""Microseconds of a bar, those that people count in."""
_SUGGESTED = {
    "user": "username",
    "verb": "verb",
    "resource": "resource || coalesce('/' || subresource, '')",
    "namespace": '"namespace"',
    "code": "code",
}


class AskedIndex(Protocol):
    """What answers questions in SQL: reading/sql/indexed.py."""

    def ask(
        self,
        statement: str,
        parameters: Sequence[Any] = (),
        most_rows: int = 1000,
        expression: str = "",
    ) -> list[list[Any]]:
        """The rows of the answer; raises Unusable."""
        ...


class ViewedTrail:
    """Answers what the page asks of requests; ``clock`` gives nanoseconds since the epoch."""

    def __init__(self, index: AskedIndex, clock: Callable[[], int] = time.time_ns) -> None:
        self._index = index
        self._clock = clock
        ((count, first, last),) = index.ask(
            "SELECT count(*), min(epoch_us(received)) FILTER (is_timed), "
            "max(epoch_us(received)) FILTER (is_timed) FROM requests WHERE NOT is_twin"
        )
        self.count = int(count)
        self.first = int(first or 0)
        self.last = int(last or 0)

    def page(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Requests that a search means, newest first, and where the pages beside them begin."""
        search = filter_of(given, self._clock())
        older, newer = _key(given.get("older", "")), _key(given.get("newer", ""))
        clauses, parameters = [_all(search)], list(search.parameters)
        key = older or newer
        if key is not None:
            sign = "<" if older else ">"
            # The first comparison lets the database skip what is later or earlier.
            clauses.append(
                f"received {sign}= make_timestamptz(?) AND "
                f"(epoch_us(received), audit_id, origin) {sign} (?, ?, ?)"
            )
            parameters += [key[0], *key]
        asked = self._page(clauses, parameters, search.expression, is_newer=bool(newer))
        found = [read_row(row) for row in asked]
        more, found = len(found) > PAGE, found[:PAGE]
        if newer:
            found.reverse()
        has_newer = more if newer else older is not None
        has_older = more if not newer else True
        return {
            "rows": [shown_row(row) for row in found],
            "newer": found[0].key if found and has_newer else None,
            "older": found[-1].key if found and has_older else None,
        }

    def _page(
        self, clauses: list[str], parameters: list[Any], expression: str, *, is_newer: bool
    ) -> list[list[Any]]:
        """The first rows of an order, one more than a page.

        Times are asked for first: sorting whole rows takes more memory than there is.
        """
        order, sign, last = ("ASC", "<", "max") if is_newer else ("DESC", ">", "min")
        most = PAGE + 1
        # The expression is the user's, and runs where it reaches nothing but the index.
        ((limit,),) = self._index.ask(
            f"SELECT {last}(moment) FROM (SELECT epoch_us(received) AS moment FROM requests "  # noqa: S608
            f"WHERE {' AND '.join(clauses)} ORDER BY received {order} LIMIT {most})",
            parameters,
            expression=expression,
        )
        if limit is None:
            return []
        return self._index.ask(
            f"SELECT {SELECTED} FROM requests WHERE received {sign}= make_timestamptz(?) "  # noqa: S608
            f"AND {' AND '.join(clauses)} "
            f"ORDER BY received {order}, audit_id {order}, origin {order} LIMIT {most}",
            [limit, *parameters],
            most,
            expression,
        )

    def timeline(self, given: Mapping[str, str]) -> dict[str, Any]:
        """How many requests a search means, by time and outcome; times are milliseconds."""
        search = filter_of(given, self._clock())
        first = self.first if search.since is None else max(search.since, self.first)
        last = self.last if search.until is None else min(search.until - 1, self.last)
        last = max(first, last)
        width = next((one for one in _WIDTHS if (last - first) // one < MOST_BUCKETS - 1), 0)
        width = width or _WIDTHS[-1] * (1 + (last - first) // (_WIDTHS[-1] * MOST_BUCKETS))
        begin = first // width * width
        count = (last - begin) // width + 1
        rows = self._index.ask(
            "SELECT CASE WHEN is_timed THEN "  # noqa: S608
            "(epoch_us(received) - ?::BIGINT) // ?::BIGINT END, "
            f"outcome, count(*) FROM requests WHERE {_all(search)} GROUP BY ALL",
            [begin, width, *search.parameters],
            (MOST_BUCKETS + 2) * len(OUTCOMES),
            search.expression,
        )
        buckets = [[0] * len(OUTCOMES) for _ in range(count)]
        totals = dict.fromkeys(OUTCOMES, 0)
        for bucket, outcome, number in rows:
            totals[outcome] += number
            if bucket is not None and 0 <= bucket < count:
                buckets[bucket][OUTCOMES.index(outcome)] += number
        return {
            "begin": begin // 1000,
            "width": width // 1000,
            "outcomes": list(OUTCOMES),
            "buckets": buckets,
            "totals": totals,
            "total": sum(totals.values()),
        }

    def suggestions(self) -> dict[str, list[str]]:
        """Of some filters the values that most requests of the trail have."""
        return {
            name: [
                visible(str(value))
                for value, _ in self._index.ask(
                    f"SELECT {column} AS value, count(*) AS number FROM requests "  # noqa: S608
                    f"WHERE value IS NOT NULL AND NOT is_twin GROUP BY value "
                    f"ORDER BY number DESC, value LIMIT {MOST_SUGGESTED}"
                )
            ]
            for name, column in _SUGGESTED.items()
        }


def _all(search: PageFilter) -> str:
    return f"NOT is_twin AND {search.clause}"


def _key(text: str) -> tuple[int, str, str] | None:
    """The key of a request as the page got it; raises Unusable."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=tuple[int, str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unusable("older and newer take the key of a request") from None
