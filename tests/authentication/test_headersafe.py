"""Identities that header values can carry, and those that would turn into somebody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.headersafe import lower_ascii, wire_safe


@pytest.mark.parametrize(
    "text", ["alice ", " alice", "alice\t", "\talice", "a\tb", "a\r\nb", "a\0", "a\x7f", "a\x01"]
)
def test_values_that_change(text: str) -> None:
    """T035, T036: white space at an end and control characters are refused in every part."""
    for user in (
        UserInfo(username=text),
        UserInfo(username="alice", uid=text),
        UserInfo(username="alice", groups=("dev", text)),
        UserInfo(username="alice", extra={"key": ("value", text)}),
    ):
        fault = wire_safe(user)
        assert fault is not None
        assert text not in fault


def test_lone_surrogates() -> None:
    """T036: text that no UTF-8 can say is refused, in keys too."""
    assert wire_safe(UserInfo(username="\ud800"))
    assert wire_safe(UserInfo(username="a", groups=("\udc80",)))
    assert wire_safe(UserInfo(username="a", extra={"\udcff": ("b",)}))


@pytest.mark.parametrize("name", ["Ä", "é", "\u202ebob", "a b", "x" * 1000, "\u00a0", "\u0085x"])
def test_values_that_stay(name: str) -> None:
    """T037: text in any language is carried as it is."""
    assert (
        wire_safe(UserInfo(username=name, uid=name, groups=(name,), extra={name: (name,)})) is None
    )


def test_empty_parts() -> None:
    """An empty group or value is carried, an empty username is refused: it would be ourselves."""
    assert wire_safe(UserInfo(username="a", groups=("",), extra={"": ("",)})) is None
    assert wire_safe(UserInfo(groups=("dev",))) == "the username is empty"


def test_extra_keys_collide() -> None:
    """T039: keys that header names cannot tell apart are refused."""
    assert wire_safe(UserInfo(username="a", extra={"Foo": ("1",), "foo": ("2",)}))
    assert wire_safe(UserInfo(username="a", extra={"Foo": ("1",)})) is None
    assert wire_safe(UserInfo(username="a", extra={"Ä": ("1",), "ä": ("2",)})) is None


@given(st.text(min_size=1))
def test_carried_means_unchanged(name: str) -> None:
    """What is called safe survives the trimming that every HTTP reader does."""
    if wire_safe(UserInfo(username=name)) is None:
        raw = name.encode("utf-8")
        assert raw.strip(b" \t").decode("utf-8") == name
        assert not any(byte < 0x20 or byte == 0x7F for byte in raw)


@given(st.text())
def test_lower_ascii(text: str) -> None:
    """Only A to Z are lowered."""
    lowered = lower_ascii(text)
    assert lowered.encode("utf-8", "surrogatepass") == text.encode("utf-8", "surrogatepass").lower()
