"""What follows sessions, alerts, traces, speaks to brokers: imported, and made, where wanted.

The first two are a tenth of a proxy's memory, which most proxies have no use for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditproxy.app import operatorlog
from auditproxy.app.operatorlog import Report
from auditproxy.files.files import Files
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options

if TYPE_CHECKING:
    from auditproxy.alerts.alert import Alert
    from auditproxy.app.sessions.opening import SessionParts
    from auditproxy.app.sinks.receivers import OpenedReceiver
    from auditproxy.app.tracing import TracingParts
    from auditproxy.notifiers.dispatcher import AlertDispatcher


def alerts_of(
    options: Options,
    files: Files,
    metrics: Metrics,
    report: Report,
    write: "Callable[[Alert], None] | None",
) -> "AlertDispatcher | None":
    """The dispatcher of alerts, None without rules; see open_alerts."""
    if files.alert_rules is None:
        return None
    from auditproxy.app.alerts import open_alerts

    return open_alerts(options.alerts, files, metrics.alerts, report, write)


def tracing_of(files: Files, metrics: Metrics) -> "TracingParts | None":
    """What traces requests, None without a file that says where spans go."""
    if files.tracing is None:
        return None
    from auditproxy.app.tracing import TracingParts

    return TracingParts(files.tracing, metrics, operatorlog.warn)


def sessions_of(
    options: Options,
    files: Files,
    metrics: Metrics,
    report: Report,
    alerts: "AlertDispatcher | None",
) -> "SessionParts | None":
    """What follows sessions, None where nothing comes of it; see open_sessions."""
    sessions = options.sessions
    if not (sessions.is_kept or alerts is not None or sessions.annotates()):
        return None
    # What requests begin with then: none of them is to wait for it.
    import auditproxy.server.sessions  # noqa: F401
    from auditproxy.app.sessions.opening import SessionFiles, open_sessions, session_listeners

    return open_sessions(
        options,
        metrics,
        report,
        files=SessionFiles(
            files.recording_encryption, files.recording_upload, files.session_webhook
        ),
        listeners=session_listeners(alerts),
    )


def receivers_of(
    options: Options, files: Files, metrics: Metrics, report: Report
) -> "tuple[OpenedReceiver, ...]":
    """The receivers of events beside log and webhook; see open_receivers."""
    if files.audit_nats is None and files.audit_kafka is None and files.audit_otlp is None:
        return ()
    from auditproxy.app.sinks.receivers import open_receivers

    return open_receivers(options, files, metrics, report)


def described(options: Options, files: Files) -> tuple[str, ...]:
    """The start-up lines about sessions, alerts, traces and egress, where there are any."""
    lines = []
    if options.sessions.is_kept:
        from auditproxy.app.sessions.opening import describe_sessions

        lines.append(describe_sessions(options, files))
    if files.alert_rules is not None:
        from auditproxy.app.alerts import describe_alerts

        lines.append(describe_alerts(files, options.alerts))
    if files.tracing is not None:
        rate = files.tracing.sampling_rate_per_million
        lines.append(
            f"spans of requests go to {files.tracing.endpoint} (OTLP over gRPC, clear text); "
            f"{rate} of a million requests are sampled, and those that trusted clients sample"
        )
    if files.egress is not None and files.audit_webhook is not None:
        lines.append(f"the audit webhook is reached through the proxy {files.egress.place}")
    return tuple(filter(None, lines))
