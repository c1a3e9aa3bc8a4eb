"""Event: Go's order, spelling and omissions."""

import msgspec
import pytest

from auditproxy.apis.audit import (
    API_VERSION,
    LEVEL_WORDS,
    AuthenticationMetadata,
    Event,
    Level,
    ObjectReference,
    Policy,
    PolicyRule,
    RequestAuditConfig,
    Stage,
)
from auditproxy.apis.status import only_code
from auditproxy.apis.user import UserInfo


def test_full_event() -> None:
    """Every member, in kube-apiserver's order."""
    event = Event(
        kind="Event",
        api_version=API_VERSION,
        level="RequestResponse",
        audit_id="a",
        stage=Stage.RESPONSE_COMPLETE,
        request_uri="/x",
        verb="get",
        user=UserInfo(username="u"),
        impersonated_user=UserInfo(username="i"),
        authentication_metadata=AuthenticationMetadata(impersonation_constraint="c"),
        source_ips=("1.1.1.1",),
        user_agent="g",
        object_ref=ObjectReference(
            resource="r",
            namespace="n",
            name="o",
            uid="u",
            api_group="g",
            api_version="v",
            resource_version="1",
            subresource="s",
        ),
        response_status=only_code(200),
        request_object=msgspec.Raw(b'{"a":1}'),
        response_object=msgspec.Raw(b'{"b":2}'),
        request_received_timestamp="t1",
        stage_timestamp="t2",
        annotations={"k": "v"},
    )
    assert msgspec.json.encode(event) == (
        b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"a",'
        b'"stage":"ResponseComplete","requestURI":"/x","verb":"get","user":{"username":"u"},'
        b'"impersonatedUser":{"username":"i"},'
        b'"authenticationMetadata":{"impersonationConstraint":"c"},"sourceIPs":["1.1.1.1"],'
        b'"userAgent":"g","objectRef":{"resource":"r","namespace":"n","name":"o","uid":"u",'
        b'"apiGroup":"g","apiVersion":"v","resourceVersion":"1","subresource":"s"},'
        b'"responseStatus":{"metadata":{},"code":200},"requestObject":{"a":1},'
        b'"responseObject":{"b":2},"requestReceivedTimestamp":"t1","stageTimestamp":"t2",'
        b'"annotations":{"k":"v"}}'
    )


def test_smallest_event() -> None:
    """Only what Go always writes; an empty verb and an empty user among it."""
    event = Event(
        kind="Event",
        api_version=API_VERSION,
        level="Metadata",
        audit_id="a",
        stage="Panic",
        request_uri="/",
        verb="",
        user=UserInfo(),
        request_received_timestamp="t",
        stage_timestamp="t",
    )
    assert msgspec.json.encode(event) == (
        b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a",'
        b'"stage":"Panic","requestURI":"/","verb":"","user":{},'
        b'"requestReceivedTimestamp":"t","stageTimestamp":"t"}'
    )


@pytest.mark.parametrize("level", list(Level))
def test_levels(level: Level) -> None:
    """Levels are ordered by how much they record, and have one word each."""
    assert level.word == LEVEL_WORDS[level]
    assert sorted(Level) == [
        Level.NONE,
        Level.METADATA,
        Level.REQUEST,
        Level.REQUEST_RESPONSE,
    ]


def test_words_of_policy() -> None:
    """What a rule does not say restricts nothing, and a request's config leaves out nothing."""
    rule = PolicyRule(level=Level.METADATA)
    assert (rule.users, rule.verbs, rule.resources, rule.omit_managed_fields) == ((), (), (), None)
    policy = Policy(rules=(rule,))
    assert (policy.omit_stages, policy.omit_managed_fields) == ((), False)
    config = RequestAuditConfig(Level.NONE)
    assert (config.omit_stages, config.omit_managed_fields) == (frozenset(), False)
    assert [stage.value for stage in Stage] == [
        "RequestReceived",
        "ResponseStarted",
        "ResponseComplete",
        "Panic",
    ]
