"""Object metadata: what objectRef needs of an object that was sent."""

import msgspec

from auditproxy.audit.bodies import NO_VALUE, UNREADABLE, Members, decode_object, members, text_of
from auditproxy.serializer import doubled, json
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.protobuf.envelope import ObjectMeta as ObjectMetadata


class _Object(msgspec.Struct):
    """Just an object's metadata."""

    metadata: msgspec.Raw = NO_VALUE


class _Metadata(msgspec.Struct, rename="camel"):
    """The metadata that objectRef needs."""

    name: msgspec.Raw = NO_VALUE
    namespace: msgspec.Raw = NO_VALUE
    uid: msgspec.Raw = NO_VALUE
    resource_version: msgspec.Raw = NO_VALUE


_OBJECT = msgspec.json.Decoder(_Object)
_METADATA = msgspec.json.Decoder(_Metadata)


def canonical_metadata(raw: bytes) -> ObjectMetadata | None:
    """Return what ``object_metadata`` does, for an object in which no member stands twice.

    None where that would have to be searched; it costs a fraction of what that does.
    """
    value = doubled.canonical_value(raw)
    if not isinstance(value, dict):
        return None
    found = value.get("metadata")
    if not isinstance(found, dict):
        return ObjectMetadata()
    return ObjectMetadata(
        name=_text(found.get("name")),
        namespace=_text(found.get("namespace")),
        uid=_text(found.get("uid")),
        resource_version=_text(found.get("resourceVersion")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def object_metadata(raw: bytes) -> ObjectMetadata:
    """Return what objectRef needs of an object, without decoding the rest.

    Raises SerializationError where ``members`` does.
    """
    json.check_depth(raw)
    try:
        found = _OBJECT.decode(raw)
    except UNREADABLE:
        return metadata_of(members(raw))
    return _metadata(found.metadata)


def metadata_of(object_members: Members) -> ObjectMetadata:
    """Return what objectRef needs of an object's metadata; absent members are empty."""
    return _metadata(object_members.get("metadata", NO_VALUE))


def _metadata(raw: msgspec.Raw) -> ObjectMetadata:
    try:
        found = _METADATA.decode(raw)
    except UNREADABLE:
        try:
            found = decode_object(_METADATA, json.normalize(bytes(raw)))
        except SerializationError:
            found = _Metadata()
    return ObjectMetadata(
        name=text_of(found.name) or "",
        namespace=text_of(found.namespace) or "",
        uid=text_of(found.uid) or "",
        resource_version=text_of(found.resource_version) or "",
    )
