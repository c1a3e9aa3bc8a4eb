"""``--since`` and ``--until`` of commands that count, as the texts that times are compared as."""

from auditproxy.apis.gotext import go_quote
from auditproxy.reading.meaning.moments import moment
from auditproxy.reading.reports.tallies import text_of


def period_of(since: str, until: str, now: int, faults: list[str]) -> tuple[str, str]:
    """The two times, "" where none is given; what is wrong with them is added to ``faults``."""
    found = []
    for name, text in (("since", since), ("until", until)):
        try:
            time = moment(text, now, is_end=name == "until") if text else None
        except ValueError as error:
            faults.append(f"--{name} {go_quote(text)} {error}")
            time = None
        found.append("" if time is None else text_of(time))
    first, last = found
    if first and last and first >= last:
        faults.append(
            f"--since={since} is not before --until={until}, so no request can match; exchange "
            "them, or change one"
        )
    return first, last
