"""Lines for operators name what waits in the spool: events, lines of sessions, or alerts."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from auditproxy.audit.gaps import Gap
from auditproxy.backends.sending import SendError
from auditproxy.backends.spool.backend import SpoolBackend, SpoolConfig
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.spool.entries import LineEntry
from auditproxy.backends.spool.form import SpoolForm, event_form
from auditproxy.backends.spool.lines import LineCounts, LineLosses
from auditproxy.notifiers.spooledalerts import alert_form
from auditproxy.supervision.sessiongaps import session_form
from tests.fakes.spool import TIME
from tests.fakes.waiting import until


class Script:
    """A sender of such answers, in their order; it is away behind them."""

    name = "webhook"

    def __init__(self, *answers: SendError | None) -> None:
        self.answers = list(answers)

    async def send(self, events: Sequence[bytes]) -> None:
        """Answer."""
        fault = self.answers.pop(0) if self.answers else SendError("away", text="it is away")
        if fault is not None:
            raise fault

    async def close(self) -> None:
        """Nothing is open."""


FORMS = {
    "event": event_form("webhook"),
    "line": session_form("--flag"),
    "alert": alert_form("alerts to pager", dict),
}


def backend(
    folder: Path, form: SpoolForm, sender: Script, said: list[str], **more: int
) -> SpoolBackend:
    """A spool of such lines."""
    counts = LineCounts(form.owner, form.words.many, lambda count: None, lambda count, why: None)
    spool = SpoolBackend(
        sender,
        SpoolConfig(
            folder=folder,
            maximum_bytes=2**20,
            full="block",
            mode="batch",
            batching=Batching(max_size=1, initial_backoff=0.0),
            maximum_events=more.get("events", 10),
        ),
        losses=LineLosses(counts, said.append),
        report=said.append,
        dead_letter=lambda: None,
        form=form,
    )
    spool.open()
    return spool


def entry(form: SpoolForm, size: int = 0) -> LineEntry:
    """A line of the form, which may not be read when it has a size."""
    gap = Gap()
    gap.add("a", TIME, "spool-full")
    return LineEntry("a", TIME, b"x" * size or form.gap_line(gap, TIME))


@pytest.mark.parametrize("one", FORMS)
async def test_lines_for_operators(tmp_path: Path, one: str) -> None:
    """From the first loss to the stop."""
    form, said, many = FORMS[one], list[str](), f"{one}s"
    spool = backend(tmp_path, form, Script(), said)
    for _ in range(4):
        spool.process_line(entry(form))
    await until(lambda: spool.store.waiting == 4 and said, "they are stored, and the receiver away")
    await spool.shutdown(5.0)
    assert said == [
        f"{form.owner}: it is away; {many} wait in the spool and are sent again",
        f"{form.owner}, spool: 4 {many} wait on the disk for the next start",
    ]
    said.clear()
    (path,) = tmp_path.glob("*.spool")
    path.write_bytes(path.read_bytes().replace(b'"', b"'", 1))
    taken = None
    script = Script(SendError("away", text="it is away"), taken, taken)
    script.answers.append(SendError("status-4xx", is_poison=True, text="answered 413"))
    spool = backend(tmp_path, form, script, said)
    spool.process_line(entry(form, 2**20))
    await until(lambda: spool.store.waiting == 1 and len(said) > 5, "three of four are done with")
    await spool.shutdown(5.0)
    an = "an" if one[0] in "ae" else "a"
    size = len(entry(form).record)
    # In the order of two threads; LineLosses has the lines on what was lost, and their numbers.
    assert {line for line in said if not line.endswith("were lost")} == {
        f"{form.owner}: {many} are lost: {an} {one} is larger than the whole spool",
        f"{form.owner}: it is away; {many} wait in the spool and are sent again",
        f"{form.owner}: {many} are taken again",
        f"{form.owner}: {many} are lost: answered 413; the receiver refuses the {one} by itself, "
        "see the dead letters",
        f"{form.owner}, spool: {size} bytes are damaged, 1 {one} is missing; {an} {one} says so",
        f"{form.owner}: {many} are lost: files of the spool are damaged or missing",
        f"{form.owner}, spool: 1 {one} waits on the disk for the next start",
    }


@pytest.mark.parametrize("one", FORMS)
@pytest.mark.parametrize("what", ["gone", "noise"])
async def test_what_is_missing(tmp_path: Path, one: str, what: str) -> None:
    """A file that is gone has no damaged bytes, and bytes between records are no line."""
    form, said = FORMS[one], list[str]()
    spool = backend(tmp_path, form, Script(), said)
    # Each in a file of its own.
    for _ in range(3):
        spool.process_line(entry(form, 2**17))
    await until(lambda: spool.store.waiting == 3, "they are stored")
    await spool.shutdown(5.0)
    path = sorted(tmp_path.glob("*.spool"))[1]
    if what == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"noise")
    said.clear()
    spool = backend(tmp_path, form, Script(*[None] * 4), said)
    spool.start()
    await until(lambda: any("says so" in each for each in said), "it is found")
    await spool.shutdown(5.0)
    an = "an" if one[0] in "ae" else "a"
    found = {"gone": f"1 {one} is missing", "noise": "5 bytes are damaged"}[what]
    assert f"{form.owner}, spool: {found}; {an} {one} says so" in said


@pytest.mark.parametrize("one", FORMS)
async def test_no_room_in_memory(tmp_path: Path, one: str) -> None:
    """What comes then, and what comes behind the stop."""
    form, said = FORMS[one], list[str]()
    spool = backend(tmp_path, form, Script(), said, events=1)
    for _ in range(2):
        spool.process_line(entry(form))
    assert said == [f"{form.owner}: {one}s are lost: too many {one}s wait for the spool"]
    await spool.shutdown(5.0)
    spool.process_line(entry(form))
    an = "an" if one[0] in "ae" else "a"
    assert f"{form.owner}: {one}s are lost: {an} {one} came after the spool was shut down" in said
