"""A queue that one owner cannot take from the others."""

from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.notifiers.shares import MOST_OWNERS, EventShares, Waiting, owner_of
from tests.fakes.alertrules import audit_event, session_event


def of(user: str, **members: object) -> Event:
    """An event of a user."""
    return audit_event(user={"username": user}, **members)


def users(found: list[Waiting]) -> list[str]:
    """Whose they are."""
    return [event.user.username for event in found]


def rest(shares: EventShares) -> list[str]:
    """Whose are those that wait, in their order."""
    return users([shares.take() for _ in range(len(shares))])


def test_owners() -> None:
    """Users by their names; those without by their addresses, of which they choose none."""
    assert owner_of(of("alice")) == owner_of(session_event()) == "alice"
    one = of("system:anonymous", sourceIPs=["10.0.0.1", "192.0.2.1"])
    same = of("system:anonymous", sourceIPs=["10.9.9.9", "192.0.2.1"])
    other = of("system:anonymous", sourceIPs=["10.0.0.1", "192.0.2.2"])
    assert owner_of(one) == owner_of(same) != owner_of(other)
    assert owner_of(of("system:anonymous", sourceIPs=[])) == "system:anonymous at "


def test_turns() -> None:
    """Each has one; the events of one are in their order."""
    shares = EventShares(10, 1_000)
    for user, path in (("a", "/1"), ("a", "/2"), ("a", "/3"), ("b", "/4")):
        assert shares.put(of(user, requestURI=path), 1) == []
    found = [shares.take() for _ in range(4)]
    uris = [event.request_uri for event in found if not isinstance(event, SessionEvent)]
    assert uris == ["/1", "/4", "/2", "/3"]
    assert len(shares) == 0


def test_a_flood_drops_its_own() -> None:
    """And makes room for who has less."""
    shares = EventShares(10, 1_000)
    dropped = [one for _ in range(100) for one in shares.put(of("flood"), 1)]
    assert users(dropped) == ["flood"] * 90
    assert users(shares.put(of("quiet"), 1)) == ["flood"]
    assert users(shares.put(of("other"), 1)) == ["flood"]
    assert users(shares.put(of("flood"), 1)) == ["flood"]
    assert rest(shares) == ["flood", "quiet", "other", *["flood"] * 7]


def test_bytes_have_shares_too() -> None:
    """Few large events are no less than many small ones."""
    shares = EventShares(1_000, 100)
    assert shares.put(of("large"), 40) == []
    assert shares.put(of("large"), 40) == []
    assert users(shares.put(of("large"), 40)) == ["large"]
    assert shares.put(of("small"), 10) == []
    assert users(shares.put(of("small"), 20)) == ["large"]
    assert rest(shares) == ["large", "small", "small"]


def test_one_that_is_larger_than_all() -> None:
    """It has room alone."""
    shares = EventShares(10, 100)
    assert shares.put(of("a"), 500) == []
    assert users(shares.put(of("a"), 1)) == ["a"]
    assert rest(shares) == ["a"]
    assert shares.put(of("a"), 60) == [], "nothing is left of it"
    assert rest(shares) == ["a"]


def test_many_owners() -> None:
    """Those beyond the bound have one share together; nobody is without."""
    shares = EventShares(4 * MOST_OWNERS, 10**6)
    for number in range(MOST_OWNERS):
        assert shares.put(of(f"user {number}"), 1) == []
    for number in range(3 * MOST_OWNERS):
        shares.put(of(f"late {number}"), 1)
    assert len(shares) == 4 * MOST_OWNERS
    assert shares.put(of("user 7"), 1) != []
    found = rest(shares)
    assert found.count("user 7") == 2
    assert len(set(found)) == 4 * MOST_OWNERS - 1


def test_clear() -> None:
    """Nothing is left."""
    shares = EventShares(10, 100)
    shares.put(of("a"), 99)
    shares.clear()
    assert len(shares) == 0
    assert shares.put(of("b"), 99) == []
    assert rest(shares) == ["b"]
    assert (shares.put(of("a"), 10), shares.put(of("b"), 58)) == ([], [])
    assert users(shares.put(of("c"), 33)) == ["b"], "what a had before is forgotten"
    assert rest(shares) == ["a", "c"]


def test_which_event_goes() -> None:
    """The new one of an owner without room, and the last one for another's."""
    shares = EventShares(3, 1_000)
    for path in ("/1", "/2", "/3"):
        assert shares.put(of("a", requestURI=path), 1) == []
    (own,) = shares.put(of("a", requestURI="/4"), 1)
    (last,) = shares.put(of("b", requestURI="/5"), 1)
    found = [own, last, *(shares.take() for _ in range(3))]
    uris = [event.request_uri for event in found if not isinstance(event, SessionEvent)]
    assert uris == ["/4", "/3", "/1", "/5", "/2"]


def test_who_has_a_fair_share_gets_no_more() -> None:
    """Also where another has more: that one loses for who has less than a fair share alone."""
    shares = EventShares(10, 1_000)
    for user, count in (("most", 6), ("much", 3), ("little", 1)):
        for _ in range(count):
            assert shares.put(of(user), 1) == []
    assert users(shares.put(of("much"), 1)) == ["much"]
    assert users(shares.put(of("little"), 1)) == ["most"]


def test_events_count_beside_bytes() -> None:
    """Many small events are more than a large one that has less of the bytes than they of all."""
    shares = EventShares(4, 1_000)
    assert shares.put(of("large"), 500) == []
    for _ in range(3):
        assert shares.put(of("small"), 1) == []
    assert users(shares.put(of("other"), 1)) == ["small"]


def test_what_was_taken_is_no_share() -> None:
    """An owner has as much as waits."""
    shares = EventShares(10, 100)
    assert (shares.put(of("a"), 60), shares.put(of("a"), 10)) == ([], [])
    shares.take()
    assert shares.put(of("b"), 58) == []
    assert users(shares.put(of("c"), 33)) == ["b"]
