"""A refusal's parts, and the order of the checks."""

import pytest

from auditproxy.audit.refusals.refusal import Stop
from tests.audit.refusals.refusing import refusal


@pytest.mark.parametrize(
    ("content_type", "plain"),
    [
        ("text/plain; charset=utf-8", True),
        ("Text/Plain", True),
        ("application/json", False),
        ("", False),
    ],
)
def test_plain(content_type: str, plain: bool) -> None:
    """Filters and the router write plain text, handlers of resources never do."""
    assert refusal(429, None, answer_type=content_type).is_plain is plain


def test_message() -> None:
    """A refusal without a Status says nothing."""
    assert refusal(400, "said").message == "said"
    assert refusal(400, None).message == ""


def test_order() -> None:
    """The checks are in the order in which kube-apiserver makes them."""
    assert list(Stop) == sorted(Stop)
    assert (
        Stop.IMPERSONATION < Stop.FLOW_CONTROL < Stop.AUTHORIZATION < Stop.DECODING < Stop.HANDLED
    )
