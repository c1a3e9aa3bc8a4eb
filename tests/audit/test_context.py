"""AuditContext: which stages give an event, and what each one says."""

import msgspec
import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Event, Level, RequestAuditConfig, Stage
from auditproxy.apis.status import failure
from auditproxy.apis.user import UserInfo
from auditproxy.audit.context import AuditContext
from auditproxy.serializer.protobuf.envelope import ObjectMeta

RECEIVED = 1_795_439_191_812_566_999
INFO = RequestInfo(
    is_resource_request=True,
    path="/api/v1/namespaces/d/pods",
    verb="create",
    api_version="v1",
    namespace="d",
    resource="pods",
)


def begun(
    level: Level = Level.REQUEST_RESPONSE,
    *omitted: Stage,
    failed: bool = False,
    info: RequestInfo = INFO,
) -> AuditContext:
    """A context that the policy has decided about."""
    context = AuditContext("id", RECEIVED)
    context.begin(
        RequestAuditConfig(level, frozenset(omitted)),
        info=info,
        request_uri="/api/v1/namespaces/d/pods?x=1",
        user=None if failed else UserInfo(username="u"),
        source_ips=("1.2.3.4",),
        user_agent="agent",
        failed=failed,
    )
    return context


def event(context: AuditContext, stage: Stage, after: int = 1000) -> Event:
    """An event that must be there."""
    found = context.event(stage, RECEIVED + after)
    assert found is not None
    return found


def test_request_received() -> None:
    """The first event has both timestamps equal, truncated to microseconds, and no status."""
    first = event(begun(), Stage.REQUEST_RECEIVED)
    assert first.request_received_timestamp == "2026-11-23T13:06:31.812566Z"
    assert first.stage_timestamp == first.request_received_timestamp
    assert first.response_status is None
    assert first.user.username == "u"


def test_later_stage_has_its_own_time() -> None:
    """Later stages show when they happened."""
    last = event(begun(), Stage.RESPONSE_COMPLETE, 5_000_000)
    assert last.stage_timestamp == "2026-11-23T13:06:31.817566Z"


@pytest.mark.parametrize("stage", list(Stage))
def test_omitted_stages(stage: Stage) -> None:
    """An omitted stage gives no event, the others do."""
    context = begun(Level.METADATA, stage)
    for other in Stage:
        assert (context.event(other, RECEIVED) is None) == (other is stage)


@pytest.mark.parametrize("stage", list(Stage))
def test_level_none(stage: Stage) -> None:
    """Level None gives nothing, and annotations made before are dropped."""
    context = AuditContext("id", RECEIVED)
    context.annotate("a", "b")
    context.begin(
        RequestAuditConfig(Level.NONE),
        info=INFO,
        request_uri="/",
        user=None,
        source_ips=(),
        user_agent="",
    )
    assert context.event(stage, RECEIVED) is None
    assert context.annotations == {}


@pytest.mark.parametrize("stage", list(Stage))
def test_before_the_policy(stage: Stage) -> None:
    """A context that no policy has seen gives no event."""
    assert AuditContext("id", RECEIVED).event(stage, RECEIVED) is None


def test_failed_request_has_one_event() -> None:
    """A request refused before authentication has ResponseStarted and an empty user."""
    context = begun(failed=True)
    stages = [stage for stage in Stage if context.event(stage, RECEIVED) is not None]
    assert stages == [Stage.RESPONSE_STARTED]
    assert event(context, Stage.RESPONSE_STARTED).user == UserInfo()


def test_annotations() -> None:
    """The first value of a key stays, keys are sorted, earlier events do not change."""
    context = begun()
    context.annotate("b", "1")
    context.annotate("a", "1")
    first = event(context, Stage.RESPONSE_STARTED)
    context.annotate("b", "2")
    context.annotate("c", "3")
    last = event(context, Stage.RESPONSE_COMPLETE)
    assert list(first.annotations.items()) == [("a", "1"), ("b", "1")]
    assert list(last.annotations.items()) == [("a", "1"), ("b", "1"), ("c", "3")]


def test_complete_reference() -> None:
    """objectRef takes from the body only what the URL left open."""
    context = begun()
    context.complete_reference(ObjectMeta(name="n", namespace="x", uid="u", resource_version="5"))
    reference = event(context, Stage.RESPONSE_COMPLETE).object_ref
    assert reference is not None
    assert (reference.name, reference.namespace) == ("n", "d")
    assert (reference.uid, reference.resource_version) == ("u", "5")


def test_no_reference_for_paths() -> None:
    """A request for no resource has no objectRef, whatever its body says."""
    info = RequestInfo(is_resource_request=False, path="/version", verb="get")
    context = begun(info=info)
    context.complete_reference(ObjectMeta(name="n", namespace="", uid="", resource_version=""))
    assert event(context, Stage.RESPONSE_COMPLETE).object_ref is None


