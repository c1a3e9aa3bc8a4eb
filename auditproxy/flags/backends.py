"""The flags of the log and the webhook backend; batching and truncation are the same for both."""

from auditproxy.flags.pflag import BOOL, DURATION, FLOAT, INT, STRING
from auditproxy.flags.settings import Setting, setting


def _common(plugin: str, mode: str) -> tuple[Setting, ...]:
    """The flags that both backends have."""
    group, flag = f"audit_{plugin}", f"audit-{plugin}"
    batch = f"Only in the batch mode of the {plugin} backend."
    return (
        setting(f"{group}.mode", f"{flag}-mode", STRING, mode),
        setting(
            f"{group}.version",
            f"{flag}-version",
            STRING,
            "API group and version in which events are written.",
        ),
        setting(
            f"{group}.batch_buffer_size",
            f"{flag}-batch-buffer-size",
            INT,
            "How many events may wait for delivery; what comes beyond is dropped and counted. "
            f"{batch}",
        ),
        setting(
            f"{group}.batch_max_size",
            f"{flag}-batch-max-size",
            INT,
            f"How many events one delivery has at most. {batch}",
        ),
        setting(
            f"{group}.batch_max_wait",
            f"{flag}-batch-max-wait",
            DURATION,
            f"How long to wait for a delivery to become full. {batch}",
        ),
        setting(
            f"{group}.batch_throttle_enable",
            f"{flag}-batch-throttle-enable",
            BOOL,
            f"Bound the number of deliveries a second. {batch}",
        ),
        setting(
            f"{group}.batch_throttle_qps",
            f"{flag}-batch-throttle-qps",
            FLOAT,
            f"Deliveries a second on the long average. {batch}",
        ),
        setting(
            f"{group}.batch_throttle_burst",
            f"{flag}-batch-throttle-burst",
            INT,
            f"Deliveries at once when the average was not used up before. {batch}",
        ),
        setting(
            f"{group}.truncate_enabled",
            f"{flag}-truncate-enabled",
            BOOL,
            "Drop the bodies of events that are too large, the event itself when that is not "
            "enough, and split batches that are too large.",
        ),
        setting(
            f"{group}.truncate_max_batch_size",
            f"{flag}-truncate-max-batch-size",
            INT,
            "Bytes of the events of one batch; a larger batch is split. It may get some hundred "
            "bytes larger by what surrounds the events.",
        ),
        setting(
            f"{group}.truncate_max_event_size",
            f"{flag}-truncate-max-event-size",
            INT,
            "Bytes of one event; a larger one loses request and response object first, then is "
            "dropped.",
        ),
    )


LOG_SETTINGS = (
    setting(
        "audit_log.path",
        "audit-log-path",
        STRING,
        "File that events are appended to; - is standard output. Empty means standard output as "
        "long as no other backend is named.",
        is_path=True,
    ),
    setting(
        "audit_log.format",
        "audit-log-format",
        STRING,
        "How an event is written: json (one object a line) or legacy (one line of key=value).",
    ),
    setting(
        "audit_log.maxsize",
        "audit-log-maxsize",
        INT,
        "Size in MiB at which the log file is rotated. 0 turns rotation off.",
    ),
    setting(
        "audit_log.maxage",
        "audit-log-maxage",
        INT,
        "Days for which rotated files are kept, by the time in their names. 0 keeps them.",
    ),
    setting(
        "audit_log.maxbackup",
        "audit-log-maxbackup",
        INT,
        "How many rotated files are kept. 0 keeps all.",
    ),
    setting(
        "audit_log.compress",
        "audit-log-compress",
        BOOL,
        "Compress rotated files with gzip.",
    ),
    *_common(
        "log",
        "How the log backend works: blocking (events are written while the request waits; a failed "
        "write is counted), blocking-strict (and a request whose arrival cannot be recorded is "
        "refused) or batch (written later, from a buffer).",
    ),
)
"""In the order of help and documentation."""

WEBHOOK_SETTINGS = (
    setting(
        "audit_webhook.config_file",
        "audit-webhook-config-file",
        STRING,
        "Kubeconfig that names the receiver of events, its CA and our credential there. Empty "
        "means no webhook.",
        is_path=True,
    ),
    setting(
        "audit_webhook.initial_backoff",
        "audit-webhook-initial-backoff",
        DURATION,
        "How long to wait before a failed delivery is tried again for the first time; each later "
        "pause is half as long again.",
        alias="audit-webhook-batch-initial-backoff",
    ),
    *_common(
        "webhook",
        "How the webhook works: batch (events are sent later, from a buffer), blocking (each event "
        "is sent while its request waits) or blocking-strict (and a request whose arrival cannot "
        "be recorded is refused).",
    ),
)
"""In the order of help and documentation."""
