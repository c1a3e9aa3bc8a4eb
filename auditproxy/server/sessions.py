"""Sessions in the chain: what a request says of its session, and what its events say of it.

prepare -> (upstream) -> begin -> tunnel -> ended
                     \\-> over, when the upstream does not switch
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from auditproxy.apis.session import RecordingReference, Session, SessionKind, Unreadable
from auditproxy.apis.status import new_service_unavailable
from auditproxy.audit.context import object_reference
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.authentication.authenticator import Identity
from auditproxy.downstream.responses import Refused
from auditproxy.request.attributes import attributes as attributes_of
from auditproxy.request.sourceips import source_ips
from auditproxy.server.exchange import Exchange
from auditproxy.server.services import ActingUser
from auditproxy.sessions.forms import BodyForm
from auditproxy.sessions.lines import (
    SESSION_REASON,
    SESSION_RECORDING,
    annotations_at_end,
    annotations_at_start,
)
from auditproxy.sessions.request import SessionRequest, as_of_pod, describe
from auditproxy.sessions.rules import NO_POLICY, RecordingRule, first_of
from auditproxy.sockets.tasks import spawn
from auditproxy.upstream.messages import ResponseHead

if TYPE_CHECKING:
    from auditproxy.sessions.wire.reader import SessionReader
    from auditproxy.supervision.running import Running
    from auditproxy.supervision.supervisor import Supervisor
    from auditproxy.tunnel.farewell import Farewell

REFUSAL = "this session must be recorded, and it cannot be: {}"
"""What the client reads; kubectl shows it as its error."""

NOT_A_STREAM = "the kubelet answers run like any request, and not with streams"

NO_ANSWER = "the request ended before its answer came; the command may have run"

ANSWERED = "the request was answered"
FAILED = "the request failed, as it does where the command fails"
UNANSWERED = "the request ended before its answer came"
ENDED_UNREAD = "the proxy ended it, as it must be recorded and cannot be read"

_COMMANDS = frozenset({"command", "cmd"})
"""Parameters that have it: of exec, and of the kubelet's run."""


async def prepare(
    exchange: Exchange,
    identity: Identity,
    acting: ActingUser,
    form: Callable[[], Awaitable[BodyForm]],
) -> "LiveSession | None":
    """The session that a request asks for, ready to be recorded; None for any other request.

    ``form`` reads the request's body. Raises Refused for one that must not run unrecorded.
    """
    supervisor = exchange.shared.supervisor
    if supervisor is None:
        return None
    upgrades = exchange.headers.upgrade_token is not None
    if not upgrades and exchange.info.resource != "nodes":
        return None
    asked = describe(exchange.info, exchange.target.query)
    if not upgrades and asked.has_streams:
        return None
    requests = (exchange.info, as_of_pod(exchange.info, asked))
    policy = exchange.services.recording_policy
    rule = first_of(
        NO_POLICY if policy is None else policy,
        [attributes_of(identity.user, info, selectors=False) for info in dict.fromkeys(requests)],
    )
    if not asked.has_streams:
        if rule.deny:
            raise _refused(supervisor, "unreadable", NOT_A_STREAM)
        rule = RecordingRule()
    if asked.node and asked.kind is not SessionKind.UNKNOWN:
        asked = describe(exchange.info, exchange.target.query, await form())
        if asked.doubt and rule.deny:
            raise _refused(supervisor, "unreadable", asked.doubt)
    if exchange.info.verb == "watch":
        # Most likely it is one; the 101 says.
        asked = SessionRequest(namespace=exchange.info.namespace)
    session = _session(supervisor, exchange, identity, acting, asked)
    running = supervisor.prepare(session, rule, exchange.services.redact_line)
    live = LiveSession(exchange, supervisor, running, asked)
    if asked.kind is not SessionKind.UNKNOWN:
        # Of any other request the upstream has to say first that it is a session.
        await live.record()
    return live


def _refused(supervisor: "Supervisor", reason: str, text: str) -> Refused:
    supervisor.refused(reason)
    return Refused(new_service_unavailable(REFUSAL.format(text)))


