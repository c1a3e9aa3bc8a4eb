"""Reviewers and the review authorizer: what is asked, and what the authorizer remembers."""

import asyncio
import json
from collections.abc import Callable, Iterable

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authorization.authorizer import Decision, PrivilegedGroupAuthorizer
from auditproxy.authorization.impersonation import Impersonator
from auditproxy.clients.apiserver import ApiClient, ReviewError
from auditproxy.lookups.reviews import (
    FallbackReviewer,
    ReviewForbiddenError,
    SelfSubjectReviewer,
    SubjectAccessReviewAuthorizer,
    TokenReviewer,
)
from auditproxy.request.headers import ClientHeaders, RawHeaders
from tests.fakes.clocks import Clock

ALICE = UserInfo(username="alice", groups=("dev",))


class FakeClient(ApiClient):
    """Answers questions with a function of path, body and headers."""

    def __init__(self, answer: Callable[[str, dict[str, object]], tuple[int, bytes]]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, RawHeaders]] = []

    async def post_json(
        self, path: str, body: bytes, headers: RawHeaders = ()
    ) -> tuple[int, bytes]:
        self.asked.append((path, headers))
        return self.answer(path, json.loads(body))


def fake(status: object, code: int = 201) -> FakeClient:
    """A client whose every answer has this status."""
    return FakeClient(lambda path, body: (code, json.dumps({"status": status}).encode()))


class Reviews:
    """A reviewer that knows ``good``, cannot check ``broken``, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.forbidden = False
        self.good = "good"

    async def review(self, token: str) -> UserInfo | None:
        self.asked.append(token)
        await self.gate.wait()
        if self.forbidden:
            raise ReviewForbiddenError("no right")
        if token == "broken":
            raise ReviewError("away")
        return ALICE if token == self.good else None


class TestTokenReviewer:
    """TokenReview with our own credential."""

    @pytest.mark.parametrize(
        ("client", "user"),
        [
            (
                fake({"authenticated": True, "user": {"username": "alice", "groups": ["dev"]}}),
                ALICE,
            ),
            (fake({"user": {}, "error": "invalid bearer token"}), None),
            (fake({"authenticated": False, "user": {"username": "alice"}}), None),
            (fake({"authenticated": True, "user": {"username": ""}}), None),
        ],
    )
    async def test_answers(self, client: FakeClient, user: UserInfo | None) -> None:
        """T071: who the token stands for, if anybody."""
        assert await TokenReviewer(client).review("t") == user
        assert client.asked == [("/apis/authentication.k8s.io/v1/tokenreviews", ())]

    @pytest.mark.parametrize("code", [302, 400, 401, 404, 429, 500, 503])
    async def test_failures(self, code: int) -> None:
        """T072: any other answer is an error, whatever stands in its body."""
        client = fake({"authenticated": True, "user": {"username": "admin"}}, code)
        with pytest.raises(ReviewError) as caught:
            await TokenReviewer(client).review("t")
        assert not isinstance(caught.value, ReviewForbiddenError)

    async def test_forbidden(self) -> None:
        """That we may not ask is told apart from everything else."""
        with pytest.raises(ReviewForbiddenError):
            await TokenReviewer(fake({}, 403)).review("t")

    async def test_malformed(self) -> None:
        """T072: a body that is no review is an error."""
        client = FakeClient(lambda path, body: (201, b"<html>"))
        with pytest.raises(AuthenticationError):
            await TokenReviewer(client).review("t")


class TestSelfSubjectReviewer:
    """SelfSubjectReview with the client's token."""

    async def test_asks_with_the_token(self) -> None:
        """The token is the request's own credential, and not in the body."""
        client = fake({"userInfo": {"username": "alice", "groups": ["dev"]}})
        assert await SelfSubjectReviewer(client).review("t-1") == ALICE
        assert client.asked == [
            (
                "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                ((b"Authorization", b"Bearer t-1"),),
            )
        ]

    async def test_unknown_token(self) -> None:
        """401 is nobody; an upstream that takes the token for no credential is nobody as well."""
        assert await SelfSubjectReviewer(fake({}, 401)).review("t") is None
        anonymous = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
        assert await SelfSubjectReviewer(fake({"userInfo": anonymous})).review("t") is None

    @pytest.mark.parametrize("code", [302, 403, 404, 500])
    async def test_failures(self, code: int) -> None:
        """T072: any other answer is an error."""
        with pytest.raises(ReviewError):
            await SelfSubjectReviewer(fake({"userInfo": {"username": "a"}}, code)).review("t")


class TestFallback:
    """TokenReview where we may, SelfSubjectReview where we may not."""

    async def test_remembered_and_tried_again(self) -> None:
        """A missing right is found out once per period, not once per token."""
        clock = Clock()
        first, second = Reviews(), Reviews()
        reviewer = FallbackReviewer(first, second, clock=clock, period=300)
        assert await reviewer.review("good") == ALICE
        assert (len(first.asked), len(second.asked)) == (1, 0)
        first.forbidden = True
        assert await reviewer.review("good") == ALICE
        assert await reviewer.review("good") == ALICE
        fallen_back = reviewer.fallen_back
        assert fallen_back
        assert (len(first.asked), len(second.asked)) == (2, 2)
        clock.now += 300
        first.forbidden = False
        assert await reviewer.review("good") == ALICE
        assert not reviewer.fallen_back
        assert (len(first.asked), len(second.asked)) == (3, 2)

    async def test_other_failures_do_not_fall_back(self) -> None:
        """An upstream that is away is not asked in another way."""
        first, second = Reviews(), Reviews()
        with pytest.raises(ReviewError):
            await FallbackReviewer(first, second).review("broken")
        assert second.asked == []


