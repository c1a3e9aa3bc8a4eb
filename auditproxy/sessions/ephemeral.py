"""Ephemeral containers, by which ``kubectl debug`` gets into a pod: what a request adds.

A request to pods/ephemeralcontainers carries them in its body: a strategic merge or merge patch, a
JSON patch, or the whole pod. A session that attaches to one later names it only.
"""

from typing import Any

import msgspec

from auditproxy.serializer.json import encode

MOST_NAMED = 64
"""Containers of one request that are read."""
LONGEST_SHOWN = 4096
"""Characters of the annotation."""


class EphemeralContainer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One ephemeral container as the request describes it."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    target_container_name: str = msgspec.field(default="", name="targetContainerName")


def ephemeral_containers(body: bytes) -> tuple[EphemeralContainer, ...]:
    """The ephemeral containers in a request's body; empty for one that cannot be read."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    found = []
    for written in _written(document)[:MOST_NAMED]:
        try:
            found.append(msgspec.convert(written, EphemeralContainer, strict=False))
        except (msgspec.ValidationError, RecursionError):
            continue
    return tuple(found)


def _written(document: Any) -> list[Any]:
    """The objects that stand where ephemeral containers do."""
    if isinstance(document, list):
        found: list[Any] = []
        for operation in document:
            if isinstance(operation, dict) and str(operation.get("path", "")).startswith(
                "/spec/ephemeralContainers"
            ):
                value = operation.get("value")
                found += value if isinstance(value, list) else [value]
        return found
    spec = document.get("spec") if isinstance(document, dict) else None
    containers = spec.get("ephemeralContainers") if isinstance(spec, dict) else None
    return containers if isinstance(containers, list) else []


def shown(containers: tuple[EphemeralContainer, ...]) -> str:
    """The containers as a JSON list, cut where it is too long, with a mark."""
    text = encode(containers).decode()
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...TRUNCATED"
