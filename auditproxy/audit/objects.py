"""Which objects of a request and its answer are recorded, and in what form.

kube-apiserver records objects inside its REST handlers; seen from outside the
same facts are in the bodies and in the answer. Every function here takes whole
captured bodies and gives values; whatever it cannot read becomes an annotation, so that no body
can cost an event (apiserver audit/request.go, endpoints/handlers/{create,update,patch,delete}.go).
"""

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.apis.status import Status
from auditproxy.audit import bodies, deleteoptions, skimming
from auditproxy.audit.doubledmembers import REQUEST_OBJECT_DOUBLED, each_once
from auditproxy.audit.mediatypes import base_type
from auditproxy.audit.objectmetadata import canonical_metadata, metadata_of, object_metadata
from auditproxy.audit.submitted import CBOR, JSON, PROTOBUF, YAML, as_json, records_request
from auditproxy.serializer import cbor, json, yaml, yamlskim
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import ProtobufError, SerializationError
from auditproxy.serializer.protobuf import envelope as protobuf
from auditproxy.serializer.protobuf.decoder import OUTPUT_RATIO, Decoder
from auditproxy.serializer.protobuf.envelope import ObjectMeta as ObjectMetadata

OBJECT_TYPES = (JSON, YAML, PROTOBUF, CBOR)
APPLY_YAML = "application/apply-patch+yaml"
APPLY_CBOR = "application/apply-patch+cbor"
PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    APPLY_YAML,
    APPLY_CBOR,
)

SUBMITTED_LIMIT = 8 * 1024 * 1024
"""Bytes of JSON that a protobuf request may become; a larger one, OUTPUT_RATIO times its size."""

REQUEST_OBJECT_OMITTED = "auditproxy.io/request-object-omitted"
RESPONSE_OBJECT_OMITTED = "auditproxy.io/response-object-omitted"

BUILTIN_TYPES = Decoder()
"""Protobuf by the table of the built-in types, which is read when the first body comes."""


class Recorded(msgspec.Struct, frozen=True):
    """What one body adds to the event: all members optional."""

    object: msgspec.Raw | None = None
    metadata: ObjectMetadata | None = None
    status: Status | None = None
    annotations: tuple[tuple[str, str], ...] = ()


NOTHING = Recorded()


def request_object(
    info: RequestInfo,
    content_type: str,
    body: bytes,
    *,
    level: Level,
    omit_managed_fields: bool,
    decoded: bool = True,
    content_encoding: str = "",
    decoded_limit: int = 0,
    types: Decoder = BUILTIN_TYPES,
    budget: Budget | None = None,
) -> Recorded:
    """What a request's body adds, if the server got as far as ``decoded`` it (refusals/order.py).

    ``decoded_limit`` bounds in bytes what a compressed body may unfold to, ``budget`` what
    reading it may cost.
    """
    if not records_request(info) or not decoded:
        return NOTHING
    coding = content_encoding
    how = (level, omit_managed_fields, types, budget)
    try:
        if coding and body.startswith(bodies.GZIP):
            # No format of the API begins like this.
            body, coding = bodies.inflate(body, coding, decoded_limit), ""
        try:
            return _requested(info, content_type, body, *how, strict=bool(coding))
        except BudgetExceededError:
            raise
        except SerializationError:
            if not coding:
                raise
        # kube-apiserver ignores Content-Encoding: a body readable as sent is read as sent. Only an
        # unreadable one may be for another server, which decompresses it.
        body = bodies.inflate(body, coding, decoded_limit)
        return _requested(info, content_type, body, *how)
    except SerializationError as error:
        return _unreadable(info, content_type, body, level, str(error), budget)


def _unreadable(
    info: RequestInfo,
    content_type: str,
    body: bytes,
    level: Level,
    why: str,
    budget: Budget | None,
) -> Recorded:
    """Record a body the server may have read but the proxy cannot: objectRef, and a string."""
    media_type = base_type(content_type) or JSON
    metadata = None
    if info.verb in ("create", "update"):
        metadata = skimming.metadata_at_any_cost(info, media_type, body, budget)
    if level < Level.REQUEST and metadata is not None:
        return Recorded(metadata=metadata)
    is_text = media_type in (JSON, YAML) and body != b"" and not body.startswith(bodies.GZIP)
    if level < Level.REQUEST or info.verb == "patch" or not is_text:
        return Recorded(metadata=metadata, annotations=((REQUEST_OBJECT_OMITTED, why),))
    note = ((REQUEST_OBJECT_OMITTED, f"{why}: recorded as a string"),)
    return Recorded(object=msgspec.Raw(json.string(body)), metadata=metadata, annotations=note)


