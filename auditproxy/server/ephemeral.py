"""Ephemeral containers that a request adds: its event names them, and sessions know of them."""

from auditproxy.server.exchange import Exchange

EPHEMERAL_LIMIT = 256 * 1024
"""Bytes of a request's body in which ephemeral containers are looked for."""


def adds_ephemeral(exchange: Exchange) -> bool:
    """Whether a request adds ephemeral containers, and it matters."""
    info = exchange.info
    return (
        info.subresource == "ephemeralcontainers"
        and info.verb in ("patch", "update")
        and exchange.shared.supervisor is not None
    )


def note_ephemeral(exchange: Exchange, body: bytes) -> None:
    """The upstream has answered a request that adds ephemeral containers.

    The event names them, and sessions know of those that the upstream accepted.
    """
    # Only where there is a supervisor, which needs both.
    from auditproxy.sessions.ephemeral import ephemeral_containers, shown
    from auditproxy.sessions.lines import EPHEMERAL_CONTAINERS

    supervisor = exchange.shared.supervisor
    added = ephemeral_containers(body, exchange.headers.content_type, exchange.services.types)
    if not added or supervisor is None:
        return
    if exchange.shared.session_annotations:
        exchange.context.annotate(EPHEMERAL_CONTAINERS, shown(added))
    if exchange.recorder.captured.code in (200, 201):
        for container in added:
            supervisor.debugged.added(exchange.info.namespace, exchange.info.name, container.name)
