"""``auditproxy events list``: the newest requests, one line for each."""

from collections.abc import Sequence

from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.commands.events.printing import Printer, Shown, Text
from auditproxy.reading.meaning.events import GONE
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.trail.lines import DAMAGED
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import TrailFile


def run_list(files: Sequence[TrailFile], search: Search, how: Shown, out: Text, err: Text) -> int:
    """Print the newest requests that a search admits; the exit code. Raises OSError."""
    found = newest(files, search, how.limit)
    requests = found.requests if how.oldest_first else found.requests[::-1]
    facts = [RequestFacts(request) for request in requests]
    for line in Printer(how).lines(facts):
        out.write(line)
    for note in notes_of(found.counts, found.forms):
        err.write(f"auditproxy: warning: {note}\n")
    if found.read == found.size:
        check_has_events(found.counts, files)
    if _is_of_one_secret(search):
        err.write(
            "auditproxy: a list or a watch gives the contents of secrets too, and has no name; "
            "--verb=list,watch instead of --name shows them\n"
        )
    if not facts:
        err.write(
            f"auditproxy: no request matches, of {counted(found.counts['events'], 'event')}\n"
        )
    elif len(facts) == how.limit:
        shown = "request" if how.limit == 1 else counted(how.limit, "request")
        err.write(f"auditproxy: the newest {shown}; --limit shows more\n")
    return 1 if found.counts[DAMAGED] or found.counts[GONE] else 0


def _is_of_one_secret(search: Search) -> bool:
    """Whether secrets are looked for by their names, and requests that give all are not shown."""
    wanted = {condition.column: condition.values for condition in search.conditions}
    verbs = wanted.get("verb", ())
    reads = not verbs or bool({"get", "list", "watch"} & set(verbs))
    return bool(wanted.get("name")) and "secrets" in wanted.get("resource", ()) and reads
