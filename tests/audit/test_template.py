"""Lines from parts are, byte for byte, the lines of the events of an AuditContext."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, RequestAuditConfig, Stage
from auditproxy.apis.status import Status
from auditproxy.apis.user import UserInfo
from auditproxy.audit.annotations import DECISION, REASON
from auditproxy.audit.context import LATENCY_THRESHOLD, AuditContext
from auditproxy.audit.encode import json_line
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.audit.template import (
    annotations_text,
    known_record,
    line,
    recorded_line,
    sender_part,
    status_text,
    target_part,
)
from auditproxy.serializer.json import encode
from auditproxy.serializer.protobuf.envelope import ObjectMeta

RECEIVED = 1_795_439_191_812_566_999
ALLOWED = {DECISION: "allow", REASON: ""}

PODS = RequestInfo(
    is_resource_request=True,
    path="/api/v1/namespaces/d/pods/web-0",
    verb="get",
    api_version="v1",
    namespace="d",
    resource="pods",
    name="web-0",
)
HEALTH = RequestInfo(is_resource_request=False, path="/healthz", verb="get")

TEXTS = st.text(
    # What escapes, what stands for a surrogate while it is encoded, and the surrogates themselves.
    st.one_of(
        st.sampled_from('<>&"\\/%\t\n\x00\x7fé\u2028\u2029\ufffd\uf8ff\ue080\udc80\udcff\ud83d😀'),
        st.characters(codec=None, exclude_categories=()),
    ),
    max_size=12,
)
NAMES = st.one_of(st.just(""), TEXTS)

USERS = st.builds(
    UserInfo,
    username=NAMES,
    uid=NAMES,
    groups=st.lists(TEXTS, max_size=3).map(tuple),
    extra=st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3).map(tuple), max_size=3),
)
INFOS = st.builds(
    RequestInfo,
    is_resource_request=st.booleans(),
    path=st.just("/"),
    verb=st.one_of(st.sampled_from(["get", "watch", "update", ""]), TEXTS),
    **dict.fromkeys(
        ("api_group", "api_version", "namespace", "resource", "subresource", "name"), NAMES
    ),
)
AUDIT_IDS = st.one_of(
    st.uuids(version=4).map(str), st.text("0123456789abcdef-", min_size=1, max_size=40)
)
LATER = st.one_of(st.integers(0, LATENCY_THRESHOLD), st.just(LATENCY_THRESHOLD))


def begun(
    *,
    level: Level = Level.METADATA,
    info: RequestInfo = PODS,
    uri: str = "/api/v1/namespaces/d/pods/web-0",
    audit_id: str = "id",
    received: int = RECEIVED,
    user: UserInfo | None = None,
    source_ips: tuple[str, ...] = ("10.0.0.1",),
    user_agent: str = "kubelet/v1",
    redactor: Redactor | None = None,
) -> AuditContext:
    """A context that the policy has decided about."""
    context = AuditContext(audit_id, received)
    context.begin(
        RequestAuditConfig(level),
        info=info,
        request_uri=uri,
        user=user or UserInfo(username="jane"),
        source_ips=source_ips,
        user_agent=user_agent,
        redactor=redactor,
    )
    return context


def line_of(context: AuditContext, stage: Stage, now: int) -> bytes:
    """The line of an event, made the way that is the rule."""
    event = context.event(stage, now)
    assert event is not None
    return json_line(event)


@given(st.data())
def test_equals_the_event(data: st.DataObject) -> None:
    """T175 T176: whoever asks for whatever and gets any code, no byte differs."""
    draw = data.draw
    level = draw(st.sampled_from([Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE]))
    stage = draw(st.sampled_from([Stage.REQUEST_RECEIVED, Stage.RESPONSE_COMPLETE]))
    code = 0 if stage is Stage.REQUEST_RECEIVED else draw(st.integers(1, 999))
    received = draw(st.integers(0, 2**62))
    now = received if stage is Stage.REQUEST_RECEIVED else received + draw(LATER)
    audit_id = draw(AUDIT_IDS)
    annotations = draw(st.one_of(st.just(ALLOWED), st.dictionaries(TEXTS, TEXTS, max_size=3)))
    context = begun(
        level=level,
        info=draw(INFOS),
        uri=draw(TEXTS),
        audit_id=audit_id,
        received=received,
        user=draw(USERS),
        source_ips=tuple(draw(st.lists(TEXTS, max_size=3))),
        user_agent=draw(NAMES),
    )
    target, sender = target_part(context), sender_part(context)
    for key, value in annotations.items():
        context.annotate(key, value)
    if code:
        context.wrote_code(code)
    found = line(
        level,
        audit_id,
        stage,
        target,
        sender,
        status=status_text(code),
        received=received,
        now=now,
        annotations=annotations_text(annotations),
    )
    assert found == line_of(context, stage, now)


OBJECTS = st.one_of(
    st.none(),
    st.recursive(
        st.one_of(st.none(), st.integers(-9, 9), TEXTS),
        lambda inner: st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    ).map(lambda value: msgspec.Raw(encode(value))),
    st.just(msgspec.Raw(b'{"a":"<&>\xe2\x80\xa8"}')),
)
STATUSES = st.one_of(
    st.none(),
    st.builds(
        Status,
        metadata=st.just({}),
        details=st.none(),
        code=st.just(200),
        **dict.fromkeys(("message", "reason", "status"), NAMES),
    ),
)


@given(st.data())
def test_equals_the_event_with_bodies(data: st.DataObject) -> None:
    """T175 T176: the same with whatever was recorded of bodies."""
    draw = data.draw
    context = begun(
        level=draw(st.sampled_from([Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE])),
        info=draw(INFOS),
        uri=draw(TEXTS),
        audit_id=draw(AUDIT_IDS),
        received=draw(st.integers(0, 2**62)),
        user=draw(USERS),
    )
    target, sender = target_part(context), sender_part(context)
    known = known_record(draw(st.sampled_from([200, 201])), ALLOWED)
    for key, value in draw(
        st.one_of(st.just(ALLOWED), st.dictionaries(TEXTS, TEXTS, max_size=3))
    ).items():
        context.annotate(key, value)
    if draw(st.booleans()):
        context.complete_reference(
            ObjectMeta(
                name=draw(NAMES), namespace=draw(NAMES), uid=draw(NAMES), resource_version="7"
            )
        )
    context.request_object, context.response_object = draw(OBJECTS), draw(OBJECTS)
    context.response_status = draw(STATUSES)
    context.wrote_code(200)
    now = context.received + draw(LATER)
    found = recorded_line(context, target, sender, now=now, known=known)
    assert found == line_of(context, Stage.RESPONSE_COMPLETE, now)


def test_a_line() -> None:
    """All members, in Go's order and spelling; a second that has begun meanwhile."""
    context = begun()
    found = line(
        Level.METADATA,
        "6d1f",
        Stage.RESPONSE_COMPLETE,
        target_part(context),
        sender_part(context),
        status=status_text(200),
        received=RECEIVED,
        now=RECEIVED + 200_000_000,
        annotations=annotations_text(ALLOWED),
    )
    assert found.decode() == (
        '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"6d1f",'
        '"stage":"ResponseComplete","requestURI":"/api/v1/namespaces/d/pods/web-0","verb":"get",'
        '"user":{"username":"jane"},"sourceIPs":["10.0.0.1"],"userAgent":"kubelet/v1",'
        '"objectRef":{"resource":"pods","namespace":"d","name":"web-0","apiVersion":"v1"},'
        '"responseStatus":{"metadata":{},"code":200},'
        '"requestReceivedTimestamp":"2026-11-23T13:06:31.812566Z",'
        '"stageTimestamp":"2026-11-23T13:06:32.012566Z",'
        '"annotations":{"authorization.k8s.io/decision":"allow",'
        '"authorization.k8s.io/reason":""}}\n'
    )


