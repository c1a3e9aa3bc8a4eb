"""Secret values: in which texts they are found, and in which not (A14)."""

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditproxy.audit.redaction.values import PART, SEARCH_LIMIT, SecretValues, holds
from auditproxy.serializer.budget import Budget, BudgetExceededError
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


@pytest.mark.parametrize(
    ("value", "message", "quoted"),
    [
        ("abc", "got abc, no", True),
        ("abc", "abc", True),
        ("abc", "got abcd", False),
        ("abc", "got xabc", False),
        ("a-b", "got a-b.", True),
        ("-", "got - or -", True),
        ("a b", "got 'a b'", True),
        ("a\n", "got a or b", True),
        ("\u00e9t", "got \u00e9t!", True),
        ("abc", f"got {encoded('is abc!')}", True),
        ("abc", "got \\u0061bc", True),
        ("secret-1", 'got "xsecret-1x"', True),
        ("secret-1", "anything", False),
        ({"x": True}, "anything", True),
    ],
)
def test_quoted(value: Any, message: str, quoted: bool) -> None:
    """A14: in a sentence a short value counts as a word, and what is no text hides all of it."""
    assert values(value).quoted_by(["other:", message]) - {"other:"} == (
        {message} if quoted else set()
    )


def test_nothing_is_quoted() -> None:
    """Without values, or without sentences, none is hidden."""
    assert SecretValues().quoted_by(["anything"]) == set()
    assert values("abc").quoted_by([]) == set()


@given(
    st.lists(st.text("ab-. \u00e9", max_size=7), max_size=5), st.text("ab-. \u00e9", max_size=30)
)
def test_words(short: list[str], message: str) -> None:
    """A14: looking all words up at once finds what looking for each value does."""
    made = values(*short)
    found = any(
        bare in message
        if len(bare) >= PART
        else re.search(rf"(?<![A-Za-z0-9]){re.escape(bare)}(?![A-Za-z0-9])", message)
        for bare in (value.strip() for value in short)
        if bare
    )
    if found:
        assert made.quoted_by([message]) == {message}
    elif not re.search("[A-Za-z0-9]{4}", message):
        # Nothing that might be base64.
        assert made.quoted_by([message]) == set()


def test_many_short_values() -> None:
    """B8: forty thousand short values and a thousand sentences are looked up, not searched for."""
    many = values(*(f"{number:05x}" for number in range(40_000)))
    messages = [f"Invalid value: !{number}: must be valid" for number in range(1_000)]
    steps = Budget(1)
    assert many.quoted_by([*messages, "got 00abc"], steps) == {"got 00abc"}


def spent() -> Budget:
    """A budget whose time is over at its second look at the clock."""
    times = iter([0.0, *[9.0] * 99])
    return Budget(1, seconds=1, clock=lambda: next(times))


def test_what_it_may_cost() -> None:
    """B8: marking, searching and quoting end when the time is over; a message is then hidden."""
    many = [f"value-{number}" for number in range(10_000)]
    with pytest.raises(BudgetExceededError):
        SecretValues().add(many, spent())
    made = values(*many)
    texts = ["value- " * 2000, *(f"text {number}" for number in range(3000))]
    with pytest.raises(BudgetExceededError):
        made.held_by(texts, spent())
    budget = spent()
    assert values("value-1").quoted_by(texts, budget) == set(texts)
    assert budget.reason == "time"


@pytest.mark.parametrize("place", [0, 16 * 1024 - 3, 40_000])
def test_one_of_many(place: int) -> None:
    """A14: of many values those that a long text holds are found, wherever they stand."""
    made = values(*(f"{number:05}-secret" for number in range(1_000)))
    text = "x" * place + "00123-secret" + "y" * 20_000
    assert made.held_by([text, "00321-secret"]) != []
    assert set(made.held_by([text, "00321-secret"])) == {"00123-secret", "00321-secret"}


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
    text = "secret " * (SEARCH_LIMIT // 30_000)
    with pytest.raises(SerializationError):
        many.held_by([text])
    assert many.quoted_by([text]) == {text}


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
