"""The table of types: the built-in one is sound, faults of others are told all at once."""

import json

import pytest

from auditproxy.serializer.protobuf import table as wiretable
from auditproxy.serializer.protobuf.table import Field, WireTable, WireTableError

OBJECT_META = "apimachinery/pkg/apis/meta/v1.ObjectMeta"


def test_builtin() -> None:
    """The built-in table passes its own checks, is read once, and its file is its own dump."""
    table = wiretable.builtin()
    assert table is wiretable.builtin()
    assert table.release == "1.36"
    assert len(table.kinds) > 330
    assert wiretable.parse(wiretable.dump(table)) == table


def test_merged() -> None:
    """A later table replaces kinds and messages, and adds to them."""
    foo = WireTable(
        {"example.com/v1/Foo": "foo.Foo"},
        {"foo.Foo": (Field(0, "@typemeta"), Field(1, "metadata", "m", "o", OBJECT_META))},
    )
    both = wiretable.merged((foo,))
    assert both.kinds["v1/Pod"] == wiretable.builtin().kinds["v1/Pod"]
    assert both.types["foo.Foo"] == foo.types["foo.Foo"]
    assert wiretable.merged(()) is wiretable.builtin()
    assert wiretable.parse(wiretable.dump(foo)) == foo


@pytest.mark.parametrize(
    ("table", "faults"),
    [
        ({"kinds": {"example.com/v1/Foo": "nothing"}, "types": {}}, ["no message 'nothing'"]),
        ({"kinds": {"Foo": OBJECT_META}, "types": {}}, ["'Foo' is not group/version/Kind"]),
        (
            {
                "kinds": {},
                "types": {
                    "a": [
                        [0, "zero", "s"],
                        [1, "one", "s"],
                        [1, "again", "s"],
                        [2, "kind", "what"],
                        [3, "flags", "s", "q"],
                        [4, "both", "s", "rm"],
                        [5, "gone", "m", "", "b"],
                        [6, "flat", "s", "i"],
                        [7, "", "s"],
                        [8, "@typemeta"],
                    ]
                },
            },
            [
                "0 is not a field number",
                "the number 1 is taken",
                "unknown kind of value 'what'",
                "unknown flags 'q'",
                "p, r and m exclude one another",
                "no message 'b'",
                "only one message can be inlined",
                "has no name",
                "must be the first field",
            ],
        ),
        ({"kinds": {}, "types": {"a": [[1, "b", "m", "", "a"]]}}, ["contains itself"]),
        (
            {"kinds": {}, "types": {"a": [[1, "b", "m", "", "b"]], "b": [[1, "a", "m", "o", "a"]]}},
            ["contains itself"],
        ),
        ({"kinds": {}, "types": {"a": [[1, "b", "s", "p", "", "{"]]}}, ["the default is not JSON"]),
        ({"types": {}}, ["not a table of types"]),
        ([], ["not a table of types"]),
    ],
)
def test_faults(table: object, faults: list[str]) -> None:
    """Every fault is told, with its place."""
    with pytest.raises(WireTableError) as raised:
        wiretable.parse(json.dumps(table).encode())
    for fault in faults:
        assert any(fault in told for told in raised.value.faults), raised.value.faults


def test_a_message_may_point_to_itself() -> None:
    """Lists, maps and pointers end where the body ends."""
    table = {"kinds": {}, "types": {"a": [[1, "b", "m", "op", "a"], [2, "c", "m", "or", "a"]]}}
    assert wiretable.parse(json.dumps(table).encode()).types["a"][0].message == "a"
