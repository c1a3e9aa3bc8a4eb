"""The object of an event: as it is after the request where that is recorded, else as it was sent.

    responseObject     the object itself, unless it only describes it (NOT_OBJECTS)
    requestObject      a create or an update: the object; a patch: the members that it sets, which
                       are those of a merge or apply patch, and what a JSON patch makes (patches.py)

A client chooses by ``Accept`` whether the API server answers with the object, its metadata or a
Table (apiserver endpoints/handlers/response.go), and by ``Content-Type`` the form of a patch.
"""

from typing import Any

from auditproxy.alerts.patches import patched

NOT_OBJECTS = ("Status", "Table", "PartialObjectMetadata", "PartialObjectMetadataList", None)
"""Kinds of answers that are not the object that was asked for; None is an answer without a kind."""

OF_OBJECTS = frozenset({"kind", "spec", "template", "jobTemplate", "op", "path", "from", "value"})
"""Members that are read to find the object and the spec of its pods."""


def is_object(answered: Any) -> bool:
    """Whether an answer is the object that was asked for, whole."""
    return isinstance(answered, dict) and answered.get("kind") not in NOT_OBJECTS


def object_of(event: dict[str, Any]) -> dict[str, Any]:
    """The object of an event's JSON; {} where it has none. Raises ExpressionError (patches.py)."""
    answered, sent = event.get("responseObject"), event.get("requestObject")
    found = answered if is_object(answered) else sent
    if isinstance(found, list) and event.get("verb") == "patch":
        return patched(found)
    return found if isinstance(found, dict) else {}


def pod_spec(body: dict[str, Any]) -> dict[str, Any]:
    """The spec of the pods that an object is or makes; {} for any other object."""
    spec = body.get("spec")
    for _ in range(2):
        # A CronJob has a template in its template.
        if isinstance(spec, dict) and isinstance(spec.get("jobTemplate"), dict):
            spec = spec["jobTemplate"].get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("template"), dict):
            spec = spec["template"].get("spec")
    return spec if isinstance(spec, dict) else {}
