"""Parity: how an event of the proxy is compared with the API server's own."""

import re
from collections.abc import Iterator
from typing import Any

SERVERS_OWN = re.compile(
    r"pod-security\.kubernetes\.io/|apiserver\.latency\.k8s\.io/|[^/]*\.admission\.k8s\.io/"
)
"""Annotations that only the API server can know; they do not count on either side."""

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

OURS = "auditproxy.io/"
OMITTED = (OURS + "request-object-omitted", OURS + "response-object-omitted")


def differences(recorded: dict[str, Any], ours: dict[str, Any], *, with_objects: bool) -> list[str]:
    """What differs between two events of one stage; none means parity.

    Without objects, requestObject and responseObject are left aside, and with
    them our notes that one of them is missing.
    """
    found = []
    for key in sorted(recorded.keys() | ours.keys()):
        if key in ("requestReceivedTimestamp", "stageTimestamp"):
            if not TIMESTAMP.fullmatch(str(ours.get(key))):
                found.append(f"{key}: {ours.get(key)!r} is no timestamp")
        elif key == "annotations":
            continue
        elif key == "requestObject":
            if with_objects:
                found += _request_object(recorded.get(key), ours.get(key))
        elif key == "responseObject":
            if with_objects and recorded.get(key) != ours.get(key):
                found += list(_paths("responseObject", recorded.get(key), ours.get(key)))
        elif recorded.get(key) != ours.get(key):
            found.append(f"{key}: {recorded.get(key)!r} became {ours.get(key)!r}")
    theirs = _annotations(recorded, with_objects)
    mine = _annotations(ours, with_objects)
    if theirs != mine:
        found.append(f"annotations: {theirs} became {mine}")
    return found


def _annotations(event: dict[str, Any], with_objects: bool) -> dict[str, str]:
    left_out = () if with_objects else OMITTED
    return {
        key: value
        for key, value in event.get("annotations", {}).items()
        if not SERVERS_OWN.match(key) and key not in left_out
    }


def _request_object(recorded: Any, ours: Any) -> Iterator[str]:
    """Members that only one side has pass: defaults there, unknown fields here.

    One that was sent as null or as an empty string stands for one that is not there.
    """
    if recorded is None or ours is None:
        if recorded is not ours:
            yield f"requestObject: {_short(recorded)} became {_short(ours)}"
        return
    yield from _common("requestObject", recorded, ours)


def _common(path: str, recorded: Any, ours: Any) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in recorded.keys() & ours.keys():
            if ours[key] in (None, ""):
                continue
            yield from _common(f"{path}.{key}", recorded[key], ours[key])
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for index, (theirs, mine) in enumerate(zip(recorded, ours, strict=True)):
            yield from _common(f"{path}[{index}]", theirs, mine)
    elif recorded != ours:
        yield f"{path}: {_short(recorded)} became {_short(ours)}"


def _paths(path: str, recorded: Any, ours: Any) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in sorted(recorded.keys() | ours.keys()):
            yield from _paths(f"{path}.{key}", recorded.get(key), ours.get(key))
    elif recorded != ours:
        yield f"{path}: {_short(recorded)} became {_short(ours)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
