"""Tallies: groups put together, and times as texts."""

from auditproxy.reading.reports.tallies import RequestTally, Tallies, moment_text, text_of


def test_more_groups_than_are_kept() -> None:
    """What belongs to further ones is counted together."""
    tallies = Tallies(2)
    for name in "abcab":
        tallies.add(("days", name), RequestTally(requests=1))
    assert {key[1]: one.requests for key, one in tallies.groups.items()} == {"a": 2, "b": 2}
    assert tallies.others.requests == 1


def test_times() -> None:
    """All in one form, which sorts as the times do."""
    assert moment_text("2026-11-23T10:00:00.123456Z") == "2026-11-23T10:00:00.123456Z"
    assert moment_text("2026-11-23T10:00:00Z") == "2026-11-23T10:00:00.000000Z"
    assert moment_text("2026-11-23T11:00:00.5+01:00") == "2026-11-23T10:00:00.500000Z"
    assert moment_text("soon") == ""
    assert text_of(1_500_000) == "1970-01-01T00:00:00.001500Z"
