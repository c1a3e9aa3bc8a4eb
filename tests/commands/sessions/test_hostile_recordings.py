"""Recordings whose every value is chosen by somebody else: no command fails, no line steers a terminal."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditproxy.commands.sessions.listing import as_object, table
from auditproxy.commands.sessions.selecting import ChosenRecordings, Filters
from auditproxy.commands.sessions.showing import (
    command_objects,
    commands_of,
    show,
    show_object,
)
from auditproxy.recordings.reading import RecordingSummary
from auditproxy.sessions.castnotes import Note

TEXTS = st.one_of(st.text(max_size=6), st.sampled_from(["\x1b]52;c;aGk=\a", "\u202etxt", "a\nb"]))
NUMBERS = st.one_of(
    st.sampled_from([1e300, -1e15, 1e15, 2.0**37, 2**37 + 1, 2**63, -1, 0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(min_value=-(10**30), max_value=10**30),
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    TEXTS, NUMBERS, st.booleans(), st.lists(TEXTS, max_size=2)
)
TIMES = st.one_of(TEXTS, st.sampled_from(["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]))
SESSION = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            [
                "sessionID",
                "auditID",
                "kind",
                "record",
                "user",
                "impersonatedUser",
                "userAgent",
                "namespace",
                "pod",
                "container",
                "node",
            ],
            TEXTS,
        ),
        **dict.fromkeys(
            ("groups", "impersonatedGroups", "sourceIPs", "command"), st.lists(TEXTS, max_size=3)
        ),
        "started": TIMES,
        "tty": st.booleans(),
    },
)
HEADER = st.fixed_dictionaries(
    {"version": st.just(2)},
    optional={
        "timestamp": st.one_of(st.just(1_700_000_000), NUMBERS),
        "width": st.one_of(st.integers(), st.just(80)),
        "height": st.one_of(st.integers(), st.just(24)),
        "auditproxy": SESSION,
    },
)


def _value(kind: Any) -> st.SearchStrategy[Any]:
    """Mostly what a member may be."""
    fitting = {
        str: TEXTS,
        int: st.integers(min_value=-(2**66), max_value=2**66),
        float: NUMBERS,
        bool: st.booleans(),
    }.get(kind, VALUES)
    return st.one_of(fitting, fitting, fitting, VALUES)


def _note(kind: Any) -> st.SearchStrategy[dict[str, Any]]:
    members = {field.encode_name: _value(field.type) for field in msgspec.structs.fields(kind)}
    return st.fixed_dictionaries({"type": st.just(kind.__struct_config__.tag)}, optional=members)


NOTE = st.one_of(*map(_note, get_args(Note)))
TIME = st.one_of(st.floats(min_value=0, max_value=1e6), st.just(1.5), NUMBERS)
EVENT = st.one_of(
    st.tuples(TIME, st.just("a"), NOTE.map(json.dumps)),
    st.tuples(TIME, st.just("a"), NOTE.map(json.dumps)),
    st.tuples(TIME, st.sampled_from(["a", "o", "i", "m", "r", "b"]), TEXTS),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=HEADER, events=st.lists(EVENT, max_size=6))
def test_whatever_a_file_says(
    tmp_path: Path, header: dict[str, Any], events: list[tuple[Any, ...]]
) -> None:
    """It is listed and shown, or is one line for the operator."""
    path = tmp_path / "one.cast"
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *events)))
    reported: list[str] = []
    chosen = ChosenRecordings(path, Filters(), None, report=reported.append)
    found = [one for one in chosen if isinstance(one, RecordingSummary)]
    assert len(found) + len(reported) == 1
    texts = [*reported, *(line.rstrip("\n") for line in table(found))]
    for summary in found:
        texts += [line.rstrip("\n") for line in show(summary, None)]
        texts += [line.rstrip("\n") for line in commands_of(summary, None)]
        json.dumps([as_object(summary), show_object(summary, None)])
        json.dumps(list(command_objects(summary, None)))
    assert all(text.isprintable() for text in texts), texts
    assert all(len(text) < 1000 for text in texts), texts


@pytest.mark.parametrize("kind", get_args(Note), ids=lambda kind: kind.__name__)
def test_texts_of_notes(tmp_path: Path, kind: Any) -> None:
    """Every text of every note is shown and not obeyed, wherever it is a text of any kind."""
    texts = {
        field.encode_name: "\x1b]0;x\a\u202e"
        for field in msgspec.structs.fields(kind)
        if field.type in (str, str | None)
    }
    note = {"type": kind.__struct_config__.tag, **texts}
    path = tmp_path / "one.cast"
    path.write_text(
        "".join(f"{json.dumps(line)}\n" for line in ({"version": 2}, [1, "a", json.dumps(note)]))
    )
    (summary,) = ChosenRecordings(path, Filters(), None, report=print)
    assert isinstance(summary, RecordingSummary)
    lines = [*show(summary, None), *commands_of(summary, None), *table([summary])]
    assert all(line.rstrip("\n").isprintable() for line in lines), lines
