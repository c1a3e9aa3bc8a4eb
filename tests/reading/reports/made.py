"""Tables of reports, made of some requests."""

from typing import Any

from auditproxy.reading.reports.report import Section
from auditproxy.reading.reports.subjects import SUBJECTS
from auditproxy.reading.reports.tallies import RequestTally, Tallies, moment_text
from tests.fakes.trails import read


def sections(subject: str, *made: dict[str, Any], days: float | None = 2.0) -> dict[str, Section]:
    """The tables of some requests, by their member."""
    tallies = Tallies()
    for one in made:
        last = read(one)
        code = last.response_status.code if last.response_status else 0
        at = moment_text(last.request_received_timestamp)
        tally = RequestTally(1, int(code in (401, 403)), 1, 1000, 0, at, at)
        for key in SUBJECTS[subject].keys_of(last, at):
            tallies.add(key, tally)
    return {one.member: one for one in SUBJECTS[subject].sections_of(tallies, days)}
