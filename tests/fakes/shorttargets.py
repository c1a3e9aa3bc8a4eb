"""What follows from a request line for the short way, as it finds it out."""

from auditproxy.apis.memo import Memo
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.resolution import KnownTargets
from auditproxy.server.services import Services
from auditproxy.server.short.shorttarget import Kinds, ShortTarget, short_target


def target_of(
    services: Services, method: str, text: str, kinds: Kinds | None = None
) -> ShortTarget | None:
    """What follows from a request line."""
    found = KnownTargets().resolve(
        method,
        text,
        ClientHeaders(((b"Host", b"a"),)),
        queries=Memo(8),
        fault=None,
        front_proxy=services.front_proxy,
    )
    return short_target(method.encode(), found, services, Memo(8) if kinds is None else kinds)
