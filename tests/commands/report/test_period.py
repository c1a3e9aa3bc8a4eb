"""--since and --until as texts that times are compared as."""

from auditproxy.commands.report.period import period_of

NOW = 1_795_000_000_000_000_000


def test_texts() -> None:
    """In the form of tallies; a date as an end includes its day."""
    faults: list[str] = []
    found = period_of("2026-11-23", "2026-11-23", NOW, faults)
    assert found == ("2026-11-23T00:00:00.000000Z", "2026-11-24T00:00:00.000000Z")
    assert period_of("", "", NOW, faults) == ("", "")
    assert faults == []


def test_faults() -> None:
    """Each is named."""
    faults: list[str] = []
    period_of("soon", "later", NOW, faults)
    period_of("1h", "2h", NOW, faults)
    assert [fault.split()[0] for fault in faults] == ["--since", "--until", "--since=1h"]
