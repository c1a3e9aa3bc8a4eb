"""Incidents: whose room an alert takes, and what stands for those without."""

from auditproxy.alerts.incidents import (
    MAXIMUM_INCIDENTS,
    MAXIMUM_OF_OWNER,
    OTHERS,
    Incident,
    Incidents,
    Owner,
)
from tests.fakes.alertrules import alert


def add(incidents: Incidents, key: tuple[str, ...], owner: Owner) -> tuple[str, ...]:
    """Begin an incident for an event with these labels, which lasts till 10; returns its key."""
    key, taken = incidents.place(key, owner)
    if incidents.get(key) is None:
        incidents.begin(key, Incident(alert(), 0, 10, taken))
    return key


def test_one_user_does_not_take_the_room_of_others() -> None:
    """Beyond their own, the labels that a user chooses are one; another has those they need."""
    incidents = Incidents(("user", "name"))
    for number in range(MAXIMUM_OF_OWNER):
        key = ("mallory", str(number))
        assert add(incidents, key, ("mallory", "")) == key
    assert add(incidents, ("mallory", "x"), ("mallory", "")) == ("mallory", OTHERS)
    assert add(incidents, ("mallory", "0"), ("mallory", "")) == ("mallory", "0")
    assert add(incidents, ("alice", "x"), ("alice", "")) == ("alice", "x")
    assert len(incidents) == MAXIMUM_OF_OWNER + 2


def test_addresses_of_anonymous_users() -> None:
    """They are owners; of authenticated users an address stands for nobody."""
    incidents = Incidents(("peerIP", "verb"))
    for number in range(MAXIMUM_OF_OWNER):
        add(incidents, ("192.0.2.1", str(number)), ("system:anonymous", "192.0.2.1"))
        add(incidents, (f"198.51.100.{number}", "get"), ("mallory", ""))
    anonymous = ("system:anonymous", "192.0.2.1")
    assert add(incidents, ("192.0.2.1", "x"), anonymous) == ("192.0.2.1", OTHERS)
    assert add(incidents, ("198.51.100.255", "get"), ("mallory", "")) == (OTHERS, OTHERS)
    other = ("system:anonymous", "192.0.2.2")
    assert add(incidents, ("192.0.2.2", "x"), other) == ("192.0.2.2", "x")


def test_bounded() -> None:
    """Very many owners have one each, and then one together."""
    incidents = Incidents(("user", "name"))
    for number in range(MAXIMUM_INCIDENTS):
        add(incidents, (f"u{number}", "x"), (f"u{number}", ""))
    for number in range(MAXIMUM_INCIDENTS):
        key = add(incidents, (f"v{number}", "x"), (f"v{number}", ""))
        assert key == (f"v{number}", OTHERS)
    for number in range(50):
        assert add(incidents, (f"w{number}", "x"), (f"w{number}", "")) == (OTHERS, OTHERS)
    assert len(incidents) == 2 * MAXIMUM_INCIDENTS + 1


def test_what_ended_gives_its_room_back() -> None:
    """To its owner, and to all."""
    incidents = Incidents(("user", "name"))
    for number in range(MAXIMUM_OF_OWNER + 1):
        add(incidents, ("mallory", str(number)), ("mallory", ""))
    assert incidents.ended(9) == []
    assert len(incidents.ended(10)) == MAXIMUM_OF_OWNER + 1
    assert list(incidents) == []
    assert add(incidents, ("mallory", "x"), ("mallory", "")) == ("mallory", "x")
