"""Makes the log backend that the options describe."""

import datetime
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from auditproxy.apis.faults import Unusable
from auditproxy.apis.operatorline import OperatorLine
from auditproxy.apis.units import MEBIBYTE
from auditproxy.app.localzone import LocalZone
from auditproxy.audit.encode import encoder
from auditproxy.backends.log import LogBackend, StandardOutput
from auditproxy.backends.logfiles.rotation import RotatingFile
from auditproxy.backends.losses import Losses
from auditproxy.backends.writer import LogWriter
from auditproxy.metrics.registry import Metrics
from auditproxy.options import AuditLogOptions
from auditproxy.options.sessions import SessionOptions

if TYPE_CHECKING:
    from auditproxy.backends.durable.chained import ChainedDurableFile, ChainedFile
    from auditproxy.backends.durable.durablefile import DurableFile

STANDARD_OUTPUT = StandardOutput()
"""The one for all logs that go there, so that their lines do not mix."""

_File = TypeVar("_File", bound=RotatingFile)

_FIX = "name a file in a folder that can be written"


class LogFileError(Unusable):
    """The log file cannot be made; the text names the flag and the path."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file of lines is rotated, and what becomes of old ones; MiB and days, 0 is never."""

    maxsize: int
    maxbackup: int
    maxage: int
    compress: bool


def audit_rotation(options: AuditLogOptions) -> Rotation:
    """That of the audit log."""
    return Rotation(options.maxsize, options.maxbackup, options.maxage, options.compress)


def session_rotation(options: SessionOptions) -> Rotation:
    """That of the session log."""
    return Rotation(
        options.log_maxsize, options.log_maxbackup, options.log_maxage, options.log_compress
    )


class OpenChain(Protocol):
    """Opens the chain of a log whose file is open (logchain.py); raises LogFileError."""

    file: type[RotatingFile]
    """What the file has to be where its mode does not say."""

    def of(self, file: object) -> "ChainedFile":
        """The chain of a file of that kind."""
        ...

    def of_durable(self, file: "DurableFile") -> "ChainedDurableFile":
        """The chain of a log in mode ``durable``."""
        ...


@dataclass(frozen=True, slots=True)
class OpenLog:
    """The backend, the thread that writes to it in batch mode and large events, and the file
    behind it if any.
    """

    backend: LogBackend
    writer: LogWriter
    file: "RotatingFile | ChainedFile | None"
    may_stall: bool
    """Whether events go to a reader, who may be slow, and not to a disk."""
    mode: str = "blocking"
    chained: "ChainedFile | None" = None

    @property
    def _on_thread(self) -> bool:
        """Whether only the writer's thread touches the file: always, or while it has a large event.

        In that case it gets its next one from the event loop.
        """
        return self.may_stall or self.mode == "batch" or self.backend.is_lent

    def probe(self) -> str:
        """Why a line could not be written now, asked on the event loop; "" as a rule."""
        if self.file is None:
            return self.backend.probe()
        return self.file.probe(may_open=not self._on_thread)

    def reopen(self) -> None:
        """Open the file again, behind the lines before; standard output stays as it is."""
        if self.file is None:
            return
        if self._on_thread:
            self.writer.run(self.file.reopen)
        else:
            self.file.reopen()

    def sign(self) -> None:
        """Sign a checkpoint of the chain, if there is one and it has grown."""
        if self.chained is None:
            return
        if self._on_thread:
            self.writer.run(self.chained.checkpoint)
        else:
            self.chained.checkpoint()


def open_log(
    options: AuditLogOptions,
    metrics: Metrics,
    losses: Losses,
    report: Callable[[str], None],
    chain: OpenChain | None = None,
) -> OpenLog:
    """The log backend; raises LogFileError when its file cannot be created.

    Without ``--audit-log-path`` events go to standard output. ``chain`` gives the lines of a file
    their places in a chain.
    """
    writer = open_line_file(
        "--audit-log-path",
        options.path,
        audit_rotation(options),
        reopened=metrics.audit.sinks.log_reopened,
        report=report,
        make=RotatingFile if chain is None else chain.file,
    )
    chained = None if chain is None else chain.of(writer)
    file = chained or (writer if isinstance(writer, RotatingFile) else None)
    backend = LogBackend(
        file or STANDARD_OUTPUT,
        encode=encoder(options.format, LocalZone()),
        losses=losses,
        report=report,
    )
    return OpenLog(
        backend,
        LogWriter(backend, clock=time.monotonic),
        file,
        may_stall=writer.may_stall,
        mode=options.mode,
        chained=chained,
    )


def unusable(flag: str, path: str, why: str, fix: str = _FIX) -> str:
    """The line for operators of a file that cannot take lines."""
    return f"{flag} {path} cannot be written: {why.lower()}; {fix}"


def open_line_file(
    flag: str,
    path: str,
    rotation: Rotation,
    *,
    reopened: Callable[[str], None],
    report: Callable[[str], None],
    make: Callable[..., RotatingFile] = RotatingFile,
) -> StandardOutput | RotatingFile:
    """What takes the lines of the log that ``flag`` names; raises LogFileError.

    ``reopened`` takes the reason each time that the file was opened again.
    """
    if path in ("", "-"):
        return STANDARD_OUTPUT
    return open_rotating_file(flag, path, rotation, make, reopened=reopened, report=report)


def open_rotating_file(
    flag: str,
    path: str,
    rotation: Rotation,
    make: Callable[..., _File],
    *,
    reopened: Callable[[str], None],
    report: Callable[[str], None],
) -> _File:
    """The file of the log that ``flag`` names, as ``make`` makes it; raises LogFileError."""
    file = _rotating_file(flag, path, rotation, reopened, report, make)
    try:
        file.ensure()
    except OSError as error:
        why = error.strerror or str(error)
        fix = "stop it, or name another file" if isinstance(error, BlockingIOError) else _FIX
        raise LogFileError(unusable(flag, path, why, fix)) from None
    return file


def _rotating_file(
    flag: str,
    path: str,
    rotation: Rotation,
    reopened: Callable[[str], None],
    report: Callable[[str], None],
    make: Callable[..., _File],
) -> _File:
    def on_reopened(reason: str) -> None:
        reopened(reason)
        if reason != "signal":
            then = "what was cut off is gone" if reason == "truncated" else "reopened it"
            text = f"{flag} {path} was {reason} by another process: {then}"
            report(OperatorLine(text, flag=flag))

    def in_background(work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=f"{flag.strip('-')}-mill", daemon=True).start()

    return make(
        Path(path),
        maximum_size=rotation.maxsize * MEBIBYTE,
        maximum_backups=rotation.maxbackup,
        maximum_age=rotation.maxage,
        compress=rotation.compress,
        now=lambda: datetime.datetime.now(datetime.UTC),
        monotonic=time.monotonic,
        in_background=in_background,
        on_reopened=on_reopened,
    )