def _session(
    supervisor: "Supervisor",
    exchange: Exchange,
    identity: Identity,
    acting: ActingUser,
    asked: SessionRequest,
) -> Session:
    return Session(
        id=exchange.shared.new_audit_id(),
        audit_id=exchange.context.audit_id,
        kind=asked.kind,
        started=exchange.now(),
        user=identity.user,
        impersonated_user=None if acting.user is identity.user else acting.user,
        source_ips=source_ips(
            exchange.headers, exchange.facts.remote, exchange.services.trusted_proxies
        ),
        user_agent=exchange.headers.user_agent,
        object_ref=object_reference(as_of_pod(exchange.info, asked)),
        namespace=asked.namespace,
        pod=asked.pod,
        node=asked.node,
        container=asked.container,
        command=_shown(asked.command, exchange.services.redactor),
        stdin=asked.stdin,
        stdout=asked.stdout,
        stderr=asked.stderr,
        tty=asked.tty,
        ephemeral=supervisor.debugged.is_ephemeral(asked.namespace, asked.pod, asked.container),
    )


def _shown(command: tuple[str, ...], redactor: Redactor | None) -> tuple[str, ...]:
    """The command as requestURI shows it: marked where the owner has it redacted there."""
    if redactor is None or _COMMANDS.isdisjoint(redactor.query_parameters):
        return command
    return tuple(
        redactor.marker(argument.encode("utf-8", "surrogateescape")) for argument in command
    )


