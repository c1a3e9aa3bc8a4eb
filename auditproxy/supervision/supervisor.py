"""Supervisor: begins, feeds and closes the accounts of all sessions.

    event loop                                  the recorder's thread
    prepare  ------ opens the recording ------> Account
    Running  --wake--> every FEED seconds ----> Account.take
    close    ------ finishes the recording ---> Account.close

The thread is in recorderthread.py.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from auditproxy.apis.crash import describe
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.operatorline import OperatorLine
from auditproxy.apis.session import Record, RecordingReference, Session, SessionEvent
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.recordings.names import final_path
from auditproxy.recordings.recording import Recording
from auditproxy.recordings.store import RecordingRefused
from auditproxy.sessions.rules import RecordingRule
from auditproxy.sessions.wire.kinds import open_reader
from auditproxy.sockets.handover import hand_over
from auditproxy.supervision.account import Account
from auditproxy.supervision.debugged import DebuggedPods
from auditproxy.supervision.recorderthread import RecorderThread
from auditproxy.supervision.running import Running

FEED = 0.05
"""Seconds that what was read may wait before the recorder's thread gets it."""
FLUSH = 1.0
"""Seconds that a recording may hold lines back: what kill -9 costs at most."""
OPENING = 5.0
"""Seconds in which a recording must be open; a disk that takes longer cannot be relied upon."""
CLOSING = 3.0
"""Seconds that the last event of a session waits for its recording to be finished."""

NO_ANSWER = "the folder of recordings does not answer"
TOO_BUSY = "the recorder of sessions has too much to do"
FAULT = "a fault of auditproxy's own; its log has more"


class Recordings(Protocol):
    """Opens recordings (recordings/store.py); blocks, and may raise RecordingRefused."""

    def open(self, session: Session, record: Record) -> Recording:
        """Open one."""
        ...

    def settle(self) -> None:
        """Give the finished ones their names, once they are on the disk; never raises."""
        ...


