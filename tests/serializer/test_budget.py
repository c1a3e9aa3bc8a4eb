"""What reading one body may cost."""

import json

import pytest

from auditproxy.audit.objects import BUILTIN_TYPES
from auditproxy.serializer import cbor
from auditproxy.serializer.budget import CHECKED, Budget, BudgetExceededError
from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.protobuf import envelope as protobuf
from auditproxy.serializer.yaml import TAG_DIRECTIVES_LIMIT, json_of, load_strict, to_json
from tests.fakes.cpu import fastest
from tests.fakes.wire import block, envelope


def test_nodes() -> None:
    """B1: all that there are, and not one more."""
    budget = Budget(3)
    budget.spend(3)
    assert budget.reason == ""
    with pytest.raises(BudgetExceededError, match="more than 3 values"):
        budget.spend(1)
    assert budget.reason == "nodes"


def test_time() -> None:
    """B1: counted from the first look at the clock, which comes every so many nodes."""
    now = [100.0]
    budget = Budget(10 * CHECKED, seconds=2, clock=lambda: now[0])
    budget.spend(CHECKED)
    now[0] += 1.9
    budget.spend(CHECKED)
    now[0] += 0.2
    budget.spend(CHECKED - 1)
    with pytest.raises(BudgetExceededError, match="takes more than 2 s"):
        budget.spend(1)
    assert budget.reason == "time"


def test_nobody_waits_any_more() -> None:
    """B1: at a stop the next look ends it."""
    stopping = False
    budget = Budget(10 * CHECKED, stopped=lambda: stopping)
    budget.spend(CHECKED)
    stopping = True
    with pytest.raises(BudgetExceededError, match="stopping"):
        budget.spend(CHECKED)
    assert budget.reason == "shutdown"


def test_yaml_counts_values_and_what_aliases_stand_for() -> None:
    """B1: each value is a node, and aliases cost what they unfold to."""
    assert to_json(b"[" + b"1," * 98 + b"1]", Budget(100)) == b"[" + b"1," * 98 + b"1]"
    with pytest.raises(BudgetExceededError):
        to_json(b"[" + b"1," * 100 + b"1]", Budget(100))
    unfolding = b"[&a [" + b"1," * 50 + b"1]," + b"*a," * 20 + b"]"
    assert len(json.loads(to_json(unfolding, Budget(1000)))) == 21
    with pytest.raises(BudgetExceededError):
        to_json(unfolding, Budget(300))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_yaml_directives(encoding: str) -> None:
    """B1: libyaml compares each %TAG with all before it, at once and with nobody let in between."""
    few = "".join(f"%TAG !{n}! x\n" for n in range(TAG_DIRECTIVES_LIMIT)) + "--- 1"
    assert to_json(few.encode(encoding)) == b"1"
    many = "".join(f"%TAG !{n}! x\n" for n in range(50_000)) + "--- 1"
    with pytest.raises(YAMLError, match="too many directives"):
        to_json(many.encode(encoding))
    text = "".join(f"- '%TAG !{n}! x'\n" for n in range(1000))
    assert len(json.loads(to_json(text.encode(encoding)))) == 1000


@pytest.mark.parametrize("item", [b"\x01", b"\x41x", b"\x61x", b"\xf6", b"\x80", b"\xd6\x41x"])
def test_cbor_counts_items(item: bytes) -> None:
    """B1: a body of more items than the budget is not given to the library, which cannot stop."""
    array = b"\x9f" + item * 900 + b"\xff"
    assert len(json.loads(cbor.to_json(array, Budget(8000)))) == 900
    with pytest.raises(BudgetExceededError):
        cbor.to_json(array, Budget(3000))


def test_cbor_of_few_large_items() -> None:
    """B1: bytes are no items."""
    body = b"\x82\x59\x08\x00" + b"x" * 2048 + b"\x79\x08\x00" + b"y" * 2048
    assert len(cbor.to_json(body, Budget(12))) > 4096


def ended() -> Budget:
    """A budget whose time is over at its second look at the clock."""
    now = iter(range(0, 1_000_000, 10))
    return Budget(0, seconds=1, clock=lambda: next(now))


def schema(raw: bytes) -> bytes:
    """A CustomResourceDefinition with this schema."""
    definition = block(2, block(7, block(4, block(1, raw))))
    return envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition)


@pytest.mark.parametrize(
    "raw",
    [
        envelope("v1", "Pod", block(1, block(1, b"a")) + b"\x98\x06\x01" * 20_000),
        envelope("v1", "PodList", block(2, b"") * 5000),
        envelope("v1", "ConfigMap", block(2, block(1, b"k") + block(2, b"v")) * 5000),
        envelope("v1", "Pod", b"") + block(1, block(7, b"x") * 5000),
        envelope("v1", "Pod", block(2, block(14, block(4, b"\x01" * 5000)))),
        envelope("v1", "ConfigMap", block(2, block(1, b"k") * 5000)),
        envelope("v1", "ConfigMap", block(1, block(8, b"\x18\x01" * 5000))),
        envelope("v1", "Pod", b"\x9b\x06" + b"\x08\x01" * 5000 + b"\x9c\x06"),
        schema(block(32, block(2, block(2, b"x") * 5000))),
        schema(block(30, b"\x18\x01" * 5000)),
        envelope("v1", "APIResourceList", block(2, block(4, block(1, b"x") * 5000))),
    ],
    ids=[
        "unknown fields",
        "messages",
        "map entries",
        "envelope",
        "packed numbers",
        "one map entry",
        "one time",
        "one group",
        "strings or a schema",
        "unknown fields beside a schema",
        "one list of strings",
    ],
)
def test_protobuf_looks_at_the_clock(raw: bytes) -> None:
    """B1: in a message of countless fields as well as between messages."""
    budget = ended()
    with pytest.raises(BudgetExceededError):
        BUILTIN_TYPES.decode_object(protobuf.envelope(raw, budget), budget=budget)


