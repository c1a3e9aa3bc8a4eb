"""The flags of kube-apiserver that a later version will have; until then they are refused by name.

Ignoring them would be worse: whoever sets up a webhook counts on its events.
"""

from collections.abc import Mapping

_BATCH = (
    "batch-buffer-size",
    "batch-max-size",
    "batch-max-wait",
    "batch-throttle-burst",
    "batch-throttle-enable",
    "batch-throttle-qps",
)
_TRUNCATE = ("truncate-enabled", "truncate-max-batch-size", "truncate-max-event-size")
_WEBHOOK = ("batch-initial-backoff", "config-file", "initial-backoff", "mode", "version")

LATER = (
    *(f"audit-log-{name}" for name in (*_BATCH, *_TRUNCATE)),
    *(f"audit-webhook-{name}" for name in sorted((*_BATCH, *_TRUNCATE, *_WEBHOOK))),
)
"""Flags of kube-apiserver that a later version will have."""

REFUSED: Mapping[str, str] = {
    name: f"--{name}: this version of auditproxy does not have it yet; remove it" for name in LATER
}
"""The fault for each flag of LATER."""