def test_no_resource() -> None:
    """A request for no resource has no objectRef; nobody's address and agent are left out."""
    context = begun(info=HEALTH, uri="/healthz", source_ips=(), user_agent="")
    found = line(
        Level.METADATA,
        "id",
        Stage.REQUEST_RECEIVED,
        target_part(context),
        sender_part(context),
        status="",
        received=RECEIVED,
        now=RECEIVED,
        annotations="",
    )
    assert b'"verb":"get","user":{"username":"jane"},"requestReceivedTimestamp"' in found
    assert found.endswith(b'812566Z"}\n')


def test_parts_hold_nothing_of_a_request() -> None:
    """Two requests that differ in all that a request has of its own give the same parts."""
    first, second = begun(), begun(audit_id="other", received=5, level=Level.REQUEST_RESPONSE)
    second.annotate("a", "b")
    second.wrote_code(201)
    second.request_object = second.response_object = msgspec.Raw(b"{}")
    assert target_part(first) == target_part(second)
    assert sender_part(first) == sender_part(second)


def test_secrets_are_marked_in_the_part() -> None:
    """The part has the URI as events show it, and no repr has its text."""
    redactor = Redactor((), frozenset({"token"}), b"key")
    part = target_part(begun(uri="/api/v1/pods?token=hunter2&x=1", redactor=redactor))
    assert "hunter2" not in part.before
    assert "x=1" in part.before
    assert "x=1" not in repr(part)
    assert "jane" not in repr(sender_part(begun()))
