"""What answers of TokenReview and SelfSubjectReview mean, and the keys to remember them by."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.authentication.tokens.tokenreview import (
    TokenReviewAuthenticator,
    Version,
    read_self_subject_review,
    read_token_review,
    read_webhook_review,
    self_subject_review,
    sendable,
    token_review,
    webhook_review,
)

FULL = {
    "username": "alice",
    "uid": "u-1",
    "groups": ["dev", "system:authenticated"],
    "extra": {"authentication.kubernetes.io/credential-id": ["JTI=1"], "empty": None},
}
ALICE = UserInfo(
    username="alice",
    uid="u-1",
    groups=("dev", "system:authenticated"),
    extra={"authentication.kubernetes.io/credential-id": ("JTI=1",), "empty": ()},
)
V1, V1BETA1 = "authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"
SOMEBODY = {"username": "somebody"}
API = ("api",)


def answer(**status: object) -> bytes:
    """An answered TokenReview."""
    return json.dumps(
        {"kind": "TokenReview", "metadata": {}, "spec": {"token": "x"}, "status": status}
    ).encode()


@pytest.mark.parametrize(
    ("status", "user"),
    [
        ({"authenticated": True, "user": FULL, "audiences": ["x"]}, ALICE),
        ({"authenticated": True, "user": {"username": "bob"}}, UserInfo(username="bob")),
        ({"authenticated": False, "user": FULL}, None),
        ({"user": FULL}, None),
        ({}, None),
        ({"authenticated": True}, None),
        ({"authenticated": True, "user": None}, None),
        ({"authenticated": True, "user": {"username": "", "groups": ["dev"]}}, None),
        ({"authenticated": True, "user": {"groups": ["system:masters"]}}, None),
        ({"authenticated": True, "user": FULL, "error": "token expired"}, None),
        ({"user": {}, "error": "invalid bearer token"}, None),
    ],
)
def test_token_review(status: dict[str, object], user: UserInfo | None) -> None:
    """T071: only authenticated, without an error and with a name, is a user; all of it is kept."""
    assert read_token_review(answer(**status)) == user


@pytest.mark.parametrize(
    ("audiences", "user"),
    [(["us"], ALICE), (["we", "us"], ALICE), (["other"], None), ([], None), (None, None)],
)
def test_token_review_for_audiences(audiences: object, user: UserInfo | None) -> None:
    """T071: asked for audiences, only a review that names one of them is a user."""
    review = answer(authenticated=True, user=FULL, audiences=audiences)
    assert read_token_review(review, ("us", "them")) == user
    assert json.loads(token_review("t", ("us",)))["spec"] == {"token": "t", "audiences": ["us"]}


@pytest.mark.parametrize(
    ("info", "user"),
    [
        (FULL, ALICE),
        ({"username": "system:anonymous", "groups": ["system:unauthenticated"]}, None),
        ({"username": "eve", "groups": ["system:unauthenticated"]}, None),
        ({"username": ""}, None),
        (None, None),
    ],
)
def test_self_subject_review(info: dict[str, object] | None, user: UserInfo | None) -> None:
    """T041: an upstream that ignored the token says anonymous, which is not a user for it."""
    body = json.dumps({"kind": "SelfSubjectReview", "status": {"userInfo": info}}).encode()
    assert read_self_subject_review(body) == user


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'{"status":[]}',
        b'{"status":{"authenticated":"true","userInfo":"x"}}',
        b'{"status":{"authenticated":1,"userInfo":1}}',
        b'{"status":{"authenticated":true,"user":{"username":1},"userInfo":{"groups":"a"}}}',
        b'{"status":{"authenticated":true,"user":{"username":"\\ud800"},"userInfo":{"uid":1}}}',
        b'{"status":{"authenticated":null,"userInfo":{"groups":[null]}}}',
        b'{"status":{"error":null,"userInfo":{"extra":{"a":[null]}}}}',
        b'{"status":{"audiences":[null],"userInfo":[]}}',
        b'{"status":{"user":{"groups":[null]},"userInfo":1}}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_not_an_answer(body: bytes) -> None:
    """T072: a body that is no review is an error, so nobody remembers it."""
    for read in (read_token_review, read_self_subject_review):
        with pytest.raises(AuthenticationError):
            read(body)


@given(st.binary(max_size=100))
def test_any_answer(body: bytes) -> None:
    """Any bytes are no user."""
    for read in (read_token_review, read_self_subject_review):
        with pytest.raises(AuthenticationError):
            read(body)


def test_questions() -> None:
    """The bodies as kube-apiserver takes them."""
    assert json.loads(token_review('to"k')) == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": 'to"k'},
    }
    assert json.loads(self_subject_review()) == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    }


@pytest.mark.parametrize(
    "token", ["", "a b", "a\r\nX: y", "a\0", "a\x7f", "\udcff", "a\u00a0", "a\t"]
)
async def test_tokens_nobody_is_asked_about(token: str) -> None:
    """A token that a header would change is nobody's: it could smuggle a line or be another one."""

    class Never:
        """A reviewer that must not be asked."""

        async def review(self, token: str) -> UserInfo | None:
            raise AssertionError("asked")

    assert not sendable(token)
    assert await TokenReviewAuthenticator(Never()).authenticate_token(token) is None


async def test_the_reviewer_decides() -> None:
    """Other tokens are the reviewer's to judge."""

    class Alice:
        """A reviewer that knows one token."""

        async def review(self, token: str) -> UserInfo | None:
            return ALICE if token == "good" else None

    authenticator = TokenReviewAuthenticator(Alice())
    assert await authenticator.authenticate_token("good") == TokenUser(ALICE)
    assert await authenticator.authenticate_token("bad") is None


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
def test_what_a_webhook_is_asked(version: Version, audiences: tuple[str, ...], body: bytes) -> None:
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
def test_answers_of_a_webhook(
    audiences: tuple[str, ...], status: dict[str, Any], user: UserInfo | None
) -> None:
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
def test_what_is_a_review_of_a_webhook(body: bytes, good: bool) -> None:
    """T072: another version, another kind or another shape is an error, not an answer."""
    if good:
        assert read_webhook_review(body, "v1", ()) == UserInfo()
        return
    with pytest.raises(AuthenticationError):
        read_webhook_review(body, "v1", ())


@given(st.binary(max_size=200))
def test_any_bytes_of_a_webhook(body: bytes) -> None:
    """T072: whatever is answered is a user, nobody or an AuthenticationError."""
    with contextlib.suppress(AuthenticationError):
        assert not read_webhook_review(body, "v1beta1", ())
