"""Whether recordings can be begun: what is reported, and the line of /readyz?verbose."""

from auditproxy.app.sessions.recordingstate import RecordingState


def test_changes_are_reported() -> None:
    """Each once; what is so at the start was warned of."""
    faults = ["full", "full", "", "", "gone", "full"]
    lines: list[str] = []
    state = RecordingState(lambda: faults.pop(0), lines.append)
    assert state.describe() == ("session recordings: none can be begun: full",)
    seen = []
    while faults:
        state.check()
        seen.append((state.describe()[0].removeprefix("session recordings: "), tuple(lines)))
        lines.clear()
    assert seen == [
        ("none can be begun: full", ()),
        ("can be begun", ("sessions can be recorded again",)),
        ("can be begun", ()),
        ("none can be begun: gone", ("sessions cannot be recorded: gone",)),
        ("none can be begun: full", ("sessions cannot be recorded: full",)),
    ]


def test_what_a_session_found() -> None:
    """Counts at once, until the next one or the next look."""
    lines: list[str] = []
    state = RecordingState(lambda: "", lines.append)
    for fault in ("read-only", "read-only", ""):
        state.found(fault)
    state.found("full")
    state.check()
    assert lines == [
        "sessions cannot be recorded: read-only",
        "sessions can be recorded again",
        "sessions cannot be recorded: full",
        "sessions can be recorded again",
    ]
    assert state.describe() == ("session recordings: can be begun",)
