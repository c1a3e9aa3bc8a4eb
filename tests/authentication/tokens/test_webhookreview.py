"""The token webhook's reviews: the rows of webhook_v1_test.go, and answers that are none."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.webhookreview import (
    Version,
    read_webhook_review,
    webhook_review,
)

V1, V1BETA1 = "authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"
SOMEBODY = {"username": "somebody"}
API = ("api",)


def answered(version: str = V1, **status: Any) -> bytes:
    """An answered review."""
    return json.dumps({"apiVersion": version, "kind": "TokenReview", "status": status}).encode()


@pytest.mark.parametrize(
    ("version", "audiences", "body"),
    [
        ("v1beta1", (), b'"spec":{"token":"t\\u003c"},"status":{"user":{}}}\n'),
        ("v1", ("a", "b"), b'"spec":{"token":"t\\u003c","audiences":["a","b"]},"status":'),
    ],
)
def test_what_is_asked(version: Version, audiences: tuple[str, ...], body: bytes) -> None:
    """Kind, version, token and audiences, as kube-apiserver writes them."""
    head = f'{{"kind":"TokenReview","apiVersion":"authentication.k8s.io/{version}","metadata":{{}},'
    review = webhook_review("t<", version, audiences)
    assert review.startswith(head.encode() + body)


@pytest.mark.parametrize(
    ("audiences", "status", "user"),
    [
        ((), {"authenticated": True, "user": SOMEBODY}, UserInfo(username="somebody")),
        (
            (),
            {
                "authenticated": True,
                "user": {
                    "username": "person@place.com",
                    "uid": "abcd-1234",
                    "groups": ["stuff-dev", "main-eng"],
                    "extra": {"foo": ["bar", "baz"]},
                },
            },
            UserInfo(
                username="person@place.com",
                uid="abcd-1234",
                groups=("stuff-dev", "main-eng"),
                extra={"foo": ("bar", "baz")},
            ),
        ),
        ((), {"authenticated": False, "user": {"username": "g", "groups": ["not-used"]}}, None),
        ((), {"authenticated": False}, None),
        ((), {}, None),
        (API, {"authenticated": True, "user": SOMEBODY}, UserInfo(username="somebody")),
        (API, {"authenticated": False}, None),
        (
            API,
            {"authenticated": True, "user": SOMEBODY, "audiences": ["api"]},
            UserInfo(username="somebody"),
        ),
        (
            (),
            {"authenticated": True, "user": SOMEBODY, "audiences": ["api"]},
            UserInfo(username="somebody"),
        ),
        (API, {"authenticated": True, "user": SOMEBODY, "audiences": ["other"]}, None),
        (API, {"error": "no", "audiences": ["other"]}, None),
        # Nobody is refused for a name here, but nobody without one is forwarded either.
        ((), {"authenticated": True}, UserInfo()),
        (
            (),
            {
                "authenticated": True,
                "user": {"username": "a", "groups": [None], "extra": {"k": None}},
            },
            UserInfo(username="a", groups=("",), extra={"k": ()}),
        ),
        (
            (),
            {"authenticated": True, "error": "odd", "user": SOMEBODY},
            UserInfo(username="somebody"),
        ),
        ((), {"authenticated": None, "user": None, "audiences": None, "error": None}, None),
    ],
)
def test_answers(audiences: tuple[str, ...], status: dict[str, Any], user: UserInfo | None) -> None:
    """T071: who the token stands for, exactly as the webhook says, if it is for us."""
    assert read_webhook_review(answered(**status), "v1", audiences) == user


def test_a_refusal_that_is_an_error() -> None:
    """T071, T072: its text is not repeated, for it may hold the token."""
    with pytest.raises(AuthenticationError) as caught:
        read_webhook_review(answered(error="no canary here", authenticated=False), "v1", ())
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "good"),
    [
        (answered(V1BETA1, authenticated=True), False),
        (answered(V1, authenticated=True), True),
        (b'{"status": {"authenticated": true}}', True),
        (b'{"apiVersion": "", "kind": "", "status": {"authenticated": true}}', True),
        (b'{"kind": "Status", "apiVersion": "v1", "status": {"authenticated": true}}', False),
        (b'{"kind": "Status", "status": {"authenticated": true}}', False),
        (b'{"status": {"authenticated": "yes"}}', False),
        (b'{"status": {"authenticated": true, "user": {"username": 7}}}', False),
        (b'{"status": {"authenticated": true, "user": {"username": "\xff"}}}', False),
        (b"[]", False),
        (b"", False),
        (b"<html>", False),
        (b'{"status":' * 100_000, False),
    ],
)
def test_what_is_a_review(body: bytes, good: bool) -> None:
    """T072: another version, another kind or another shape is an error, not an answer."""
    if good:
        assert read_webhook_review(body, "v1", ()) == UserInfo()
        return
    with pytest.raises(AuthenticationError):
        read_webhook_review(body, "v1", ())


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    """T072: whatever is answered is a user, nobody or an AuthenticationError."""
    with contextlib.suppress(AuthenticationError):
        assert not read_webhook_review(body, "v1beta1", ())
