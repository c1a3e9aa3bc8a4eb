"""RequestInfo and Attributes are plain frozen values."""

import pytest

from auditproxy.apis.attributes import Attributes, RequestInfo, SelectorRequirement


def test_defaults() -> None:
    """What is not given is empty."""
    info = RequestInfo(is_resource_request=False, path="/", verb="get")
    assert (info.namespace, info.resource, info.parts) == ("", "", ())
    attributes = Attributes(user=None, verb="get", is_resource_request=False, path="/")
    assert attributes.field_selector == ()


def test_frozen() -> None:
    """Values that cross floors do not change."""
    info = RequestInfo(is_resource_request=False, path="/", verb="get")
    with pytest.raises(AttributeError):
        info.verb = "list"  # type: ignore[misc]
    assert hash(SelectorRequirement("k", "In", ("v",))) == hash(
        SelectorRequirement("k", "In", ("v",))
    )
