"""Secret values: in which texts they are found, and in which not (A14)."""

import base64
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditproxy.audit.redaction.values import PART, SEARCH_LIMIT, SecretValues, holds
from auditproxy.serializer.errors import SerializationError


def values(*found: Any) -> SecretValues:
    """Values that were met."""
    made = SecretValues()
    for value in found:
        made.add(value)
    return made


def encoded(text: str) -> str:
    """Base64."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        ("secret-1", "secret-1", True),
        ("secret-1", "a secret-1b", True),
        ("secret-1", "secret-", False),
        ("secret-1\n", "secret-1", True),
        ("secret-1", encoded("secret-1"), True),
        ("secret-1", "Basic " + encoded("user:secret-1"), True),
        (encoded("secret-1"), "secret-1", True),
        (encoded("secret-1").rstrip("="), "secret-1", True),
        ('se"cret\t1', json.dumps({"a": 'se"cret\t1'}), True),
        ('se"cret\t1', json.dumps(json.dumps({"a": 'se"cret\t1'})), True),
        ("gr\u00f6\u00dfer-1", '"gr\\u00f6\\u00dfer-1"', True),
        ("a\x01bcdef", '"a\\x01bcdef"', True),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        (1234, "1234", True),
        (123456, "x123456", True),
        (123, "123", False),
        (True, "true", False),
        (None, "null", False),
        ("", "", False),
        (["x", {"y": "secret-1"}], "secret-1", True),
        (base64.b64encode(b"\xff\xfe\xfd\xfc\xfb").decode(), "//79/Ps=", True),
    ],
)
def test_held(value: Any, text: str, found: bool) -> None:
    """A14: as it is, in base64, inside a text, with escapes; short ones only as a whole."""
    needles = values(value).held_by(["other", text])
    assert bool(needles) is found
    assert holds(text, needles) is found
    assert not holds("other", needles)


def test_quoted() -> None:
    """A14: in a sentence a short value counts as a word, and what is no text hides all of it."""
    assert values("abc").quoted_by("got abc, no")
    assert not values("abc").quoted_by("got abcd")
    assert values("secret-1").quoted_by('got "xsecret-1x"')
    assert values({"x": True}).quoted_by("anything")
    assert not values("secret-1").quoted_by("anything")
    assert not SecretValues().quoted_by("anything")


def test_update() -> None:
    """What another found counts too."""
    made = values("secret-1")
    made.update(values({"n": "secret-2"}))
    assert made.held_by(["secret-1 secret-2"])
    assert made.names == {"n"}
    assert made.odd


def test_bound() -> None:
    """A14: a search that would take too long is an error, and then a message is hidden."""
    many = values(*(f"secret-{n:06}" for n in range(5_000)))
    text = "x " * (SEARCH_LIMIT // 10_000)
    with pytest.raises(SerializationError):
        many.held_by([text])
    assert many.quoted_by(text)


TEXT = st.text(min_size=PART, max_size=20)


@given(TEXT, TEXT, TEXT)
def test_any_text(before: str, value: str, after: str) -> None:
    """A14: whatever a value is, it is found as it is, in JSON and in its base64."""
    assume(len(value.strip()) >= PART and "\\" not in value)
    made = values(value)
    for text in (
        before + value + after,
        json.dumps({"a": value}),
        base64.b64encode(value.encode()).decode(),
        base64.b64encode(json.dumps({"a": value}, ensure_ascii=False).encode()).decode(),
    ):
        if value.strip() in text or text.isascii():
            assert made.held_by([text])
