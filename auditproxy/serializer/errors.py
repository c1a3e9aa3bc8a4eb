"""The error tree of reading and writing: what this floor raises, and nothing else.

    SerializationError          the bytes are not what they claim to be
    |-- JSONError               not JSON, or nested too deeply
    |-- YAMLError               not YAML, or unfolds to more than its size allows
    |-- ProtobufError           not a protobuf message
    |-- CBORError               not CBOR, or CBOR that has no JSON form
    +-- GoDurationError         not a duration as Go writes it

Texts name the fault and the place, never the content: a body may hold a secret.
The exception is GoDurationError, whose text is Go's own and quotes the value.
"""


class SerializationError(ValueError):
    """The bytes or the text cannot be read; the text says why without showing content."""


class JSONError(SerializationError):
    """Not one JSON value."""


class YAMLError(SerializationError):
    """Not YAML, or YAML that has no JSON form."""


class ProtobufError(SerializationError):
    """Not a Kubernetes protobuf message."""


class CBORError(SerializationError):
    """Not CBOR, CBOR that has no JSON form, or the extra that reads it is missing."""


class GoDurationError(SerializationError):
    """Not a duration; the text is that of Go's time.ParseDuration."""
