"""Messages to and from the process that decodes: nothing is lost in them, and no key is in a task."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, ObjectReference, RequestAuditConfig
from auditproxy.apis.status import Status, StatusCause, StatusDetails
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext, Changes
from auditproxy.audit.redaction.decoding import builtin_redactor
from auditproxy.capture.messages import (
    Part,
    Reply,
    Task,
    pack_configuration,
    pack_reply,
    pack_task,
    unpack_configuration,
    unpack_reply,
    unpack_task,
)
from auditproxy.capture.recording import RecordingConfiguration
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.table import WireTable

KEY = b"0123456789abcdef"
INFO = RequestInfo(
    is_resource_request=True, path="/", verb="patch", api_version="v1", resource="secrets"
)
TEXTS = st.text(alphabet=st.characters(), max_size=20)
"""Lone surrogates, too: each stands for a byte that is not UTF-8."""


@given(
    st.dictionaries(TEXTS, TEXTS, max_size=3),
    st.booleans(),
    st.none() | st.builds(ObjectReference, resource=TEXTS, name=TEXTS, api_group=TEXTS),
    st.none()
    | st.builds(
        lambda message, code, cause: Status(
            metadata={},
            message=message,
            code=code,
            details=StatusDetails(causes=(StatusCause(field=cause),), retry_after_seconds=code),
        ),
        TEXTS,
        st.integers(),
        TEXTS,
    ),
    st.tuples(TEXTS),
)
def test_replies(
    annotations: dict[str, str],
    is_impersonated: bool,
    reference: ObjectReference | None,
    status: Status | None,
    faults: tuple[str, ...],
) -> None:
    """A reply comes back as it was, whatever its texts are."""
    changes = Changes(annotations, is_impersonated, reference, status)
    reply = Reply(changes, ("time",), faults)
    assert unpack_reply(pack_reply(reply)) == reply


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'{"changes":[]}', b"\xff", b"nul"])
def test_no_replies(raw: bytes) -> None:
    """What is no reply is an error."""
    with pytest.raises((ValueError, msgspec.ValidationError)):
        unpack_reply(raw)


def test_tasks_hold_no_key() -> None:
    """A task refers to the rules and the key of its configuration, in its redaction as well."""
    redactor = builtin_redactor(KEY)
    configuration = RecordingConfiguration(redactor, Decoder(), True, 7)
    context = AuditContext("id", 0)
    context.begin(
        RequestAuditConfig(Level.REQUEST),
        info=INFO,
        request_uri="/",
        user=None,
        source_ips=(),
        user_agent="",
        redactor=redactor,
    )
    redaction = context.redaction(INFO)
    assert redaction is not None
    redaction.survey(json.dumps({"data": {"p": "c2VjcmV0"}}).encode())
    task = Task(context, INFO, Captured(code=3), True, Part(1, "", 2), None)
    raw = pack_task(task, configuration)
    assert KEY not in raw
    assert KEY in pack_configuration(configuration)
    known = unpack_configuration(pack_configuration(configuration))
    assert known.redactor == redactor
    assert (known.infer_decision, known.response_copy) == (True, 7)
    found = unpack_task(raw, known)
    assert found.context.redactor is known.redactor
    assert found.request == Part(1, "", 2)
    assert (found.captured.code, found.long_running, found.info) == (3, True, INFO)
    again = found.context.redaction(INFO)
    assert again is not None
    # What the survey found goes along.
    text = Status(metadata={}, message='data "c2VjcmV0" is wrong')
    assert again.status(text) == redaction.status(text) != text


def test_tables_go_along() -> None:
    """The operator's types of protobuf are the process's, and what was compiled of them is not."""
    table = WireTable({"g/v1/Kind": "Kind"}, {"Kind": ()})
    configuration = RecordingConfiguration(None, Decoder(table), False, 0)
    known = unpack_configuration(pack_configuration(configuration))
    assert known.types._table == table
    assert known.types._plans is None
