"""Sessions: from options to the supervisor, the store of recordings and the session log."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from auditproxy.apis.session import Record, Session, SessionEvent
from auditproxy.app.logs.logbackend import open_line_file, session_rotation
from auditproxy.app.operatorlog import Report
from auditproxy.app.sessions.recordingfolder import open_store, recording_folder
from auditproxy.app.sessions.recordingstate import RecordingState
from auditproxy.app.sessions.sessionwebhook import open_session_webhook
from auditproxy.backends.ending import at_once
from auditproxy.clients.webhook import WebhookTarget
from auditproxy.files.files import Files
from auditproxy.metrics.registry import Metrics
from auditproxy.notifiers.dispatcher import AlertDispatcher
from auditproxy.options import Options, SessionOptions
from auditproxy.recordings.encryption import Encrypt
from auditproxy.recordings.objectstore import S3ObjectStore
from auditproxy.recordings.recording import Recording
from auditproxy.recordings.store import RecordingRefused, RecordingStore
from auditproxy.recordings.upload import RecordingUploads
from auditproxy.recordings.uploadsettings import UploadSettings
from auditproxy.recordings.usage import SWEEP_INTERVAL
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.tasks import spawn
from auditproxy.supervision.sessionlog import Listener, SessionLog
from auditproxy.supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from auditproxy.supervision.sessionspool import SessionSpool
    from auditproxy.supervision.sessionwebhook import SessionWebhook

Work = Callable[[], None]
Sleep = Callable[[float], Awaitable[None]]


class TimedStore:
    """Opens recordings at the wall clock's time, and notes whether that could be done."""

    def __init__(self, store: RecordingStore, state: RecordingState) -> None:
        self._store = store
        self._state = state

    def open(self, session: Session, record: Record) -> Recording:
        """Open one now; raises RecordingRefused."""
        try:
            opened = self._store.open(session, record, moment=time.time_ns())
        except RecordingRefused as refused:
            self._state.found(refused.reason)
            raise
        self._state.found("")
        return opened

    def settle(self) -> None:
        """Give the finished ones their names."""
        self._store.settle()


class Sweeping:
    """Has the store swept now and then, also while no session begins.

    ``run`` does something on the recorder's thread; no sweep is given to it while one waits there.
    """

    def __init__(self, sweep: Work, run: Callable[[Work], None], sleep: Sleep) -> None:
        self._sweep = sweep
        self._run = run
        self._sleep = sleep
        self._waits = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, until ``end``."""
        self._task = spawn(self._work(), "sweep recordings")

    def end(self) -> None:
        """No other sweep begins."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while True:
            await self._sleep(SWEEP_INTERVAL)
            if not self._waits:
                self._waits = True
                self._run(self._sweep_once)

    def _sweep_once(self) -> None:
        """On the thread."""
        try:
            self._sweep()
        finally:
            self._waits = False


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """What the files say that the options of sessions name; each None where none is named."""

    encryption: Encrypt | None = None
    upload: UploadSettings | None = None
    webhook: WebhookTarget | None = None


