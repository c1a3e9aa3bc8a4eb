"""Where events go: the log and the webhook backend, each with its mode, batching and truncation.

Defaults, validation and its texts are kube-apiserver's (apiserver
server/options/audit.go): a backend that is not in use is not validated, and of
one backend's batch settings only the first fault is reported.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import MEBIBYTE, SECOND
from auditproxy.options.declared import Declared

STRICT = "blocking-strict"
AUDIT_MODES = ("batch", "blocking", STRICT)
AUDIT_FORMATS = ("legacy", "json")
AUDIT_VERSIONS = ("audit.k8s.io/v1",)


_BATCH = "Only in the batch mode of the {plugin} backend."


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What the two backends have in common; ``plugin`` is the backend's name in flags and faults.

    Each backend declares its own ``mode``, and repeats a field to give it another default.
    """

    plugin: ClassVar[str]

    mode: str
    """One of AUDIT_MODES."""
    version: Annotated[
        str,
        Declared(
            "audit-{plugin}-version",
            "string",
            "API group and version in which events are written.",
        ),
    ] = "audit.k8s.io/v1"
    """One of AUDIT_VERSIONS."""
    batch_buffer_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-buffer-size",
            "int",
            "Maximum number of events waiting for delivery; further events are dropped and "
            "counted. " + _BATCH,
        ),
    ] = 10000
    batch_max_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-max-size",
            "int",
            f"Maximum number of events in one delivery. {_BATCH}",
        ),
    ] = 1
    batch_max_wait: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-max-wait",
            "duration",
            f"How long to wait for a delivery to fill up. {_BATCH}",
        ),
    ] = 0
    batch_throttle_enable: Annotated[
        bool,
        Declared(
            "audit-{plugin}-batch-throttle-enable",
            "bool",
            f"Limit the number of deliveries per second. {_BATCH}",
        ),
    ] = False
    batch_throttle_qps: Annotated[
        float,
        Declared(
            "audit-{plugin}-batch-throttle-qps",
            "float",
            f"Average number of deliveries per second. {_BATCH}",
        ),
    ] = 0.0
    batch_throttle_burst: Annotated[
        int,
        Declared(
            "audit-{plugin}-batch-throttle-burst",
            "int",
            f"Deliveries allowed at once if the average was not used up before. {_BATCH}",
        ),
    ] = 0
    truncate_enabled: Annotated[
        bool,
        Declared(
            "audit-{plugin}-truncate-enabled",
            "bool",
            "Drop the bodies of an event that is too large, or the event itself if that is not "
            "enough; split batches that are too large.",
        ),
    ] = False
    truncate_max_batch_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-truncate-max-batch-size",
            "int",
            "Maximum size of the events of one batch, in bytes; a larger batch is split. The "
            "envelope may add some hundred bytes.",
        ),
    ] = 10 * MEBIBYTE
    truncate_max_event_size: Annotated[
        int,
        Declared(
            "audit-{plugin}-truncate-max-event-size",
            "int",
            "Maximum size of one event, in bytes; a larger one loses its request and response "
            "objects, and is dropped if that is not enough.",
        ),
    ] = 100 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogOptions(BackendOptions):
    """The log backend."""

    plugin: ClassVar[str] = "log"

    path: Annotated[
        str,
        Declared(
            "audit-log-path",
            "path",
            "File to append events to; - is standard output. Empty means standard output unless "
            "another backend is configured.",
        ),
    ] = ""
    format: Annotated[
        str,
        Declared(
            "audit-log-format",
            "string",
            "Format of the events: json (one object per line) or legacy (one line of key=value).",
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
            "recorded is refused) or batch (written later, from a buffer).",
        ),
    ] = "blocking"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWebhookOptions(BackendOptions):
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
        ),
    ] = "batch"
    batch_max_size: int = 400
    batch_max_wait: int = 30 * SECOND
    batch_throttle_enable: bool = True
    batch_throttle_qps: float = 10.0
    batch_throttle_burst: int = 15


def describe_backends(log: AuditLogOptions, webhook: AuditWebhookOptions) -> str:
    """Where events go and how, for operators: ``standard output (blocking)``."""
    places: list[tuple[str, BackendOptions]] = []
    if log.path or not webhook.config_file:
        name = "standard output" if log.path in ("", "-") else log.path
        places.append((name, log))
    if webhook.config_file:
        places.append((f"the webhook of {webhook.config_file}", webhook))
    return " and ".join(
        f"{name} ({backend.mode}{', truncated' if backend.truncate_enabled else ''})"
        for name, backend in places
    )


def backend_faults(log: AuditLogOptions, webhook: AuditWebhookOptions) -> list[str]:
    """Faults of the backends that are in use."""
    faults: list[str] = []
    if log.path or not webhook.config_file:
        faults += _common_faults(log)
        if log.format not in AUDIT_FORMATS:
            faults.append(
                f"invalid audit log format {log.format}, "
                f"allowed formats are {go_quote(','.join(AUDIT_FORMATS))}"
            )
        for name, number in (
            ("maxage", log.maxage),
            ("maxbackup", log.maxbackup),
            ("maxsize", log.maxsize),
        ):
            if number < 0:
                faults.append(f"--audit-log-{name} {number} can't be a negative number")
    if webhook.config_file:
        faults += _common_faults(webhook)
        if webhook.initial_backoff < 0:
            # kube-apiserver takes it and then retries at once, for ever as fast as it can.
            faults.append(
                "--audit-webhook-initial-backoff can't be negative; give a time such as 10s"
            )
    return faults


def _common_faults(backend: BackendOptions) -> list[str]:
    """Mode and batch, then truncation, then version, as kube-apiserver has them."""
    plugin = backend.plugin
    faults = _mode_faults(backend)
    # Truncation is validated even when it is off.
    event, batch = backend.truncate_max_event_size, backend.truncate_max_batch_size
    if event <= 0:
        faults.append(
            f"invalid audit truncate {plugin} max event size {event}, must be a positive number"
        )
    elif batch < event:
        faults.append(
            f"invalid audit truncate {plugin} max batch size {batch}, "
            f"must be greater than max event size ({event})"
        )
    if backend.version.count("/") > 1:
        faults.append(f"unexpected GroupVersion string: {backend.version}")
    elif backend.version not in AUDIT_VERSIONS:
        known = " ".join(go_quote(version) for version in AUDIT_VERSIONS)
        faults.append(f"invalid group version, allowed versions are [{known}]")
    return faults


def _mode_faults(backend: BackendOptions) -> list[str]:
    plugin = backend.plugin
    if backend.mode not in AUDIT_MODES:
        return [
            f"invalid audit {plugin} mode {backend.mode}, "
            f"allowed modes are {go_quote(','.join(AUDIT_MODES))}"
        ]
    if backend.mode != "batch":
        return []
    numbers: list[tuple[str, float]] = [
        ("buffer size", backend.batch_buffer_size),
        ("max batch size", backend.batch_max_size),
    ]
    if backend.batch_throttle_enable:
        numbers += [
            ("throttle QPS", backend.batch_throttle_qps),
            ("throttle burst", backend.batch_throttle_burst),
        ]
    for name, number in numbers:
        if not number > 0:
            return [
                f"invalid audit batch {plugin} {name} {number:g}, must be a positive number"
                if isinstance(number, float)
                else f"invalid audit batch {plugin} {name} {number}, must be a positive number"
            ]
    return []