def _requested(
    info: RequestInfo,
    content_type: str,
    body: bytes,
    level: Level,
    omit_managed_fields: bool,
    types: Decoder,
    budget: Budget | None,
    *,
    strict: bool = False,
) -> Recorded:
    """Record a body without a content coding; ``strict``: a patch must be readable too."""
    if info.verb == "patch":
        return _patch(content_type, body, level, budget, strict=strict)
    if not body and info.verb in ("delete", "deletecollection"):
        return NOTHING
    return _submitted(info, content_type, body, level, omit_managed_fields, types, budget)


def _patch(
    content_type: str, body: bytes, level: Level, budget: Budget | None, *, strict: bool
) -> Recorded:
    """Record a patch as sent if it is JSON; if not, kube-apiserver loses the event.

    With ``strict``, an unreadable patch raises SerializationError.
    """
    if level < Level.REQUEST or content_type.partition(";")[0] not in PATCH_TYPES:
        return NOTHING
    try:
        return Recorded(object=msgspec.Raw(json.compact(body)))
    except SerializationError:
        pass
    note = ((REQUEST_OBJECT_OMITTED, "the patch is not JSON: recorded as a converted object"),)
    patch_type = content_type.partition(";")[0]
    if patch_type == APPLY_CBOR:
        return Recorded(object=msgspec.Raw(cbor.to_json(body, budget)), annotations=note)
    if patch_type == APPLY_YAML:
        try:
            raw = json.compact(yaml.to_json(body, budget))
            return Recorded(object=msgspec.Raw(raw), annotations=note)
        except BudgetExceededError:
            raise
        except SerializationError:
            pass
    if strict:
        raise SerializationError("the patch cannot be read")
    note = ((REQUEST_OBJECT_OMITTED, "the patch is not JSON: recorded as a string"),)
    return Recorded(object=msgspec.Raw(json.string(body)), annotations=note)


def _submitted(
    info: RequestInfo,
    content_type: str,
    body: bytes,
    level: Level,
    omit_managed_fields: bool,
    types: Decoder,
    budget: Budget | None,
) -> Recorded:
    """Return the object of a create or update, or the DeleteOptions of a delete."""
    media_type = base_type(content_type) or JSON
    if media_type not in OBJECT_TYPES:
        return NOTHING
    deleting = info.verb in ("delete", "deletecollection")
    if deleting and level < Level.REQUEST:
        return NOTHING
    notes: tuple[tuple[str, str], ...] = ()
    if media_type == JSON:
        at_metadata = level < Level.REQUEST
        if at_metadata and (known := canonical_metadata(body)):
            return Recorded(metadata=known)
        decoded, note = each_once(info, body, budget, may_be_canonical=not at_metadata)
        notes = ((REQUEST_OBJECT_DOUBLED, note),) if note else ()
        if decoded is None:
            sent = msgspec.Raw(json.string(body)) if level >= Level.REQUEST else None
            named = not deleting and skimming.metadata_at_any_cost(info, media_type, body, budget)
            return Recorded(object=sent, metadata=named or None, annotations=notes)
        body = decoded
    if level < Level.REQUEST:
        if media_type == JSON:
            return Recorded(metadata=object_metadata(body), annotations=notes)
        return Recorded(metadata=skimming.metadata(info, media_type, body, budget))
    if media_type == PROTOBUF:
        return _submitted_protobuf(body, deleting, omit_managed_fields, types, budget)
    members = bodies.members(as_json(media_type, body, budget), budget)
    if deleting:
        options = deleteoptions.recorded(deleteoptions.from_members(members, budget))
        return Recorded(object=options, annotations=notes)
    metadata = metadata_of(members)
    if omit_managed_fields:
        bodies.drop_managed_fields(members)
    try:
        group = f"{info.api_group}/" if info.api_group else ""
        types.spell(
            members,
            budget,
            api_version=group + info.api_version,
            resource="" if info.subresource else info.resource,
        )
    except BudgetExceededError as error:
        omitted = (REQUEST_OBJECT_OMITTED, str(error))
        return Recorded(metadata=metadata, annotations=(*notes, omitted))
    first = {key: members.pop(key) for key in ("kind", "apiVersion") if key in members}
    raw = json.compact(msgspec.json.encode({**first, **members}), depth_checked=True)
    return Recorded(object=msgspec.Raw(raw), metadata=metadata, annotations=notes)


