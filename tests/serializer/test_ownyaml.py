"""Files of ours: their keys are text."""

import pytest

from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.ownyaml import load_own
from auditproxy.serializer.yaml import load_strict


@pytest.mark.parametrize(
    ("text", "value", "faults"),
    [
        ("{a: 1, 'n': 2, \"1\": 3}", {"a": 1, "n": 2, "1": 3}, ()),
        ("", None, ()),
        (
            "a:\n- n: 2\n",
            {"a": [{"false": 2}]},
            ('line 2: the key n is false in YAML, and not text; write "n"',),
        ),
        (
            "Yes: 1\n1: 2\n1.50: 3\n",
            {"true": 1, "1": 2, "1.5": 3},
            (
                'line 1: the key Yes is true in YAML, and not text; write "Yes"',
                'line 2: the key 1 is 1 in YAML, and not text; write "1"',
                'line 3: the key 1.50 is 1.5 in YAML, and not text; write "1.50"',
            ),
        ),
        (
            "a: &b 7\nc: {*b : 1}\n",
            {"a": 7, "c": {"7": 1}},
            ('line 2: the key 7 is 7 in YAML, and not text; write "7"',),
        ),
    ],
)
def test_keys(text: str, value: object, faults: tuple[str, ...]) -> None:
    """One that is not text is a fault, with what to write instead; values are those of Kubernetes."""
    assert load_own(text) == (value, faults)
    assert load_strict(text)[0] == value


def test_doubled_keys() -> None:
    """They are refused as ever."""
    value, faults = load_own("{a: 1, a: 2}")
    assert value == {"a": 2}
    assert len(faults) == 1
    assert faults == load_strict("{a: 1, a: 2}")[1]


def test_no_yaml() -> None:
    """The error is that of reading."""
    with pytest.raises(YAMLError):
        load_own("{")
