"""What writes changed, by the answers of the trail."""

from typing import Any

from auditproxy.reading.meaning.changes import in_words
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.history import changes_of, is_object
from tests.fakes.trails import event, facts


def told(*requests: RequestFacts) -> list[list[str]]:
    """The changes of each request, in words."""
    found = changes_of(requests)
    return [[in_words(change) for change in found.get(one.request, [])] for one in requests]


def thing(replicas: int) -> dict[str, Any]:
    """An object as an answer has it."""
    return {"metadata": {"name": "web", "generation": replicas}, "spec": {"replicas": replicas}}


def write(verb: str, at: str, replicas: int, **members: Any) -> RequestFacts:
    """A write of the object."""
    bodies = {"requestObject": {"spec": {"replicas": replicas}}, "responseObject": thing(replicas)}
    return facts(event(verb, "deployments", "web", at=at, **(bodies | members)))


def test_against_an_earlier_answer() -> None:
    """In whatever order the requests are given."""
    first = write("patch", "10:00:00", 2)
    second = write("patch", "11:00:00", 5)
    assert told(first, second) == [["spec.replicas=2"], ["spec.replicas 2 -> 5"]]
    assert told(second, first) == [["spec.replicas 2 -> 5"], ["spec.replicas=2"]]


def test_reads_show_objects_too() -> None:
    """A read with its answer says what was there before."""
    read = facts(event("get", "deployments", "web", at="09:00:00", responseObject=thing(3)))
    assert told(read, write("update", "10:00:00", 5))[1] == ["spec.replicas 3 -> 5"]


def test_what_was_not_stored() -> None:
    """A dry run and a refusal say nothing of what is there."""
    dry = write("patch", "10:00:00", 9, query="dryRun=All")
    refused = write("patch", "10:30:00", 8, code=409)
    assert told(dry, refused, write("patch", "11:00:00", 5))[2] == ["spec.replicas=5"]


def test_secrets() -> None:
    """Their values are hidden."""
    made = facts(event("patch", "secrets", "s", requestObject={"data": {"k": "djE="}}))
    assert told(made) == [["data.k=(hidden)"]]


def test_objects() -> None:
    """No Status, and no list."""
    assert is_object(thing(1))
    assert not is_object({"kind": "Status", "metadata": {}})
    assert not is_object({"metadata": {}, "items": []})
    assert not is_object("text")
    assert not is_object({"metadata": 1})
