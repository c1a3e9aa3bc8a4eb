"""Faults of backends: kube-apiserver's validation and texts (server/options/audit_test.go)."""

from typing import Any

import pytest

from auditproxy.options.backendfaults import backend_faults
from auditproxy.options.backends import AuditLogOptions, AuditWebhookOptions, BackendGroups


def faults_of(log: AuditLogOptions, webhook: AuditWebhookOptions) -> list[str]:
    """The faults of these two and no other backend."""
    return backend_faults(BackendGroups(audit_log=log, audit_webhook=webhook))


MODES = 'allowed modes are "batch,blocking,blocking-strictOURS"'

COMMON_ROWS = [
    ({"mode": "foo"}, f"--audit-PLUGIN-mode: invalid audit PLUGIN mode foo, {MODES}"),
    ({"mode": ""}, f"--audit-PLUGIN-mode: invalid audit PLUGIN mode , {MODES}"),
    (
        {"batch_buffer_size": -3},
        "--audit-PLUGIN-batch-buffer-size: invalid audit batch PLUGIN buffer size -3, must be a positive number",
    ),
    (
        {"batch_max_size": 0},
        "--audit-PLUGIN-batch-max-size: invalid audit batch PLUGIN max batch size 0, must be a positive number",
    ),
    (
        {"batch_throttle_enable": True, "batch_throttle_qps": -1.0},
        "--audit-PLUGIN-batch-throttle-qps: invalid audit batch PLUGIN throttle QPS -1, must be a positive number",
    ),
    (
        {
            "batch_throttle_enable": True,
            "batch_throttle_qps": 0.5,
            "batch_throttle_burst": -1,
        },
        "--audit-PLUGIN-batch-throttle-burst: invalid audit batch PLUGIN throttle burst -1, must be a positive number",
    ),
    # The first fault of the batch settings only.
    (
        {"batch_buffer_size": 0, "batch_max_size": 0},
        "--audit-PLUGIN-batch-buffer-size: invalid audit batch PLUGIN buffer size 0, must be a positive number",
    ),
    # Even when truncation is off.
    (
        {"truncate_max_event_size": -1},
        "--audit-PLUGIN-truncate-max-event-size: invalid audit truncate PLUGIN max event size -1, must be a positive number",
    ),
    (
        {"truncate_max_event_size": 2, "truncate_max_batch_size": 1},
        "--audit-PLUGIN-truncate-max-batch-size: invalid audit truncate PLUGIN max batch size 1, must be greater than max event size (2)",
    ),
    ({"version": "a/b/c"}, "--audit-PLUGIN-version: unexpected GroupVersion string: a/b/c"),
    (
        {"version": "audit.k8s.io/v1beta1"},
        '--audit-PLUGIN-version: invalid group version, allowed versions are ["audit.k8s.io/v1"]',
    ),
    (
        {"version": ""},
        '--audit-PLUGIN-version: invalid group version, allowed versions are ["audit.k8s.io/v1"]',
    ),
]


@pytest.mark.parametrize("plugin", ["log", "webhook"])
@pytest.mark.parametrize(("fields", "fault"), COMMON_ROWS)
def test_common_faults(plugin: str, fields: dict[str, Any], fault: str) -> None:
    """Each backend that is in use is validated, with its name in the text."""
    settings = {"mode": "batch", **fields}
    log, webhook = AuditLogOptions(), AuditWebhookOptions()
    if plugin == "log":
        log = AuditLogOptions(path="audit.log", **settings)
    else:
        webhook = AuditWebhookOptions(config_file="webhook.yaml", **settings)
    ours = ",durable" if plugin == "log" else ""
    assert faults_of(log, webhook) == [fault.replace("PLUGIN", plugin).replace("OURS", ours)]


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "blocking", "batch_buffer_size": -3},
        {"mode": "blocking-strict", "batch_max_size": -3},
        {"mode": "batch", "batch_throttle_enable": False, "batch_throttle_qps": -1.0},
        {"mode": "batch", "batch_max_wait": -1},
        {"truncate_max_event_size": 7, "truncate_max_batch_size": 7},
    ],
)
def test_no_fault(fields: dict[str, Any]) -> None:
    """What is not in use is not validated, and the longest wait never is."""
    assert faults_of(AuditLogOptions(path="-", **fields), AuditWebhookOptions()) == []


LOG_ROWS = [
    (
        {"format": "foo"},
        '--audit-log-format: invalid audit log format foo, allowed formats are "legacy,json"',
    ),
    ({"maxage": -1}, "--audit-log-maxage -1 can't be a negative number; 0 means no limit"),
    ({"maxbackup": -2}, "--audit-log-maxbackup -2 can't be a negative number; 0 means no limit"),
    ({"maxsize": -3}, "--audit-log-maxsize -3 can't be a negative number; 0 means no limit"),
]


@pytest.mark.parametrize(("fields", "fault"), LOG_ROWS)
def test_log_faults(fields: dict[str, Any], fault: str) -> None:
    """Those of the file; without a webhook the log is in use even when no path is named."""
    assert faults_of(AuditLogOptions(**fields), AuditWebhookOptions()) == [fault]
    webhook = AuditWebhookOptions(config_file="webhook.yaml")
    assert faults_of(AuditLogOptions(**fields), webhook) == []


def test_backoff() -> None:
    """A negative pause would be a flood."""
    webhook = AuditWebhookOptions(config_file="webhook.yaml", initial_backoff=-1)
    assert faults_of(AuditLogOptions(), webhook) == [
        "--audit-webhook-initial-backoff can't be negative; give a time such as 10s"
    ]


def test_all_faults_at_once() -> None:
    """Both backends' faults come together, the log's first."""
    found = faults_of(
        AuditLogOptions(path="-", mode="x", truncate_max_event_size=0, version="y", format="z"),
        AuditWebhookOptions(config_file="webhook.yaml", mode="x"),
    )
    assert [fault.split(",")[0] for fault in found] == [
        "--audit-log-mode: invalid audit log mode x",
        "--audit-log-truncate-max-event-size: invalid audit truncate log max event size 0",
        "--audit-log-version: invalid group version",
        "--audit-log-format: invalid audit log format z",
        "--audit-webhook-mode: invalid audit webhook mode x",
    ]


@pytest.mark.parametrize("webhook", [AuditWebhookOptions(), AuditWebhookOptions(config_file="a")])
@pytest.mark.parametrize("path", ["", "-"])
def test_durable_without_a_file(path: str, webhook: AuditWebhookOptions) -> None:
    """Nothing but a file can promise anything; a webhook beside it does not help."""
    (fault,) = faults_of(AuditLogOptions(path=path, mode="durable"), webhook)
    assert "--audit-log-mode durable needs a file" in fault
    assert "--audit-log-path" in fault
    assert faults_of(AuditLogOptions(path="audit.log", mode="durable"), webhook) == []


def test_durable_webhook() -> None:
    """The mode is the log's own."""
    webhook = AuditWebhookOptions(config_file="webhook.yaml", mode="durable")
    (fault,) = faults_of(AuditLogOptions(), webhook)
    assert (
        fault
        == f"--audit-webhook-mode: invalid audit webhook mode durable, {MODES.replace('OURS', '')}"
    )
