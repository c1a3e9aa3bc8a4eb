"""Where events go: the log and the webhook backend, each with its mode, batching and truncation.

Defaults, validation and its texts are kube-apiserver's (apiserver
server/options/audit.go): a backend that is not in use is not validated, and of
one backend's batch settings only the first fault is told.
"""

from dataclasses import dataclass

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import MEBIBYTE, SECOND

STRICT = "blocking-strict"
AUDIT_MODES = ("batch", "blocking", STRICT)
AUDIT_FORMATS = ("legacy", "json")
AUDIT_VERSIONS = ("audit.k8s.io/v1",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What the two backends have in common."""

    mode: str = "blocking"
    """How events are delivered, one of AUDIT_MODES: ``blocking`` in the request, whatever comes of
    it; ``blocking-strict`` likewise, and a request whose RequestReceived event is lost is refused;
    ``batch`` later, from a buffer."""
    version: str = "audit.k8s.io/v1"
    """API group and version of the written events, one of AUDIT_VERSIONS."""
    batch_buffer_size: int = 10000
    """Events that may wait for delivery; more are dropped. This and what follows: mode batch."""
    batch_max_size: int = 1
    """Events in one delivery at most."""
    batch_max_wait: int = 0
    """Nanoseconds after which a delivery that is not full is made."""
    batch_throttle_enable: bool = False
    """Whether the number of deliveries a second is bounded."""
    batch_throttle_qps: float = 0.0
    """Deliveries a second on the long average."""
    batch_throttle_burst: int = 0
    """Deliveries at once after a pause."""
    truncate_enabled: bool = False
    """Whether too large events lose their bodies and batches are split."""
    truncate_max_batch_size: int = 10 * MEBIBYTE
    """Bytes of the events of one batch; a larger one is split."""
    truncate_max_event_size: int = 100 * 1024
    """Bytes of one event; a larger one loses its bodies, or is dropped when that is not enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogOptions(BackendOptions):
    """The log backend."""

    path: str = ""
    """The file; ``-`` is standard output, and so is "" without another backend."""
    maxage: int = 366
    """Days after which a rotated file is removed; 0 keeps it."""
    maxbackup: int = 100
    """How many rotated files are kept; 0 is all."""
    maxsize: int = 100
    """Mebibytes at which the file is rotated; 0 is never."""
    format: str = "json"
    """How an event is written, one of AUDIT_FORMATS."""
    compress: bool = False
    """Whether rotated files are compressed with gzip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWebhookOptions(BackendOptions):
    """The webhook backend."""

    mode: str = "batch"
    """How events are delivered, one of AUDIT_MODES."""
    batch_max_size: int = 400
    """Events in one request at most."""
    batch_max_wait: int = 30 * SECOND
    """Nanoseconds after which a request that is not full is sent."""
    batch_throttle_enable: bool = True
    """Whether the number of requests a second is bounded."""
    batch_throttle_qps: float = 10.0
    """Requests a second on the long average."""
    batch_throttle_burst: int = 15
    """Requests at once after a pause."""
    config_file: str = ""
    """Kubeconfig of the receiver; "" is no webhook."""
    initial_backoff: int = 10 * SECOND
    """Nanoseconds before a failed request is sent again for the first time."""


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
        faults += _common_faults("log", log)
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
        faults += _common_faults("webhook", webhook)
        if webhook.initial_backoff < 0:
            # kube-apiserver takes it and then retries at once, for ever as fast as it can.
            faults.append("--audit-webhook-initial-backoff can't be negative; give a time, as 10s")
    return faults


def _common_faults(plugin: str, backend: BackendOptions) -> list[str]:
    """Mode and batch, then truncation, then version, as kube-apiserver has them."""
    faults = _mode_faults(plugin, backend)
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


def _mode_faults(plugin: str, backend: BackendOptions) -> list[str]:
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
