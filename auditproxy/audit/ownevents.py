"""Events of the proxy's own: receivers know no other kind, and nothing was requested."""

from collections.abc import Mapping

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.user import UserInfo

USER = "system:auditproxy"


def own_event(audit_id: str, uri: str, annotations: Mapping[str, str], time: str) -> Event:
    """Return an event that says something by its annotations; ``time`` is a MicroTime."""
    return Event(
        kind="Event",
        api_version=API_VERSION,
        level="Metadata",
        audit_id=audit_id,
        stage="ResponseComplete",
        request_uri=uri,
        verb="create",
        user=UserInfo(username=USER),
        request_received_timestamp=time,
        stage_timestamp=time,
        annotations=dict(annotations),
    )