class LiveSession:
    """One session of one exchange: the tap of its tunnel, and its annotations."""

    def __init__(
        self,
        exchange: Exchange,
        supervisor: "Supervisor",
        running: "Running",
        asked: SessionRequest,
    ) -> None:
        from auditproxy.supervision.pacing import Pacing

        self._asked = asked
        self._is_asked = False
        self._exchange = exchange
        self._supervisor = supervisor
        self._running = running
        self._pacing = Pacing(self._read, running.owed, running.pace)
        self._has_begun = False
        self._has_ended = False
        self._ending = ANSWERED
        self._farewell: Farewell | None = None

    async def record(self) -> None:
        """Open the recording; raises Refused where the session must not run without."""
        from auditproxy.recordings.store import RecordingRefused

        try:
            await self._supervisor.record(self._running)
        except RecordingRefused as error:
            self._annotate_start(str(error))
            raise Refused(new_service_unavailable(REFUSAL.format(error))) from None

    @property
    def is_known(self) -> bool:
        """Whether the request itself asks for a session, whatever the upstream answers."""
        return self._running.session.kind is not SessionKind.UNKNOWN

    def asked(self) -> None:
        """The request goes upstream now: whatever becomes of it, its command may run."""
        self._is_asked = True

    async def begin(self, head: ResponseHead, farewell: "Farewell | None") -> bool:
        """The upstream has switched, and its 101 may go out unless this raises Refused.

        False when the tunnel is a watch, not a session. ``farewell`` ends a tunnel whose
        streams cannot be read.
        """
        session, running = self._running.session, self._running
        reader = self._supervisor.open_reader(
            head.headers,
            # Which streams there are is not known then: all are read.
            SessionKind.UNKNOWN if self._asked.doubt else session.kind,
            stdin=session.stdin,
            stdout=session.stdout,
            stderr=session.stderr,
            tty=session.tty,
            clock=self._exchange.connection.loop.time,
        )
        if isinstance(reader, Unreadable):
            if self._exchange.info.verb == "watch":
                return False
            if running.rule.deny:
                # The upstream has begun what the client will not see.
                self._begin_unseen(reader.reason, ENDED_UNREAD)
                raise _refused(self._supervisor, "unreadable", reader.reason)
        if session.kind is SessionKind.UNKNOWN and not isinstance(reader, Unreadable):
            await self.record()
        self._farewell = farewell if isinstance(reader, Unreadable) else None
        self._switched(reader)
        return True

    def _begin_unseen(self, reason: str, ending: str) -> None:
        """The session may have taken place, and nothing of it was seen."""
        self._ending = ending
        if self._exchange.shared.session_annotations:
            # From the first event on, so that alerts know it from a session that was refused.
            self._exchange.context.annotate(SESSION_REASON, ending)
        unread = Unreadable(from_client=False, reason=reason)
        # Without a recording that would be Cut, the end says enough.
        self._switched(unread if self._running.recording else None)

    def _switched(self, reader: "SessionReader | Unreadable | None") -> None:
        from auditproxy.supervision.ends import Ending

        self._running.switched(reader, Ending(self._end, self._write))
        self._has_begun = True
        self._supervisor.started(self._running)
        self._annotate_start(self._running.refusal)

    def _annotate_start(self, refusal: str) -> None:
        if self._exchange.shared.session_annotations:
            running = self._running
            for key, value in annotations_at_start(running.session, running.recording, refusal):
                self._exchange.context.annotate(key, value)

    async def over(self) -> None:
        """The request is over: a session that never began leaves nothing, and every other ends."""
        code = self._exchange.recorder.captured.code
        if not self._has_begun and self._is_asked:
            if not self._asked.has_streams and (200 <= code < 300 or code >= 500):
                endings = (ANSWERED if code < 300 else FAILED, self._asked.doubt)
                self._begin_unseen(NOT_A_STREAM, "; ".join(filter(None, endings)))
            elif not code and self.is_known:
                self._begin_unseen(NO_ANSWER, UNANSWERED)
        if not self._has_begun:
            self._supervisor.discard(self._running)
        elif not self._has_ended:
            await self.ended(self._ending)

    async def ended(self, reason: str) -> None:
        """The tunnel has ended: finish the recording, and say how it ended."""
        self._has_ended = True
        self._pacing.read_all()
        closing = spawn(self._supervisor.close(self._running, reason), "close a session")
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            # The proxy stops meanwhile: the last event still says how the session ended.
            await asyncio.wait({closing})
            raise
        finally:
            if closing.done() and self._exchange.shared.session_annotations:
                self._annotate_end(*closing.result(), reason)

    def _annotate_end(
        self, recording: RecordingReference | None, seconds: float, reason: str
    ) -> None:
        outcome = self._running.outcome
        context = self._exchange.context
        annotations = annotations_at_end(
            exit_code=None if outcome is None else outcome.exit_code,
            reason=reason if outcome is None else outcome.reason,
            bytes_in=self._running.bytes_in,
            bytes_out=self._running.bytes_out,
            missing=self._running.missing,
            seconds=seconds,
            recording=recording,
        )
        for key, value in annotations:
            if key == SESSION_RECORDING:
                context.annotate_again(key, value)
            else:
                context.annotate(key, value)

    # --- tunnel.tie.Tap ---------------------------------------------------------------

    def tied(self, hold: Callable[[bool], None]) -> None:
        """The tunnel begins."""
        self._running.tied(hold)
        if self._exchange.stops_at:
            # The request came before the stop, and its answer after it.
            self.stopping(self._exchange.stops_at - self._exchange.connection.loop.time())

    def from_client(self, data: bytes) -> None:
        """Read what the client sent."""
        self._pacing.take(True, data)

    def from_upstream(self, data: bytes) -> None:
        """Read what the upstream sent."""
        if self._farewell is not None:
            self._farewell.from_upstream(data)
        self._pacing.take(False, data)

    def _read(self, from_client: bool, data: bytes) -> None:
        try:
            if from_client:
                self._running.from_client(data)
            else:
                self._running.from_upstream(data)
        except Exception as crash:
            self._crashed(crash)

    def _crashed(self, crash: Exception) -> None:
        """A fault of ours costs the rest of the recording, and never the tunnel."""
        self._supervisor.crashed(crash)
        self._running.reading_crashed()

    def stopping(self, seconds: float) -> None:
        """The proxy stops, and waits so long for this session: its terminal shows it."""
        self._running.stopping(seconds)

    def say(self, transport: asyncio.Transport | None, reason: str) -> None:
        """Say why the session ends, in its own protocol, and close."""
        if self._farewell is not None:
            self._farewell.say(transport, reason)
        elif transport is not None and not transport.is_closing():
            # Where a frame ends is known once all is read that has passed.
            self._pacing.read_all()
            transport.write(self._running.last_words(reason))
            transport.close()

    # --- supervision.running.Ending ----------------------------------------------------

    def _end(self, reason: str) -> None:
        self._exchange.end(reason, reason)

    def _write(self, words: bytes) -> None:
        transport = self._exchange.connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(words)
