"""What is wrong with settings of backends.

Validation and its texts are kube-apiserver's (apiserver server/options/audit.go): a backend that
is not in use is not validated, and of one backend's batch settings only the first fault is
reported.
"""

from auditproxy.apis.gotext import go_quote
from auditproxy.options.backendoptions import AUDIT_VERSIONS, DURABLE, BackendOptions
from auditproxy.options.backends import BackendGroups, backends_in_use


def backend_faults(groups: BackendGroups) -> list[str]:
    """Faults of the backends that are in use."""
    return [
        *(
            fault
            for backend in backends_in_use(groups)
            for fault in (*_common_faults(backend), *backend.own_faults())
        ),
        *_durable_faults(groups),
    ]


def _durable_faults(groups: BackendGroups) -> list[str]:
    """Mode ``durable`` without a file, also where the log is not in use."""
    log = groups.audit_log
    if log.mode != DURABLE or log.path not in ("", "-"):
        return []
    return [
        "--audit-log-mode durable needs a file, and standard output is none; name one with "
        "--audit-log-path, or choose --audit-log-mode=blocking-strict"
    ]


def _common_faults(backend: BackendOptions) -> list[str]:
    """Mode and batch, then truncation, then version, as kube-apiserver has them."""
    plugin = backend.plugin
    faults = _mode_faults(backend)
    # Truncation is validated even when it is off.
    event, batch = backend.truncate_max_event_size, backend.truncate_max_batch_size
    if event <= 0:
        faults.append(
            f"--audit-{plugin}-truncate-max-event-size: invalid audit truncate {plugin} max event "
            f"size {event}, must be a positive number"
        )
    elif batch < event:
        faults.append(
            f"--audit-{plugin}-truncate-max-batch-size: invalid audit truncate {plugin} max batch "
            f"size {batch}, must be greater than max event size ({event})"
        )
    flag = f"--audit-{plugin}-version"
    if backend.version.count("/") > 1:
        faults.append(f"{flag}: unexpected GroupVersion string: {backend.version}")
    elif backend.version not in AUDIT_VERSIONS:
        known = " ".join(go_quote(version) for version in AUDIT_VERSIONS)
        faults.append(f"{flag}: invalid group version, allowed versions are [{known}]")
    return faults


def _mode_faults(backend: BackendOptions) -> list[str]:
    plugin = backend.plugin
    if backend.mode not in backend.modes:
        return [
            f"--audit-{plugin}-mode: invalid audit {plugin} mode {backend.mode}, "
            f"allowed modes are {go_quote(','.join(backend.modes))}"
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
            flag = f"--audit-{plugin}-batch-{name.lower().replace(' ', '-')}".replace(
                "batch-max-batch", "batch-max"
            )
            shown = f"{number:g}" if isinstance(number, float) else f"{number}"
            return [
                f"{flag}: invalid audit batch {plugin} {name} {shown}, must be a positive number"
            ]
    return []
