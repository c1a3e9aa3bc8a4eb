"""Times as kube-apiserver writes them, whatever they were sent as."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.spelling import Speller, unusual
from auditproxy.serializer.times import micro_time, rfc3339
from auditproxy.serializer.wiretable import Field, WireTable, builtin

SPELLER = Speller()


def respelled(obj: dict[str, Any], speller: Speller = SPELLER) -> dict[str, Any]:
    """The object after respelling."""
    raw = json.dumps(obj).encode()
    members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    before = dict(members)
    changed = speller.respell(str(obj.get("apiVersion")), str(obj.get("kind")), members)
    found: dict[str, Any] = json.loads(msgspec.json.encode(members))
    assert changed == (members != before)
    if changed:
        assert unusual(raw)
    return found


def pod(**metadata: Any) -> dict[str, Any]:
    """A Pod with this metadata."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-11-27T20:22:14Z", "2026-11-27T20:22:14Z"),
        ("2026-11-27T20:22:14+00:00", "2026-11-27T20:22:14Z"),
        ("2026-11-27T20:22:14.000Z", "2026-11-27T20:22:14Z"),
        ("2026-11-27T20:22:14.999999Z", "2026-11-27T20:22:14Z"),
        ("2026-11-27T20:22:14.123456789+02:00", "2026-11-27T18:22:14Z"),
        ("2026-01-01T00:30:00-05:30", "2026-01-01T06:00:00Z"),
        ("0001-01-01T00:00:00Z", None),
        # No times: the server refuses them.
        ("yesterday", "yesterday"),
        ("2026-11-27", "2026-11-27"),
        ("2026-02-30T00:00:00.5Z", "2026-02-30T00:00:00.5Z"),
        ("9999-12-31T23:59:59.5-10:00", "9999-12-31T23:59:59.5-10:00"),
        (5, 5),
        (None, None),
    ],
)
def test_time(sent: Any, written: Any) -> None:
    """metav1.Time: UTC, to the second; the zero time is null."""
    assert respelled(pod(deletionTimestamp=sent))["metadata"] == {"deletionTimestamp": written}


def test_micro_time() -> None:
    """metav1.MicroTime: six digits."""
    spec = {
        "renewTime": "2026-11-27T22:22:14.123456+02:00",
        "acquireTime": "2026-11-27T20:22:14.000001Z",
    }
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
    assert respelled(lease)["spec"] == {
        "renewTime": "2026-11-27T20:22:14.123456Z",
        "acquireTime": "2026-11-27T20:22:14.000001Z",
    }


def test_zero_time_that_is_left_out() -> None:
    """A member that Go omits when it is zero is not there."""
    assert respelled(pod(creationTimestamp="0001-01-01T00:00:00Z", name="a"))["metadata"] == {
        "name": "a"
    }


def test_lists_and_inner_messages() -> None:
    """Each time in lists and at any depth; texts that only look like times stay."""
    moment, written = "2026-11-27T20:22:14+00:00", "2026-11-27T20:22:14Z"
    obj = pod(
        managedFields=[{"time": moment, "manager": "a"}, {"time": written}, {"time": moment}],
        annotations={"restartedAt": moment},
    )
    obj["status"] = {"containerStatuses": [{"state": {"running": {"startedAt": moment}}}]}
    found = respelled(obj)
    assert [entry["time"] for entry in found["metadata"]["managedFields"]] == [written] * 3
    assert found["metadata"]["annotations"] == {"restartedAt": moment}
    assert found["status"]["containerStatuses"][0]["state"]["running"] == {"startedAt": written}


def test_other_kinds() -> None:
    """Of a kind that is not known, the metadata alone."""
    moment = "2026-11-27T20:22:14.5Z"
    obj = {
        "apiVersion": "d.example.com/v1",
        "kind": "Widget",
        "metadata": {"creationTimestamp": moment},
        "spec": {"creationTimestamp": moment},
    }
    assert respelled(obj) == {
        **obj,
        "metadata": {"creationTimestamp": "2026-11-27T20:22:14Z"},
    }


@pytest.mark.parametrize(
    "metadata",
    [None, [], "x", {"managedFields": {}}, {"managedFields": [1, None, "2026-11-27T20:22:14.5Z"]}],
)
def test_other_shapes(metadata: Any) -> None:
    """What has not the type that it should have stays as it is."""
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    assert respelled(obj) == obj


def test_spelling_of_all_else_is_kept() -> None:
    """Numbers, escapes and the order of members are not touched."""
    raw = (
        b'{"apiVersion":"v1","kind":"Pod","z":1.0,"metadata":{"uid":"\\u0041","generation":1e2,'
        b'"deletionTimestamp":"2026-11-27T20:22:14.5Z","name":"a"}}'
    )
    members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    SPELLER.respell("v1", "Pod", members)
    assert msgspec.json.encode(members) == raw.replace(b".5Z", b"Z")


def test_inlined_messages_and_maps() -> None:
    """A table's own messages: inlined, in maps, and those that hold themselves."""
    table = WireTable(
        kinds={"v1/A": "a"},
        types={
            "a": (
                Field(1, "", "m", "i", "b"),
                Field(2, "named", "m", "m", "b"),
                Field(3, "times", "time", "m"),
            ),
            "b": (Field(1, "at", "time"), Field(2, "more", "m", "p", "b"), Field(3, "text", "s")),
        },
    )
    moment, written = "2026-11-27T20:22:14+00:00", "2026-11-27T20:22:14Z"
    inner = {"at": moment, "more": {"at": moment, "text": moment}}
    obj = {"apiVersion": "v1", "kind": "A", **inner, "named": {"x": inner}, "times": {"t": moment}}
    wanted = {"at": written, "more": {"at": written, "text": moment}}
    assert respelled(obj, Speller(table)) == {
        "apiVersion": "v1",
        "kind": "A",
        **wanted,
        "named": {"x": wanted},
        "times": {"t": written},
    }


@given(st.integers(-62135596800, 253402300799), st.integers(0, 999999))
def test_what_the_server_writes_stays(seconds: int, micros: int) -> None:
    """Writing again changes nothing, and such texts cost no second look."""
    moment = seconds * 10**9 + micros * 1000
    times = {"deletionTimestamp": rfc3339(moment)}
    if times["deletionTimestamp"] != "0001-01-01T00:00:00Z":
        assert respelled(pod(**times)) == pod(**times)
        assert not unusual(json.dumps(times).encode())
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "spec": {"renewTime": micro_time(moment)},
    }
    if seconds != -62135596800:
        assert respelled(lease) == lease


@given(st.recursive(st.none() | st.text() | st.integers() | st.datetimes().map(str), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["metadata", "spec", "status", "managedFields", "time", "conditions"]), inner)))  # fmt: skip
def test_any_object(value: Any) -> None:
    """No shape makes it fail."""
    for kind in ("Pod", "Event", "Nothing"):
        obj = {"apiVersion": "v1", "kind": kind, "metadata": value, "status": value}
        assert respelled(obj).keys() >= {"apiVersion", "kind"}


def test_the_built_in_table_has_times() -> None:
    """The kinds whose times clients send back are known by the table."""
    types = builtin().types
    times = [name for name, rows in types.items() if any(row.kind == "time" for row in rows)]
    assert len(times) > 20
