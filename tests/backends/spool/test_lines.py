"""A LineSpool's losses; the whole is in the tests of the session log's and of alerts' spools."""

from auditproxy.backends.spool.lines import LineCounts, LineLosses


def test_losses() -> None:
    """Each is counted with its reason; a cause is said once until lines are delivered again."""
    said: list[str] = []
    written: list[int] = []
    dropped: list[tuple[int, str]] = []
    losses = LineLosses(
        LineCounts(
            "--flag", "lines", written.append, lambda count, why: dropped.append((count, why))
        ),
        said.append,
    )
    losses.failing("unreachable")
    assert losses.fault == "unreachable"
    for count in (2, 3):
        losses.lost(count, plugin="spool", reason="spool-full", text="it is full")
    assert losses.lines == 5
    losses.delivered(0)
    assert said == ["--flag: lines are lost: it is full"]
    losses.delivered(7)
    assert said[1:] == ["--flag: 5 lines were lost"]
    assert (losses.fault, losses.lines) == ("", 0)
    losses.lost(1, plugin="spool", reason="spool-full", text="it is full")
    assert said[2:] == ["--flag: lines are lost: it is full"]
    assert (written, dropped) == ([0, 7], [(2, "spool-full"), (3, "spool-full"), (1, "spool-full")])
