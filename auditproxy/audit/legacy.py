"""The legacy text form of an event: one line of ``key="value"`` pairs.

kube-apiserver writes it with ``--audit-log-format=legacy`` and into its own log
for events that it lost (apiserver audit/format.go).
"""

from datetime import tzinfo

from auditproxy.apis.audit import Event
from auditproxy.apis.gotext import go_quote
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import ZERO_TIME, parse_time, rfc3339_nano


def legacy_line(event: Event, zone: tzinfo) -> str:
    """The event as one line, newline included, its time in ``zone`` (the server's own)."""
    user = event.user
    username, groups = "<none>", "<none>"
    if user.username:
        username = user.username
        if user.groups:
            groups = _quoted_list(user.groups)
    as_user, as_groups = "<self>", "<lookup>"
    if event.impersonated_user is not None:
        as_user = event.impersonated_user.username
        if event.impersonated_user.groups:
            as_groups = _quoted_list(event.impersonated_user.groups)
    reference = event.object_ref
    namespace = reference.namespace if reference is not None else ""
    status = event.response_status
    pairs = (
        ("id", go_quote(event.audit_id)),
        ("stage", go_quote(event.stage)),
        ("ip", go_quote(event.source_ips[0] if event.source_ips else "<unknown>")),
        ("method", go_quote(event.verb)),
        ("user", go_quote(username)),
        ("groups", go_quote(groups)),
        ("as", go_quote(as_user)),
        ("asgroups", go_quote(as_groups)),
        ("user-agent", go_quote(event.user_agent)),
        ("namespace", go_quote(namespace or "<none>")),
        ("uri", go_quote(event.request_uri)),
        ("response", f'"{status.code if status is not None else "<deferred>"}"'),
    )
    received = _local_time(event.request_received_timestamp, zone)
    return f"{received} AUDIT: {' '.join(f'{name}={value}' for name, value in pairs)}\n"


def _quoted_list(values: tuple[str, ...]) -> str:
    """Texts quoted one by one; the whole list is quoted once more in the line."""
    return ",".join(go_quote(value) for value in values)


def _local_time(timestamp: str, zone: tzinfo) -> str:
    """The event's time as RFC 3339 in a zone; Go's zero time when it has none."""
    try:
        return rfc3339_nano(parse_time(timestamp), zone)
    except (SerializationError, OverflowError):
        return ZERO_TIME
