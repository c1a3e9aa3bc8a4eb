"""Plain bodies: such as add one thing to an event, for which nothing else has to be read.

    plain_reference    an update at level Metadata    objectRef, with what the object's JSON says
    plain_answer       a 2xx at RequestResponse       responseObject, where it has no secrets

Each returns what record.py takes from the same body, or None where that takes more.
"""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, ObjectReference
from auditproxy.audit.context import completed_reference
from auditproxy.audit.encode import LARGE
from auditproxy.audit.mediatypes import base_type
from auditproxy.audit.objectmetadata import canonical_metadata
from auditproxy.audit.objects import Recorded, response_object
from auditproxy.audit.submitted import JSON, PROTOBUF
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.protobuf.decoder import Decoder


def plain_reference(
    reference: ObjectReference,
    info: RequestInfo,
    level: Level,
    body: bytes,
    *,
    content_type: str,
    content_encoding: str,
) -> ObjectReference | None:
    """Return the objectRef of an update that was accepted, whose answer is not recorded."""
    if level is not Level.METADATA or info.verb != "update" or content_encoding:
        return None
    if (base_type(content_type) or JSON) != JSON:
        return None
    metadata = canonical_metadata(body)
    return None if metadata is None else completed_reference(reference, metadata)


def plain_answer(
    info: RequestInfo,
    level: Level,
    body: bytes,
    *,
    content_type: str,
    content_encoding: str,
    omit_managed_fields: bool,
    types: Decoder,
    budget: Budget,
) -> Recorded | None:
    """Return what the answer to a request without a body adds; no rule marks secrets in it."""
    if level is not Level.REQUEST_RESPONSE or content_encoding or not body:
        return None
    if base_type(content_type) not in (JSON, PROTOBUF):
        return None
    told = response_object(
        info,
        content_type,
        "",
        body,
        level=level,
        omit_managed_fields=omit_managed_fields,
        decoded_limit=len(body),
        types=types,
        budget=budget,
    )
    if told.status is not None or told.annotations:
        return None
    # A large line is written beside the event loop (backends/aside.py).
    is_large = told.object is not None and memoryview(told.object).nbytes >= LARGE
    return None if is_large else told