def test_protobuf_metadata_looks_at_the_clock() -> None:
    """B1: so does what reads only metadata, and DeleteOptions."""
    raw = b"\x98\x06\x01" * 20_000
    with pytest.raises(BudgetExceededError):
        protobuf.object_meta(raw, ended())
    with pytest.raises(BudgetExceededError):
        protobuf.delete_options(raw, ended())
    for status in (raw, block(1, raw), block(5, raw), block(5, block(4, raw))):
        with pytest.raises(BudgetExceededError):
            protobuf.status(status, ended())


def test_yaml_made_ready_once() -> None:
    """B1: what aliases stand for costs its own values, and many values look at the clock."""
    levels = "a: &a [" + ",".join(["[]"] * 30) + "]\n"
    for name, before in ("ba", "cb", "dc"):
        levels += f"{name}: &{name} [{','.join(['*' + before] * 30)}]\n"
    plain = "a: [" + ",".join(["[]"] * 30) + "]\n"
    for name in "bcd":
        plain += f"{name}: [{','.join(['[]'] * 30)}]\n"

    few, many = (load_strict(text)[0] for text in (plain, levels))
    assert len(to_json(levels.encode())) > 1_000_000
    # 837,930 lists more, written in C; making each ready would take ten thousand times as long.
    assert fastest(lambda: json_of(many)) < 1000 * fastest(lambda: json_of(few))
    with pytest.raises(BudgetExceededError):
        json_of(
            [[]] * CHECKED * 4 + [[[]] * CHECKED] * 4 + [[[]] for _ in range(CHECKED * 4)], ended()
        )


def test_yaml_text() -> None:
    """B8: a value is read in one piece, so the whole text is bounded."""
    assert to_json(b"a: " + b"x" * 100, Budget(9, text=200))
    with pytest.raises(BudgetExceededError, match="more than 200 bytes of YAML"):
        to_json(b"a: " + b"x" * 200, Budget(9, text=200))


def test_ticks() -> None:
    """Steps take time and no nodes."""
    now = [0.0]
    budget = Budget(0, seconds=1, clock=lambda: now[0])
    budget.tick(CHECKED)
    now[0] = 2.0
    budget.tick(CHECKED - 1)
    with pytest.raises(BudgetExceededError, match="takes more than 1 s"):
        budget.tick()
    assert budget.nodes == 0


def test_yaml_counts_what_merges_copy() -> None:
    """B1: an entry that ``<<`` copies costs as much as one that is read, before it is copied."""
    lines = ["m0: &m0 {k0: 1}"]
    lines += [f"m{n}: &m{n} {{<<: *m{n - 1}, k{n}: 1}}" for n in range(1, 100)]
    aliased = "\n".join(lines).encode()
    keys = ", ".join(f"k{n}: 1" for n in range(400))
    nested = ("{<<: " * 100 + f"{{{keys}}}" + "}" * 100).encode()
    for text, values, copies in ((aliased, 700, 4950), (nested, 1000, 40_000)):
        assert to_json(text, Budget(1 << 20))
        assert to_json(text, Budget(values + 5 * copies))
        with pytest.raises(BudgetExceededError, match="values to read"):
            to_json(text, Budget(copies))


def test_skimming_what_was_too_much() -> None:
    """A body that is too much to read is skimmed in the time that is left, whatever it holds."""
    now = [0.0]
    budget = Budget(CHECKED, text=10, seconds=1, clock=lambda: now[0])
    budget.spend(CHECKED)
    now[0] = 0.5
    with pytest.raises(BudgetExceededError):
        budget.spend(1)
    skimming = budget.to_skim()
    assert skimming.text == 20
    skimming.spend(1_000_000)
    now[0] = 0.9
    skimming.spend(CHECKED)
    now[0] = 1.1
    with pytest.raises(BudgetExceededError, match="takes more than 1 s"):
        skimming.spend(CHECKED)
    with pytest.raises(BudgetExceededError):
        budget.to_skim().spend(CHECKED)
    assert Budget(1).to_skim().text > 1 << 30


def test_skimming_when_the_time_is_over() -> None:
    """A quarter of a body's time is left for skimming at least: it takes no more of it."""
    now = [0.0]
    budget = Budget(0, seconds=1, clock=lambda: now[0])
    budget.tick(CHECKED)
    now[0] = 1.5
    with pytest.raises(BudgetExceededError):
        budget.tick(CHECKED)
    skimming = budget.to_skim()
    now[0] = 1.7
    skimming.spend(CHECKED)
    now[0] = 1.8
    with pytest.raises(BudgetExceededError):
        skimming.spend(CHECKED)


def test_skimming_what_was_not_begun() -> None:
    """Where reading did not begin, skimming has all of the time."""
    now = [9.0]
    budget = Budget(0, seconds=1, clock=lambda: now[0])
    skimming = budget.to_skim()
    skimming.spend(CHECKED)
    now[0] = 9.9
    skimming.spend(CHECKED)
    now[0] = 10.1
    with pytest.raises(BudgetExceededError):
        skimming.spend(CHECKED)
    assert (budget.reason, skimming.reason) == ("time", "time")