def _submitted_protobuf(
    body: bytes,
    deleting: bool,
    omit_managed_fields: bool,
    types: Decoder,
    budget: Budget | None,
) -> Recorded:
    """Record a protobuf body as its JSON; of a kind not in the table only the metadata."""
    envelope = protobuf.envelope(body, budget)
    if deleting:
        options = protobuf.delete_options(envelope.raw, budget)
        return Recorded(object=deleteoptions.recorded(options))
    metadata = protobuf.object_meta(envelope.raw, budget)
    try:
        raw = types.decode_object(
            envelope,
            omit_managed_fields=omit_managed_fields,
            limit=max(SUBMITTED_LIMIT, OUTPUT_RATIO * len(body)),
            budget=budget,
        )
    except BudgetExceededError as error:
        return Recorded(metadata=metadata, annotations=((REQUEST_OBJECT_OMITTED, str(error)),))
    except ProtobufError as error:
        why = f"protobuf: {error}"
        return Recorded(metadata=metadata, annotations=((REQUEST_OBJECT_OMITTED, why),))
    return Recorded(object=msgspec.Raw(raw), metadata=metadata)


def response_object(
    info: RequestInfo,
    content_type: str,
    content_encoding: str,
    body: bytes,
    *,
    level: Level,
    omit_managed_fields: bool,
    decoded_limit: int,
    types: Decoder = BUILTIN_TYPES,
    budget: Budget | None = None,
) -> Recorded:
    """What an answer's body adds: its Status at every level, its object at RequestResponse.

    ``decoded_limit`` bounds in bytes what a compressed body may unfold to.
    """
    try:
        plain = bodies.inflate(body, content_encoding, decoded_limit)
        media_type = base_type(content_type)
        if media_type == PROTOBUF:
            return _answered_protobuf(plain, level, omit_managed_fields, types, budget)
        wants_status = level < Level.REQUEST_RESPONSE
        if media_type == YAML and wants_status and yamlskim.kind(plain, budget) != "Status":
            return NOTHING
        if media_type in (YAML, CBOR):
            plain = as_json(media_type, plain, budget)
        elif media_type != JSON:
            return NOTHING
        return _answered(plain, level, omit_managed_fields, budget)
    except BudgetExceededError as error:
        return _omitted(RESPONSE_OBJECT_OMITTED, str(error))
    except SerializationError as error:
        if level < Level.REQUEST_RESPONSE:
            return NOTHING
        return _omitted(RESPONSE_OBJECT_OMITTED, str(error))


def _answered(
    plain: bytes, level: Level, omit_managed_fields: bool, budget: Budget | None
) -> Recorded:
    """Record a JSON answer if it is an API object, that is, if it has a kind."""
    if level < Level.REQUEST_RESPONSE:
        if bodies.kind(plain) != "Status":
            return NOTHING
        return Recorded(status=bodies.status_from_json(plain))
    members = bodies.members(plain, budget)
    kind = bodies.text_of(members["kind"]) if "kind" in members else None
    if kind is None:
        return NOTHING
    if kind == "Status":
        raw = json.compact(plain, depth_checked=True)
        return Recorded(status=bodies.status_from_json(plain), object=msgspec.Raw(raw))
    if omit_managed_fields and bodies.drop_managed_fields(members):
        plain = msgspec.json.encode(members)
    return Recorded(object=msgspec.Raw(json.compact(plain, depth_checked=True)))


def _answered_protobuf(
    plain: bytes,
    level: Level,
    omit_managed_fields: bool,
    types: Decoder,
    budget: Budget | None,
) -> Recorded:
    """Record a protobuf answer as its JSON."""
    envelope = protobuf.envelope(plain, budget)
    if envelope.kind != "Status":
        if level < Level.REQUEST_RESPONSE:
            return NOTHING
        try:
            raw = types.decode_object(
                envelope, omit_managed_fields=omit_managed_fields, budget=budget
            )
        except ProtobufError as error:
            return _omitted(RESPONSE_OBJECT_OMITTED, f"protobuf: {error}")
        return Recorded(object=msgspec.Raw(raw))
    status = protobuf.status(envelope.raw, budget)
    # The event's responseStatus never shows the list metadata that a Status may carry.
    bare = msgspec.structs.replace(status, metadata={})
    return Recorded(status=bare, object=msgspec.Raw(json.status_object(status)))


def _omitted(key: str, why: str) -> Recorded:
    """Return only an annotation: what is missing and why."""
    return Recorded(annotations=((key, why),))