NO_FILES = SessionFiles()


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What follows sessions, and what has to be opened again or closed."""

    supervisor: Supervisor
    log: SessionLog
    uploads: RecordingUploads | None
    webhook: "SessionWebhook | SessionSpool | None"
    sweeping: Sweeping | None
    state: RecordingState | None
    annotates: bool
    """Whether events get annotations."""

    def start(self) -> None:
        """Begin what runs beside the sessions."""
        if self.webhook is not None:
            self.webhook.start()
        if self.sweeping is not None:
            self.sweeping.start()

    def describe(self) -> tuple[str, ...]:
        """Lines of /readyz?verbose."""
        parts = (self.state, self.log, self.webhook)
        return tuple(line for part in parts if part is not None for line in part.describe())

    def reopen(self) -> None:
        """Open the session log again, in case that it was moved away."""
        self.log.reopen()

    async def close(self, seconds: float) -> None:
        """Finish what is recorded; no line of a session comes after it."""
        if self.sweeping is not None:
            self.sweeping.end()
        await self.supervisor.shutdown(seconds, _nothing)

    async def deliver(self, seconds: float) -> None:
        """Write and send what waits, all of it at once, and close everything."""
        deliveries = [self.log.close(seconds)]
        if self.uploads is not None:
            # What is not uploaded stays in the folder, for the next start.
            deliveries.append(asyncio.to_thread(self.uploads.close, seconds))
        if self.webhook is not None:
            deliveries.append(self.webhook.shutdown(seconds))
        await at_once(*deliveries)


def _nothing() -> None:
    """Nothing is left to do."""


def session_listeners(alerts: AlertDispatcher | None) -> tuple[Listener, ...]:
    """What hears lines of sessions beside the session log; on whatever thread they are made."""
    if alerts is None:
        return ()
    loop, offer = asyncio.get_running_loop(), alerts.offer

    def hear(event: SessionEvent) -> None:
        hand_over(loop, offer, event)

    return (hear,)


def describe_sessions(options: Options, files: Files) -> str:
    """The start-up line about what is kept of sessions; "" where nothing is."""
    sessions, policy = options.sessions, files.recording_policy
    rules = () if policy is None else policy.values
    parts = []
    if rules:
        refusing = sum(rule.deny for rule in rules)
        details = [
            "1 rule" if len(rules) == 1 else f"{len(rules)} rules",
            *([f"{refusing} with onFailure: Deny"] if refusing else ()),
            "not encrypted" if files.recording_encryption is None else "encrypted",
            *(["uploaded"] if files.recording_upload is not None else ()),
        ]
        parts.append(f"recorded into {recording_folder(sessions)} ({', '.join(details)})")
    if sessions.log_path == "-":
        parts.append("logged on standard output")
    elif sessions.log_path:
        parts.append(f"logged in {sessions.log_path}")
    if files.session_webhook is not None:
        spool = " through the spool of --session-webhook-spool-dir"
        parts.append(
            "sent to the webhook of --session-webhook-config-file"
            + (spool if sessions.webhook_spool_dir else "")
        )
    return f"sessions are {'; '.join(parts)}" if parts else ""


def open_sessions(
    options: Options,
    metrics: Metrics,
    report: Report,
    *,
    files: SessionFiles = NO_FILES,
    listeners: tuple[Listener, ...] = (),
    sleep: Sleep = asyncio.sleep,
) -> SessionParts | None:
    """What follows sessions as the options say; None where nothing comes of it.

    Finishes recordings that a killed proxy left. Raises Unusable.
    """
    sessions = options.sessions
    if not (sessions.is_kept or listeners or sessions.annotates()):
        return None
    webhook = None
    if files.webhook is not None:
        webhook = open_session_webhook(files.webhook, sessions, metrics.sessions, report)
        listeners = (*listeners, webhook.listen)
    log = _session_log(sessions, metrics, report, listeners)
    uploads = _uploads(sessions, files, metrics, report)
    store = None
    if sessions.recording_config_file:
        store = open_store(
            sessions,
            log,
            report,
            observer=metrics.sessions,
            encrypt=files.encryption,
            uploads=uploads,
        )
    if uploads is not None:
        uploads.start()
    timed = state = look_after = sweeping = None
    if store is not None:
        state = RecordingState(store.fault, report)
        timed = TimedStore(store, state)
        look_after = partial(_look_after, store, state)
    supervisor = Supervisor(
        recordings=timed,
        emit=log.emit,
        metrics=metrics.sessions,
        report=report,
        now=time.time_ns,
    )
    if look_after is not None:
        sweeping = Sweeping(look_after, supervisor.run, sleep)
    annotates = sessions.annotates(heard=bool(listeners))
    return SessionParts(supervisor, log, uploads, webhook, sweeping, state, annotates)


def _look_after(store: RecordingStore, state: RecordingState) -> None:
    """Once a minute, on the recorder's thread."""
    store.sweep()
    state.check()


def _session_log(
    sessions: SessionOptions, metrics: Metrics, report: Report, listeners: tuple[Listener, ...]
) -> SessionLog:
    writer = None
    if sessions.log_path:
        writer = open_line_file(
            "--session-log-path",
            sessions.log_path,
            session_rotation(sessions),
            reopened=metrics.sessions.log_reopened,
            report=report,
        )
    return SessionLog(writer, metrics=metrics.sessions, report=report, listeners=listeners)


def _uploads(
    sessions: SessionOptions, files: SessionFiles, metrics: Metrics, report: Report
) -> RecordingUploads | None:
    upload = files.upload
    if upload is None:
        return None
    return RecordingUploads(
        recording_folder(sessions),
        S3ObjectStore(upload.store),
        observer=metrics.sessions,
        report=report,
        random=random.SystemRandom().random,
        remove_uploaded=upload.remove_uploaded,
    )
