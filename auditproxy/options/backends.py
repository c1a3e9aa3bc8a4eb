"""Where events go: a group for each backend, with its mode, batching and truncation.

A backend is a class of BackendOptions and a field of BackendGroups; all else follows from these.

What they have in common is in ``backendoptions`` and ``spool``.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.options.backendoptions import AUDIT_MODES, DURABLE, BackendOptions
from auditproxy.options.declared import Declared, declarations
from auditproxy.options.spool import SpooledOptions

AUDIT_FORMATS = ("legacy", "json")
LOG_MODES = (*AUDIT_MODES, DURABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogOptions(BackendOptions):
    """The log backend."""

    plugin: ClassVar[str] = "log"
    modes: ClassVar[tuple[str, ...]] = LOG_MODES

    path: Annotated[
        str,
        Declared(
            "audit-log-path",
            "path",
            "File to append events to; - is standard output. Empty means standard output unless "
            "another backend is configured; a terminal then gets one readable line per request.",
        ),
    ] = ""
    format: Annotated[
        str,
        Declared(
            "audit-log-format",
            "string",
            "Format of the events: json (one object per line) or legacy (one line of key=value).",
            choices=AUDIT_FORMATS,
        ),
    ] = "json"
    """One of AUDIT_FORMATS."""
    maxsize: Annotated[
        int,
        Declared(
            "audit-log-maxsize",
            "int",
            "Size in MiB at which the log file is rotated. 0 disables rotation.",
        ),
    ] = 100
    maxage: Annotated[
        int,
        Declared(
            "audit-log-maxage",
            "int",
            "Number of days to keep rotated files, by the time in their names. 0 keeps all.",
        ),
    ] = 366
    maxbackup: Annotated[
        int,
        Declared("audit-log-maxbackup", "int", "Number of rotated files to keep. 0 keeps all."),
    ] = 100
    compress: Annotated[
        bool, Declared("audit-log-compress", "bool", "Compress rotated files with gzip.")
    ] = False
    mode: Annotated[
        str,
        Declared(
            "audit-log-mode",
            "string",
            "How the log backend works: blocking (the request waits for the write; a failed write "
            "is counted), blocking-strict (as blocking, and a request whose arrival cannot be "
            "recorded is refused), durable (as blocking-strict, and the disk has the event before "
            "the request is sent) or batch (written later, from a buffer).",
            choices=LOG_MODES,
        ),
    ] = "blocking"

    @property
    def is_configured(self) -> bool:
        """Whether there is a path; it is in use without one where no other backend is."""
        return bool(self.path)

    @property
    def place(self) -> str:
        """The path, or standard output."""
        return "standard output" if self.path in ("", "-") else self.path

    def own_faults(self) -> list[str]:
        """Faults of format and rotation."""
        faults: list[str] = []
        if self.format not in AUDIT_FORMATS:
            faults.append(
                f"--audit-log-format: invalid audit log format {self.format}, "
                f"allowed formats are {go_quote(','.join(AUDIT_FORMATS))}"
            )
        for name, number in (
            ("maxage", self.maxage),
            ("maxbackup", self.maxbackup),
            ("maxsize", self.maxsize),
        ):
            if number < 0:
                faults.append(
                    f"--audit-log-{name} {number} can't be a negative number; 0 means no limit"
                )
        return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWebhookOptions(SpooledOptions):
    """The webhook backend."""

    plugin: ClassVar[str] = "webhook"

    config_file: Annotated[
        str,
        Declared(
            "audit-webhook-config-file",
            "path",
            "Kubeconfig with the receiver of events, its CA and the proxy's credential for it. "
            "Empty disables the webhook.",
        ),
    ] = ""
    initial_backoff: Annotated[
        int,
        Declared(
            "audit-webhook-initial-backoff",
            "duration",
            "How long to wait before the first retry of a failed delivery; each later wait is 1.5 "
            "times as long.",
            alias="audit-webhook-batch-initial-backoff",
        ),
    ] = 10 * SECOND
    mode: Annotated[
        str,
        Declared(
            "audit-webhook-mode",
            "string",
            "How the webhook works: batch (events are sent later, from a buffer), blocking (the "
            "request waits for each delivery) or blocking-strict (as blocking, and a request whose "
            "arrival cannot be recorded is refused).",
            choices=AUDIT_MODES,
        ),
    ] = "batch"
    batch_max_size: int = 400
    batch_max_wait: int = 30 * SECOND
    batch_throttle_enable: bool = True
    batch_throttle_qps: float = 10.0
    batch_throttle_burst: int = 15

    @property
    def is_configured(self) -> bool:
        """Whether there is a receiver."""
        return bool(self.config_file)

    @property
    def place(self) -> str:
        """The file that names the receiver."""
        return f"the webhook of {self.config_file}"

    def own_faults(self) -> list[str]:
        """Faults of the retries and the spool."""
        faults = self.spool_faults()
        if self.initial_backoff < 0:
            # kube-apiserver takes it and then retries at once, for ever as fast as it can.
            faults.append(
                "--audit-webhook-initial-backoff can't be negative; give a time such as 10s"
            )
        return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendGroups:
    """The group of each backend; Options has them all, in this order."""

    audit_log: AuditLogOptions = field(default_factory=AuditLogOptions)
    """The log backend."""
    audit_webhook: AuditWebhookOptions = field(default_factory=AuditWebhookOptions)
    """The webhook backend."""


def all_backends(groups: BackendGroups) -> tuple[BackendOptions, ...]:
    """Every backend, configured or not."""
    values = (getattr(groups, each.name) for each in dataclasses.fields(groups))
    return tuple(value for value in values if isinstance(value, BackendOptions))


def backends_in_use(groups: BackendGroups) -> tuple[BackendOptions, ...]:
    """The backends that are configured; the log where none is."""
    configured = tuple(each for each in all_backends(groups) if each.is_configured)
    return configured or (groups.audit_log,)


def without_effect(groups: BackendGroups) -> tuple[str, ...]:
    """A line for each setting of a receiver that is not in use, and by which flag it would be.

    Of the webhook its spool alone: kube-apiserver ignores the others, and its flags may be there.
    Files of policy and redaction are reported where they are read.
    """
    found = []
    for backend in all_backends(groups):
        if backend.is_configured or not isinstance(backend, SpooledOptions):
            continue
        declared = declarations(type(backend))
        unused = {each.name: each.default for each in dataclasses.fields(backend)}
        # The first setting says where the receiver is.
        asks = next(iter(declared.values()))
        names = set(declared) - {"policy_file", "redact"}
        if isinstance(backend, AuditWebhookOptions):
            names = declarations(SpooledOptions).keys() - declarations(BackendOptions).keys()
        found += [
            f"--{setting.name} has no effect without --{asks.name}; give both, or remove it"
            for name, setting in declared.items()
            if name in names and getattr(backend, name) != unused[name]
        ]
    return tuple(found)


def describe_backends(groups: BackendGroups) -> str:
    """Where events go and how, for operators: ``standard output (blocking)``."""
    return " and ".join(
        f"{backend.place} ({backend.mode}{', truncated' if backend.truncate_enabled else ''}"
        f"{', own policy' if backend.has_own_policy else ''})"
        for backend in backends_in_use(groups)
    )