def test_codes() -> None:
    """The written code wins over a Status' own, and keeps its other members."""
    context = begun()
    context.wrote_code(200)
    assert context.response_status is not None
    assert context.response_status.code == 200
    context.response_status = failure(404, "NotFound", "gone")
    context.wrote_code(410)
    assert context.response_status.code == 410
    assert context.response_status.reason == "NotFound"


def test_nothing_written() -> None:
    """A client that left before any answer: kube-apiserver's words."""
    context = begun()
    context.wrote_nothing()
    status = event(context, Stage.RESPONSE_COMPLETE).response_status
    assert status is not None
    assert (status.code, status.status, status.message) == (
        200,
        "Success",
        "Connection closed early",
    )


def test_nothing_written_of_an_answer() -> None:
    """A client that left while its answer was held: the code is known."""
    context = begun()
    context.wrote_nothing(403)
    status = event(context, Stage.RESPONSE_COMPLETE).response_status
    assert status is not None
    assert (status.code, status.message) == (403, "")


def test_panic() -> None:
    """A panic replaces whatever status stood there."""
    context = begun()
    context.wrote_code(200)
    context.panicked("ValueError")
    status = event(context, Stage.PANIC).response_status
    assert status is not None
    assert status == failure(500, "InternalError", "APIServer panic'd: ValueError")


@pytest.mark.parametrize(
    ("verb", "after", "keys"),
    [
        ("create", 500_000_000, set()),
        ("create", 500_000_001, {"authentication", "total"}),
        ("watch", 900_000_000, set()),
    ],
)
def test_latency(verb: str, after: int, keys: set[str]) -> None:
    """Above 500 ms ResponseComplete says where the time went; a watch never does."""
    info = RequestInfo(is_resource_request=True, path="/", verb=verb, resource="pods")
    context = begun(info=info)
    context.track("authentication", 71_517)
    context.track("impersonation", 0)
    annotations = event(context, Stage.RESPONSE_COMPLETE, after).annotations
    prefix = "apiserver.latency.k8s.io/"
    assert {key.removeprefix(prefix) for key in annotations} == keys
    if keys:
        assert annotations[prefix + "authentication"] == "71.517µs"
        assert annotations[prefix + "total"] == "500.000001ms"
    assert event(context, Stage.PANIC, after).annotations == {}


def test_impersonation() -> None:
    """impersonatedUser shows from then on, the constraint only where there is one."""
    context = begun()
    assert event(context, Stage.REQUEST_RECEIVED).impersonated_user is None
    context.impersonate(UserInfo(username="jane"), "")
    legacy = event(context, Stage.RESPONSE_COMPLETE)
    assert legacy.impersonated_user == UserInfo(username="jane")
    assert legacy.authentication_metadata is None
    context.impersonate(UserInfo(username="jane"), "impersonate:user-info")
    metadata = event(context, Stage.RESPONSE_COMPLETE).authentication_metadata
    assert metadata is not None
    assert metadata.impersonation_constraint == "impersonate:user-info"


@pytest.mark.parametrize(
    ("decided", "impersonated", "stays"),
    [(False, False, False), (False, True, True), (True, False, True)],
)
def test_not_authorized(decided: bool, impersonated: bool, stays: bool) -> None:
    """A11: what was noted ahead of a decision that the upstream never made is taken back."""
    context = begun()
    context.impersonate(UserInfo(username="jane"), "", decided=decided)
    assert context.effective_user.username == "jane"
    context.annotate("authorization.k8s.io/decision", "allow")
    context.annotate("authorization.k8s.io/reason", "because")
    context.annotate("other", "kept")
    context.not_authorized(impersonated=impersonated)
    last = event(context, Stage.RESPONSE_COMPLETE)
    assert last.annotations == {"other": "kept"}
    assert (last.impersonated_user is not None) is stays
    assert context.effective_user.username == ("jane" if stays else "u")


def test_recorded_aside() -> None:
    """What is recorded into a fork is seen once it is adopted, and not before."""
    context = begun(level=Level.REQUEST_RESPONSE)
    context.annotate("a", "1")
    aside = context.fork()
    aside.annotate("b", "2")
    aside.complete_reference(ObjectMeta(name="aside"))
    aside.request_object = aside.response_object = msgspec.Raw(b"{}")
    aside.wrote_code(201)
    before = event(context, Stage.RESPONSE_COMPLETE)
    assert before.annotations == {"a": "1"}
    assert (before.request_object, before.response_object, before.response_status) == (None,) * 3
    context.adopt(aside)
    assert event(context, Stage.RESPONSE_COMPLETE) == event(aside, Stage.RESPONSE_COMPLETE)
    assert event(context, Stage.RESPONSE_COMPLETE) != before
