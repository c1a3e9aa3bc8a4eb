"""Read what objectRef needs from a request's body, without decoding the rest.

kube-apiserver only warns of unknown members, so a client can put values there that are too
expensive to read: the object's name must be found nevertheless.
"""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.doubledmembers import each_once
from auditproxy.audit.objectmetadata import object_metadata
from auditproxy.audit.submitted import JSON, PROTOBUF, YAML, as_json
from auditproxy.serializer import json, yamlskim
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.protobuf import envelope as protobuf
from auditproxy.serializer.protobuf.envelope import ObjectMeta

_LEVELS = 2
"""How deeply what objectRef takes from an object is nested in it."""


def metadata(info: RequestInfo, media_type: str, body: bytes, budget: Budget | None) -> ObjectMeta:
    """The metadata of a create's or an update's object; raises SerializationError."""
    if media_type == PROTOBUF:
        return protobuf.object_meta(protobuf.envelope(body, budget).raw, budget)
    if media_type == YAML:
        # In one pass: a second one would begin anew where the first ran out of values.
        budget = None if budget is None else budget.to_skim()
        return object_metadata(yamlskim.skim(body, budget))
    if media_type == JSON:
        flat, why = each_once(info, json.cut(body, _LEVELS, budget), budget)
        if flat is None:
            raise SerializationError(why)
        return object_metadata(flat)
    return object_metadata(as_json(media_type, body, budget))


def metadata_at_any_cost(
    info: RequestInfo, media_type: str, body: bytes, budget: Budget | None
) -> ObjectMeta | None:
    """The metadata of an object that could not be read within ``budget``; None if it cannot."""
    try:
        return metadata(info, media_type, body, None if budget is None else budget.to_skim())
    except SerializationError:
        return None
