"""``report activity``: days, writes and new addresses."""

from typing import Any

from tests.fakes.trails import event
from tests.reading.reports.made import sections


def test_activity() -> None:
    """Days, writes that were no dry runs, and addresses that came later."""

    def at(day: int, **more: Any) -> dict[str, Any]:
        made = event(**more)
        return made | {"requestReceivedTimestamp": f"2026-11-{day:02d}T10:00:00.000000Z"}

    found = sections(
        "activity",
        at(1, verb="get"),
        at(1, verb="delete"),
        at(1, verb="delete", query="dryRun=All"),
        at(1, verb="delete", requestObject={"dryRun": ["All"]}),
        at(3, verb="list", sourceIPs=["192.0.2.7", "198.51.100.9"]),
        at(3, user="bob", verb="list", sourceIPs=["198.51.100.9"]),
    )
    assert [
        (row["who"], row["days"], row["addresses"], row["requests"]) for row in found["users"].rows
    ] == [("alice", 2, 2, 5), ("bob", 1, 1, 1)]
    assert [(row["who"], row["address"]) for row in found["newAddresses"].rows] == [
        ("alice", "198.51.100.9")
    ]
    assert [(row["who"], row["day"], row["writes"]) for row in found["days"].rows] == [
        ("alice", "2026-11-01", 1),
        ("alice", "2026-11-03", 0),
        ("bob", "2026-11-03", 0),
    ]
