"""Places of findings."""

from auditproxy.audit.chain.findings import ChainFinding, LinePlace


def test_places_are_in_the_order_of_reading() -> None:
    """By file, as the files were read, then by line; shown as editors read it."""
    places = [LinePlace(1, "a", 1), LinePlace(0, "b", 10), LinePlace(0, "b", 9)]
    assert [str(place) for place in sorted(places)] == ["b:9", "b:10", "a:1"]
    assert ChainFinding(places[0], "added", "x") == ChainFinding(LinePlace(1, "a", 1), "added", "x")
