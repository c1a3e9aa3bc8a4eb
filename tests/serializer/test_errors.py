"""The error tree of the serializer floor."""

import pytest

from auditproxy.serializer import errors


@pytest.mark.parametrize(
    "kind",
    [
        errors.JSONError,
        errors.YAMLError,
        errors.ProtobufError,
        errors.CBORError,
        errors.GoDurationError,
    ],
)
def test_every_error_is_a_serialization_error(kind: type[Exception]) -> None:
    """Callers catch one class, and older code that expects ValueError works too."""
    assert issubclass(kind, errors.SerializationError)
    assert issubclass(kind, ValueError)
