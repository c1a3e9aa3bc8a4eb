"""Ephemeral containers, by which ``kubectl debug`` gets into a pod: what a request adds.

A request to pods/ephemeralcontainers carries them in its body: a strategic merge or merge patch, a
JSON patch, an apply patch, or the whole pod in any of the forms in which kube-apiserver takes
objects. A session that attaches to one later names it only.
"""

import re
from typing import Any

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.audit.mediatypes import base_type
from auditproxy.audit.objects import APPLY_CBOR, APPLY_YAML
from auditproxy.audit.submitted import CBOR, PROTOBUF, YAML
from auditproxy.serializer import cbor, json, yaml
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import CBORError, JSONError, SerializationError
from auditproxy.serializer.json import encode
from auditproxy.serializer.protobuf.decoder import Decoder

MOST_NAMED = 64
"""Containers of one request that are read."""
LONGEST_SHOWN = 4096
"""Characters of the annotation."""
LONGEST_BODY = 256 * 1024
"""Bytes of a body in JSON that is read; a pod has some 10 KiB, and a patch of one far less."""
LONGEST_SLOW_BODY = 64 * 1024
"""Bytes of a body in any other form; its reader is slower."""
MOST_VALUES = 4000
"""Values of a body in YAML or CBOR."""

_SLOW = frozenset({YAML, APPLY_YAML, CBOR, APPLY_CBOR, PROTOBUF})
_SPEC, _CONTAINERS = "spec", "ephemeralContainers"
_BELOW = re.compile(f"/{_SPEC}/{_CONTAINERS}(/[^/]*)?")
_NAME = re.compile(f"/{_SPEC}/{_CONTAINERS}/[^/]*/name")


@prepared
class EphemeralContainer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One ephemeral container as the request describes it."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    target_container_name: str = msgspec.field(default="", name="targetContainerName")


UNREAD = EphemeralContainer(name="(not read)")
"""Stands for containers that a request may add, where reading all of it costs too much."""


def ephemeral_containers(
    body: bytes, content_type: str = "", types: Decoder | None = None
) -> tuple[EphemeralContainer, ...]:
    """The ephemeral containers in a request's whole body, by its Content-Type; never raises.

    Empty for a body that cannot be read, since kube-apiserver refuses it too. UNREAD is the last
    one where there may be more of them than were read. ``types`` reads protobuf, by default with
    the built-in types. Takes some 70 ms at most.
    """
    media_type = base_type(content_type)
    try:
        written = _written(_document(body, media_type, types))
    except (BudgetExceededError, CBORError):
        # CBOR's error may only say that its library is not installed.
        return (UNREAD,)
    except (SerializationError, RecursionError):
        return ()
    found = []
    for one in written[:MOST_NAMED]:
        if isinstance(one, dict):
            try:
                # Go takes null for an absent member.
                present = {name: value for name, value in one.items() if value is not None}
                found.append(msgspec.convert(present, EphemeralContainer, strict=False))
            except (msgspec.ValidationError, RecursionError):
                continue
    return (*found, UNREAD) if len(written) > MOST_NAMED else tuple(found)


def _document(body: bytes, media_type: str, types: Decoder | None) -> Any:
    """The value of a body; raises SerializationError."""
    limit = LONGEST_BODY
    if media_type in (YAML, APPLY_YAML):
        # Clients that are programs send JSON as YAML.
        try:
            return _document(body, "", types)
        except JSONError:
            pass
    budget = Budget(MOST_VALUES)
    if media_type in _SLOW:
        limit = LONGEST_SLOW_BODY
    if len(body) > limit:
        raise budget.exceeded("nodes", f"more than {limit} bytes")
    if media_type in (YAML, APPLY_YAML):
        return yaml.load_strict(body, budget)[0]
    if media_type in (CBOR, APPLY_CBOR):
        return json.decode(cbor.to_json(body, Budget(cbor.NODES * MOST_VALUES)))
    if media_type == PROTOBUF:
        return json.decode((types or _BUILTIN_TYPES).decode(body, omit_managed_fields=True))
    return json.decode(body)


def _written(document: Any) -> list[Any]:
    """The objects that stand where ephemeral containers do."""
    if not isinstance(document, list):
        spec = document.get(_SPEC) if isinstance(document, dict) else None
        containers = spec.get(_CONTAINERS) if isinstance(spec, dict) else None
        return containers if isinstance(containers, list) else []
    found: list[Any] = []
    for operation in document:
        if not isinstance(operation, dict):
            continue
        path, value = operation.get("path"), operation.get("value")
        if not isinstance(path, str):
            continue
        if path == "":
            found += _written(value) if isinstance(value, dict) else []
        elif path == f"/{_SPEC}":
            found += _written({_SPEC: value})
        elif _BELOW.fullmatch(path):
            found += value if isinstance(value, list) else [value]
        elif _NAME.fullmatch(path):
            # Another operation has put the container there.
            found.append({"name": value})
    return found


_BUILTIN_TYPES = Decoder()


def shown(containers: tuple[EphemeralContainer, ...]) -> str:
    """The containers as a JSON list, cut where it is too long, with a mark."""
    text = encode(containers).decode()
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...TRUNCATED"