GET = Attributes(
    user=ALICE, verb="get", is_resource_request=True, path="", resource="pods", api_version="v1"
)


def allows(verbs: Iterable[str]) -> FakeClient:
    """A client that allows these verbs, with a reason."""

    def answer(path: str, body: dict[str, object]) -> tuple[int, bytes]:
        spec = body["spec"]
        assert isinstance(spec, dict)
        asked = spec.get("resourceAttributes") or spec["nonResourceAttributes"]
        allowed = asked["verb"] in verbs
        status = {"allowed": allowed, "reason": "RBAC: allowed" if allowed else ""}
        return 201, json.dumps({"status": status}).encode()

    return FakeClient(answer)


class TestAuthorizer:
    """SubjectAccessReviews."""

    async def test_remembered(self) -> None:
        """Allow and deny are remembered, each for its own time."""
        clock = Clock()
        client = allows(["get"])
        authorizer = SubjectAccessReviewAuthorizer(
            client, clock=clock, allow_time_to_live=10, deny_time_to_live=5
        )
        delete = Attributes(user=ALICE, verb="delete", is_resource_request=True, path="")
        for _ in range(2):
            assert await authorizer.authorize(GET) == Decision(True, reason="RBAC: allowed")
            assert await authorizer.authorize(delete) == Decision(False)
        assert len(client.asked) == 2
        clock.now += 5
        await authorizer.authorize(GET)
        await authorizer.authorize(delete)
        assert len(client.asked) == 3
        clock.now += 5
        await authorizer.authorize(GET)
        assert len(client.asked) == 4
        assert client.asked[0] == ("/apis/authorization.k8s.io/v1/subjectaccessreviews", ())

    async def test_several_at_once(self) -> None:
        """The questions of one request are under way together, and answered in their order."""
        client = allows(["get"])
        authorizer = SubjectAccessReviewAuthorizer(client)
        deny = Attributes(user=ALICE, verb="delete", is_resource_request=True, path="")
        decisions = await authorizer.authorize_all([GET, deny, GET])
        assert [decision.allowed for decision in decisions] == [True, False, True]
        # The same question twice is one.
        assert len(client.asked) == 2

    async def test_each_question_for_itself(self) -> None:
        """T073: another user, or another group of the same user, is another question."""
        client = allows(["get"])
        authorizer = SubjectAccessReviewAuthorizer(client)
        for user in (ALICE, UserInfo(username="bob"), UserInfo(username="alice"), None):
            await authorizer.authorize(
                Attributes(user=user, verb="get", is_resource_request=True, path="")
            )
        assert len(client.asked) == 4

    @pytest.mark.parametrize("code", [302, 401, 403, 404, 500])
    async def test_failures(self, code: int) -> None:
        """T072: what is not answered allows nothing, says so, and is asked again."""
        client = fake({"allowed": True}, code)
        authorizer = SubjectAccessReviewAuthorizer(client)
        for _ in range(2):
            decision = await authorizer.authorize(GET)
            assert not decision.allowed
            assert str(code) in decision.error
        assert len(client.asked) == 2

    async def test_upstream_away(self) -> None:
        """T072: an upstream that cannot be asked is an error in the decision, not an exception."""

        def away(path: str, body: dict[str, object]) -> tuple[int, bytes]:
            raise ReviewError("POST /x: UpstreamUnreachable")

        decision = await SubjectAccessReviewAuthorizer(FakeClient(away)).authorize(GET)
        assert decision == Decision(False, error="POST /x: UpstreamUnreachable")

    async def test_huge_questions_are_asked_again(self) -> None:
        """Attributes of ten thousand bytes do not fill the memory."""
        client = allows(["get"])
        authorizer = SubjectAccessReviewAuthorizer(client)
        huge = Attributes(
            user=ALICE, verb="get", is_resource_request=True, path="", name="x" * 10_000
        )
        for _ in range(2):
            assert (await authorizer.authorize(huge)).allowed
        assert len(client.asked) == 2

    async def test_shared_question(self) -> None:
        """The same question asked at once goes out once."""
        client = allows(["get"])
        authorizer = SubjectAccessReviewAuthorizer(client)
        decisions = await asyncio.gather(*(authorizer.authorize(GET) for _ in range(10)))
        assert all(decision.allowed for decision in decisions)
        assert len(client.asked) == 1
        await authorizer.close()

    async def test_repeated_impersonation_asks_nothing(self) -> None:
        """A success costs its checks once within the time that answers are remembered."""
        client = allows(["impersonate-on:user-info:get", "impersonate:user-info"])
        impersonator = Impersonator(
            PrivilegedGroupAuthorizer(SubjectAccessReviewAuthorizer(client))
        )
        headers = ClientHeaders(((b"Impersonate-User", b"anyone"),))
        for _ in range(3):
            impersonated = await impersonator.impersonate(headers, ALICE, GET)
            assert impersonated is not None
            assert impersonated.constraint == "impersonate:user-info"
        assert len(client.asked) == 2
        admin = UserInfo(username="root", groups=("system:masters",))
        impersonated = await impersonator.impersonate(headers, admin, GET)
        assert impersonated is not None
        assert len(client.asked) == 2
