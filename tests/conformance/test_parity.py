"""Parity with a real kube-apiserver over recorded traffic; ``make conformance`` prints the figures."""

import pytest

from auditproxy.capture import decoding
from auditproxy.capture.process import DecodeProcess, Done, Given
from auditproxy.capture.recording import RecordingConfiguration
from auditproxy.server import recorder
from tests.conformance import corpus
from tests.conformance.again import measure_again
from tests.conformance.compare import differences
from tests.conformance.replay import measure


@pytest.mark.timeout(180)
async def test_parity() -> None:
    """T153: every answer as recorded; every event equal, objects of protobuf bodies included.

    Each is sent again on one connection: what is remembered of it changes nothing.
    """
    exchanges = list(corpus.read())
    outcome = await measure(exchanges, corpus.users(), times=2)
    assert outcome.sent.keys() == {exchange.audit_id for exchange in exchanges}
    assert outcome.answers.recorded > 2.5 * len(exchanges)
    assert outcome.answers.details == []
    assert outcome.without_protobuf.details == []
    assert outcome.without_objects.details == []
    assert outcome.everything.details == []
    assert outcome.without_protobuf.recorded > 700
    # Only patches that are no JSON: kube-apiserver loses their last event.
    assert all("PATCH" in extra for extra in outcome.extra)


@pytest.mark.timeout(180)
async def test_parity_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """T153: the same where every body, however small, is decoded in a process of its own."""
    monkeypatch.setattr(recorder, "DECODE_INLINE", -1)
    monkeypatch.setattr(decoding, "DEAR", -1)
    # The process goes behind all others: on a busy machine more bodies wait than a user may have.
    monkeypatch.setattr(decoding, "JOBS", 10_000)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})
    tasks = []
    record = DecodeProcess.record

    def counted(self: DecodeProcess, given: Given, configuration: RecordingConfiguration) -> Done:
        tasks.append(given.info)
        return record(self, given, configuration)

    monkeypatch.setattr(DecodeProcess, "record", counted)
    outcome = await measure(list(corpus.read()), corpus.users())
    assert outcome.answers.details == []
    assert outcome.everything.details == []
    assert len(tasks) > 600


def test_the_measure_measures() -> None:
    """A difference in any member shows; defaults and the server's own annotations do not."""
    event = {
        "verb": "get",
        "user": {"username": "a"},
        "requestObject": {"a": 1, "b": {"c": 2}},
        "responseObject": {"items": []},
        "requestReceivedTimestamp": "2026-11-23T13:06:31.814986Z",
        "stageTimestamp": "2026-11-23T13:06:31.814986Z",
        "annotations": {"k": "v", "pod-security.kubernetes.io/enforce-policy": "x"},
    }
    assert differences(event, event, with_objects=True) == []
    for changed in (
        {**event, "verb": "list"},
        {**event, "user": {}},
        {**event, "requestObject": {"a": 2}},
        {**event, "requestObject": None},
        {**event, "responseObject": {"items": [], "x": 1}},
        {**event, "stageTimestamp": "2026-11-23T13:06:31Z"},
        {**event, "annotations": {"k": "w"}},
        {**event, "annotations": {"k": "v", "more": "x"}},
        {**event, "sourceIPs": ["1.1.1.1"]},
    ):
        assert differences(event, changed, with_objects=True), changed
    passing = {
        **event,
        "requestObject": {"a": None, "d": 3, "b": {"c": ""}},
        "annotations": {"k": "v", "apiserver.latency.k8s.io/total": "1s"},
    }
    assert differences(event, passing, with_objects=True) == []


@pytest.mark.timeout(180)
async def test_again() -> None:
    """T153: without an Audit-ID of the client's most requests go the short way, and none differs."""
    exchanges = list(corpus.read())
    found = await measure_again(exchanges, corpus.users(), times=2)
    assert found.details == []
    assert found.sent > 4 * len(exchanges)
    # Now and then the upstream's connection is not idle yet when the next request comes.
    assert found.short > 1.9 * found.targets
    assert found.targets > 0.8 * len(exchanges)
