"""Account: what is kept of one session, on the recorder's thread: recording, commands, lines.

open --take*--> close      the session ran
     \\-discard-->          the upstream did not switch; nothing is left of it
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from auditproxy.apis.session import (
    Carried,
    Channel,
    ForwardedConnection,
    Outcome,
    PortCarried,
    PortClosed,
    PortOpened,
    RecordingReference,
    Resized,
    Session,
    SessionEvent,
    SessionEventType,
    SessionKind,
    StreamEvent,
    Unreadable,
)
from auditproxy.apis.units import SECOND
from auditproxy.recordings.names import final_path
from auditproxy.recordings.recording import Recording
from auditproxy.sessions.castnotes import ConnectionClosedNote
from auditproxy.sessions.forwards import Forwards
from auditproxy.sessions.inputs import SentInput
from auditproxy.sessions.linebudget import FOLDED_FLAGS
from auditproxy.sessions.lines import UNRECORDED
from auditproxy.sessions.streambytes import StreamBytes
from auditproxy.sessions.terminal.commands import CommandFollower
from auditproxy.sessions.terminal.possible import PossibleTerminal, may_be_terminal
from auditproxy.sessions.terminal.reported import TERMINAL, TerminalCommand
from auditproxy.sessions.terminal.screen import COLUMNS, ROWS
from auditproxy.supervision.joining import joined
from auditproxy.supervision.reporting import Reporting


@dataclass(frozen=True, slots=True)
class Missing:
    """So many bytes of the streams were not read in time; between two events.

    ``sent`` of them are what the client sent on standard input. ``connections``: so many of a
    port-forward began meanwhile.
    """

    size: int
    sent: int = 0
    connections: int = 0


Timed = tuple[int, StreamEvent | Missing]
"""An event and when it came, in nanoseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a session ended, as the tunnel's side knows it."""

    moment: int
    outcome: Outcome | None
    reason: str
    bytes_in: int
    bytes_out: int
    missing: int
    """Bytes that passed and were not accounted for."""
    seconds: float
    """From the 101 to the end."""
    unfed: tuple[StreamEvent | Missing, ...] = ()
    """What was not accounted for and is still to be reported."""