class Supervisor:
    """Every session of the process; ``emit`` takes lines of the session log, on any thread."""

    def __init__(
        self,
        *,
        recordings: Recordings | None,
        emit: Callable[[SessionEvent], None],
        metrics: SessionMetrics,
        report: Callable[[str], None],
        now: Callable[[], int],
    ) -> None:
        self.open_reader = open_reader
        self.debugged = DebuggedPods()
        self._recordings = recordings
        self._emit = emit
        self._metrics = metrics
        self._report = report
        self._now = now
        self._thread = RecorderThread(self)
        self._feed_due = 0.0
        self._waiting: dict[Running, None] = {}
        self._feeding: asyncio.TimerHandle | None = None
        self._unflushed: dict[Running, None] = {}
        self._flushing: asyncio.TimerHandle | None = None
        metrics.stalled(lambda: self._thread.stalled)

    def prepare(
        self, session: Session, rule: RecordingRule, redact: Callable[[str], str] = str
    ) -> Running:
        """What a session needs; ``redact`` marks secrets in lines that were entered."""
        loop = asyncio.get_running_loop()
        running: list[Running] = []

        def failed(reason: str) -> None:
            hand_over(loop, self._recording_failed, running[0], reason)

        account = Account(
            session,
            follows_commands=rule.commands,
            emit=self._emit,
            failed=failed,
            redact=redact,
        )
        running.append(Running(session, rule, account, feeder=self, now=self._now))
        return running[0]

    async def record(self, running: Running) -> None:
        """Open the recording that a prepared session's rule wants, before its tunnel begins.

        Raises RecordingRefused for a session that must not begin unrecorded.
        """
        session, rule = running.session, running.rule
        if rule.record is Record.NONE:
            return
        try:
            recording = await self._opened(running, rule.record)
        except RecordingRefused as error:
            self._metrics.failed("open")
            self._report(_not_recorded(session, str(error), refused=rule.deny))
            if rule.deny:
                self._metrics.refused("recording")
                raise
            running.refusal = str(error)
            running.account.cannot_record(str(error))
        else:
            running.account.record_into(recording)
            running.recording = final_path(recording.path)

    async def _opened(self, running: Running, record: Record) -> Recording:
        """Open a recording on the thread; raises RecordingRefused."""
        if self._recordings is None:
            raise RecordingRefused("no folder for recordings is configured")
        if self._thread.stalled > OPENING:
            raise RecordingRefused(NO_ANSWER)
        opened: list[Recording] = []

        def open_it(recordings: Recordings) -> Recording | RecordingRefused:
            try:
                opened.append(recordings.open(running.session, record))
            except RecordingRefused as error:
                return error
            return opened[0]

        def discard_it() -> None:
            for recording in opened:
                recording.discard()

        ends = asyncio.get_running_loop().time() + OPENING
        try:
            work = partial(open_it, self._recordings)
            # Not behind what others have in plenty: their work says nothing of the disk.
            result = await self._thread.ask(work, OPENING, owner=running, hurry=True, patient=True)
        except asyncio.CancelledError:
            # The client has left. The thread keeps to the order, so this comes after the opening.
            self._thread.do(discard_it, running)
            raise
        if result is None:
            reason = NO_ANSWER if self._thread.stalled >= OPENING else TOO_BUSY
            self._thread.do(discard_it, running)
            raise RecordingRefused(reason if asyncio.get_running_loop().time() >= ends else FAULT)
        if isinstance(result, RecordingRefused):
            raise result
        return result

    # --- while sessions run ---------------------------------------------------------

    def started(self, running: Running) -> None:
        """A prepared session's tunnel begins."""
        session = running.session
        self._metrics.started(session.kind, recorded=bool(running.recording))
        self._thread.do(partial(running.account.start, running.started), running)

    def discard(self, running: Running) -> None:
        """A prepared session does not take place."""
        self._thread.do(running.account.discard, running)

    def wake(self, running: Running) -> None:
        """Something waits in ``running``: it goes to the thread soon, with that of the others."""
        self._waiting[running] = None
        if self._feeding is None:
            loop = asyncio.get_running_loop()
            self._feed_due = loop.time() + FEED
            self._feeding = loop.call_at(self._feed_due, self._feed)

    def feed(self, running: Running) -> None:
        """Much waits in ``running``: it goes to the thread now."""
        self._waiting.pop(running, None)
        self._feed_one(running)

    def _feed(self) -> None:
        """Give the thread what waits."""
        self._feeding = None
        self._thread.was_late(asyncio.get_running_loop().time() - self._feed_due)
        waiting, self._waiting = self._waiting, {}
        for running in waiting:
            self._feed_one(running)

    def _feed_one(self, running: Running) -> None:
        batch, missed = running.waiting()
        if missed:
            self._metrics.gap(missed)
            if missed == running.missing:
                # The first ones. What else is missing is summed up at the end.
                self._report(_has_gap(running))
        if not batch:
            return
        if not self._thread.give(running, batch, FAULT):
            # The thread stalls. What it cannot take is not kept for it without end.
            running.lost(batch)
        elif running.recording:
            self._unflushed[running] = None
            if self._flushing is None:
                self._flushing = asyncio.get_running_loop().call_later(FLUSH, self._flush)

    def _flush(self) -> None:
        """Have the thread give the system what recordings hold."""
        self._flushing = None
        unflushed, self._unflushed = self._unflushed, {}
        for running in unflushed:
            self._thread.do(running.account.flush, running)

    def crashed(self, crash: Exception) -> None:
        """Count and report a fault of ours."""
        self._metrics.failed("crash")
        # Where it happened: its text could hold what the session carried.
        self._report(f"recording a session crashed: {describe(crash)}")

    def _recording_failed(self, running: Running, reason: str) -> None:
        self._metrics.failed("stopped" if running.recording else "unfollowed")
        what = "recorded" if running.recording else "followed"
        self._report(
            OperatorLine(
                f"{_whose(running.session)} is not {what} any further: {reason}",
                audit_id=running.session.audit_id,
            )
        )
        running.recording_failed(reason)

    # --- the end --------------------------------------------------------------------

    async def close(self, running: Running, reason: str) -> tuple[RecordingReference | None, float]:
        """Close a session whose tunnel has ended: its recording, and its seconds.

        None where there is none, or where it could not be finished in time.
        """
        closing = running.closed(reason)
        self.feed(running)
        self._unflushed.pop(running, None)
        closing = running.unfed(closing)

        def finish() -> tuple[RecordingReference | None, int]:
            found, missing = running.account.close(closing), running.account.missing
            if found is not None:
                self._metrics.missing(missing)
            if self._recordings is not None:
                # After the lines of all that close at once: the first does it for all of them.
                self._thread.do(self._recordings.settle)
            return found, missing

        # Before the floods of others: its last event waits for it.
        finished = await self._thread.ask(finish, CLOSING, owner=running, hurry=True)
        reference, running.unrecorded = (None, 0) if finished is None else finished
        self._metrics.ended(running.session.kind, "" if reference is None else reference.state)
        return reference, closing.seconds

    @property
    def is_idle(self) -> bool:
        """Whether the recorder's thread has done all that it was given."""
        return self._thread.is_idle

    def run(self, work: Callable[[], None]) -> None:
        """Do something on the recorder's thread."""
        self._thread.do(work)

    def refused(self, reason: str) -> None:
        """Count a session that was refused by rule."""
        self._metrics.refused(reason)

    async def shutdown(self, seconds: float, last: Callable[[], None]) -> None:
        """End the thread, at most ``seconds`` from now; ``last`` runs on it at the end."""

        def settle_and_end() -> None:
            if self._recordings is not None:
                self._recordings.settle()
            last()

        if not await self._thread.close(settle_and_end, seconds):
            self._report("the recorder of sessions does not answer; recordings are unfinished")


def _not_recorded(session: Session, reason: str, *, refused: bool) -> OperatorLine:
    """Who is where unrecorded, or would have been."""
    outcome = "it is refused (onFailure: Deny)" if refused else "it runs unrecorded"
    return OperatorLine(
        f"{_whose(session)} cannot be recorded: {reason}; {outcome}", audit_id=session.audit_id
    )


def _has_gap(running: Running) -> OperatorLine:
    """Who has printed or sent more than the recorder took."""
    kept = "its recording" if running.recording else "its lines in the session log"
    return OperatorLine(
        f"{_whose(running.session)} has a gap in {kept}: the recorder did not keep up with it "
        "(onFailure: Allow); what is missing in all is at its end",
        audit_id=running.session.audit_id,
    )


def _whose(session: Session) -> str:
    """A session for operators: its kind, user and place."""
    place = "/".join(filter(None, (session.node, session.namespace, session.pod)))
    return f"{session.kind} of {go_quote(session.user.username)} in {place}"