class Account:
    """The account of one session; every method runs on the recorder's thread.

    ``refusal`` says why there is no recording where there should be one.
    ``emit`` takes lines of the session log; ``failed`` is called once, with the reason, when what
    is recorded or reported of a session ends before it.
    """

    def __init__(
        self,
        session: Session,
        *,
        refusal: str = "",
        follows_commands: bool,
        emit: Callable[[SessionEvent], None],
        failed: Callable[[str], None],
        redact: Callable[[str], str] = str,
    ) -> None:
        self._session = session
        self._recording: Recording | None = None
        self._refusal = refusal
        self._reporting = Reporting(session, emit)
        self._line = self._reporting.line
        self._failed = failed
        self._redact = redact
        self._size = (COLUMNS, ROWS)
        self._has_failed = False
        self.missing = 0
        """Bytes that passed and are in no recording, or no account; known from ``close`` on."""
        self._flags: dict[str, None] = {}
        """What the last line says of the account."""
        self._connections = 0
        """Of a port-forward, that no line has."""
        self._moment = session.started
        self._follower = self._new_follower() if follows_commands else None
        self._forwards = Forwards() if session.kind is SessionKind.PORT_FORWARD else None
        self._input = SentInput()
        self._counts_input = not session.tty
        self.follows_terminal = isinstance(self._follower, CommandFollower)
        self.wants_output = self._follower is not None
        """Whether anything is done with what the container writes."""
        self.wants_input = self.wants_output or self._counts_input
        """Whether anything is done with what the client sends."""

    def record_into(self, recording: Recording) -> None:
        """Record what follows; before the session starts."""
        self._recording = recording
        self.wants_output = self.wants_input = True

    def cannot_record(self, refusal: str) -> None:
        """There will be no recording; before the session starts."""
        self._refusal = refusal

    def _new_follower(self) -> CommandFollower | PossibleTerminal | None:
        session = self._session
        if session.tty:
            return CommandFollower(*self._size, redact=self._redact)
        return (
            PossibleTerminal(*self._size, redact=self._redact) if may_be_terminal(session) else None
        )

    def start(self, moment: int) -> None:
        """The tunnel begins."""
        reference = None
        if self._recording is not None:
            reference = RecordingReference(path=final_path(self._recording.path))
        self._line(SessionEventType.STARTED, moment, recording=reference)
        if self._refusal:
            kind = SessionEventType.RECORDING_STOPPED
            self._line(kind, moment, reason=self._refusal, flags=(UNRECORDED,))

    def discard(self) -> None:
        """The session did not take place."""
        if self._recording is not None:
            self._recording.discard()

    def take(self, batch: Sequence[Timed], *, skips: bool = False) -> None:
        """Account for events in their order; with ``skips`` no terminal is followed meanwhile."""
        for _ in self.steps(batch, skips=skips):
            pass

    def steps(self, batch: Sequence[Timed], *, skips: bool = False) -> Iterator[None]:
        """Do what ``take`` does, and leave the caller a turn after each bounded piece of work.

        Nothing else may be asked of this account in between.
        """
        recording = self._recording
        self._moment = batch[-1][0]
        for moment, event in joined(batch):
            if isinstance(event, Missing):
                self._missing(moment, event)
                continue
            if recording is not None:
                recording.take(moment, (event,))
            yield from self._follow(moment, event, skips)
            yield
        if recording is not None and (sent := self._input.due()) is not None:
            recording.input(self._moment, sent)
        if recording is not None and recording.stopped:
            self._stopped(batch[-1][0], recording.stopped)

    def flush(self) -> None:
        """Give the system what the recording holds: kill -9 costs what came since then."""
        recording = self._recording
        if recording is not None:
            recording.flush()
            if recording.stopped:
                self._stopped(self._moment, recording.stopped)

    def _missing(self, moment: int, missing: Missing) -> None:
        self._flags["gap"] = None
        self._connections += missing.connections
        self._input.lost()
        if self._recording is not None:
            self._recording.gap(moment, missing.size)
        if self._forwards is not None:
            self._forwards.lost()
        if self._follower is not None:
            for command in self._follower.miss(moment / SECOND, keys=missing.sent > 0):
                self._command(moment, command)

    def _follow(self, moment: int, event: StreamEvent, skips: bool) -> Iterator[None]:
        """What the event means beside the recording."""
        if isinstance(event, Carried):
            if self._counts_input and event.channel is Channel.STDIN:
                self._input.take(event.data)
        elif isinstance(event, Unreadable):
            self._unreadable(moment, event)
        elif self._forwards is not None and isinstance(
            event, PortOpened | PortCarried | PortClosed
        ):
            note = self._forwards.take(moment, event)
            if isinstance(note, ConnectionClosedNote):
                self._forwarded(moment, note)
        elif isinstance(event, Resized):
            self._size = (event.columns, event.rows)
        if self._follower is not None:
            for _ in self._follower.steps(moment / SECOND, event, skips=skips):
                for command in self._follower.found():
                    self._command(moment, command)
                yield
            for command in self._follower.found():
                self._command(moment, command)

    def _unreadable(self, moment: int, event: Unreadable) -> None:
        self._flags["unreadable"] = None
        if event.from_client:
            self._input.lost()
        if self._recording is not None or self._is_followed:
            side = "input" if event.from_client else "output"
            self._stopped(moment, f"{side} cannot be read: {event.reason}")

    @property
    def _is_followed(self) -> bool:
        """Whether lines of the session log say what is done in it."""
        if self._session.kind is SessionKind.UNKNOWN:
            return False
        return bool(self._follower or self._forwards) or self._counts_input

    def _command(self, moment: int, command: TerminalCommand) -> None:
        line = command.line
        if TERMINAL in command.flags:
            self._flags[TERMINAL] = None
        reported = self._reporting.offer(
            SessionEventType.COMMAND,
            moment,
            line,
            line=line,
            flags=command.flags,
            exit_code=command.exit_code,
        )
        if self._recording is None or reported is False:
            return
        if reported is True:
            self._recording.command(moment, line, command.flags)
        else:
            self._recording.command(moment, None, FOLDED_FLAGS, folded=reported.count)

    def _forwarded(self, moment: int, note: ConnectionClosedNote) -> None:
        forwarded = ForwardedConnection(
            port=note.port,
            bytes_in=note.bytes_in,
            bytes_out=note.bytes_out,
            duration_seconds=note.duration_seconds,
            error=note.error,
        )
        flags = ("gap",) if note.has_gap else ()
        kind = SessionEventType.FORWARDED
        self._reporting.offer(kind, moment, note.error, forwarded=forwarded, flags=flags)

    def _stopped(self, moment: int, reason: str) -> None:
        """The rest of the session is not recorded, or not reported; said once."""
        if self._has_failed:
            return
        self._has_failed = True
        self._line(SessionEventType.RECORDING_STOPPED, moment, reason=reason)
        self._failed(reason)

    def abandon(self, moment: int, reason: str) -> None:
        """A fault of ours: nothing more is recorded, and no terminal is followed."""
        is_said = self._recording is not None or self._is_followed
        self._flags["unreadable"] = None
        self._follower = None
        self._input.lost()
        if self._recording is None:
            self.wants_output, self.wants_input = False, self._counts_input
        else:
            self._recording.stop(moment, reason)
        if is_said:
            self._stopped(moment, reason)

    def close(self, closing: Closing) -> RecordingReference | None:
        """The tunnel has ended: finish the recording and write the last lines."""
        moment = self._moment = closing.moment
        if closing.unfed:
            self.take([(moment, event) for event in closing.unfed])
        for note in self._forwards.close(moment) if self._forwards is not None else ():
            self._forwarded(moment, note)
        if self._follower is not None:
            for command in self._follower.end(moment / SECOND):
                self._command(moment, command)
        folded = self._reporting.end(moment).get(SessionEventType.COMMAND)
        if folded is not None and self._recording is not None:
            self._recording.command(moment, None, FOLDED_FLAGS, folded=folded.count)
        if self._input.size:
            self._line(
                SessionEventType.INPUT,
                moment,
                input_bytes=self._input.size,
                input_sha256=self._input.sha256,
                flags=("gap",) if self._input.has_gap else (),
            )
        outcome = closing.outcome
        reason = closing.reason if outcome is None else outcome.reason
        reference = None
        self.missing = closing.missing
        if self._recording is not None:
            # Its name on the disk comes after the line (RecordingStore.settle).
            reference = self._recording.finish(
                moment,
                outcome,
                reason=reason,
                input_sha256=self._input.sha256,
                passed=StreamBytes(closing.bytes_in, closing.bytes_out),
                synced=False,
                unsettled=self._unsettled,
            )
            self.missing = self._recording.missing
            if self._recording.stopped:
                self._stopped(moment, self._recording.stopped)
        self._line(
            SessionEventType.ENDED,
            moment,
            exit_code=None if outcome is None else outcome.exit_code,
            reason=reason,
            bytes_in=closing.bytes_in,
            bytes_out=closing.bytes_out,
            missing_bytes=self.missing,
            missing_connections=self._connections,
            flags=tuple(self._flags),
            duration_seconds=round(closing.seconds, 6),
            recording=reference,
        )
        return reference

    def _unsettled(self, reason: str) -> None:
        """What the last line said of the recording does not hold: the disk refused it later."""
        reason = f"the finished recording could not be kept: {reason}"
        self._line(SessionEventType.RECORDING_STOPPED, self._moment, reason=reason)
