"""What the upstream is asked about itself and about us, without any client's request.

    --upstream-identity   asked with                       what
    impersonate           our own credential               SelfSubjectReview, /version, and a
                                                           SelfSubjectAccessReview for each kind of
                                                           impersonation
    request-header        our front proxy's certificate    SelfSubjectReview and /version as
                                                           FRONT_PROXY_USER: is it accepted?
    passthrough           nothing                          /version: all that an anonymous may ask

The answer is a Standing: whether requests can be served at all, and one line for operators.
"""

from dataclasses import dataclass

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.tokenreview import (
    SELF_SUBJECT_REVIEWS,
    read_self_subject_review,
    self_subject_review,
)
from auditproxy.authorization.subjectaccessreview import (
    SELF_SUBJECT_ACCESS_REVIEWS,
    read_review,
    self_review,
)
from auditproxy.clients.apiserver import ApiClient, CollectingSink, ReviewError
from auditproxy.monitor.faults import Place, UpstreamFault, credential_refused, fault_of
from auditproxy.request.headers import RawHeaders

FRONT_PROXY_USER = "auditproxy"
"""The user of a front proxy's own questions; it needs no rights."""

IMPERSONATED = (
    ("", "users"),
    ("", "groups"),
    ("", "serviceaccounts"),
    ("authentication.k8s.io", "uids"),
    ("authentication.k8s.io", "userextras"),
)
"""Group and resource of each thing that the verb ``impersonate`` is asked for."""

ADMITTED = b"x-kubernetes-pf-flowschema-uid"
"""Header of every answer to a request that was authenticated and impersonated, and so reached
priority and fairness (apiserver server/filters/priority-and-fairness.go)."""

LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """What a round of questions found.

    ``ready`` says whether requests can be served. ``busy``: nothing was learnt of that, so the
    previous result stays valid; ``ready`` is False then. ``marks`` is whether the upstream
    shows that a request was admitted, None when that could not be seen.
    """

    ready: bool
    line: str
    fault: UpstreamFault | None = None
    version: str = ""
    marks: bool | None = None
    busy: bool = False


class UpstreamQuestions:
    """Asks one upstream; ``headers`` say who asks beside the client's own credential."""

    def __init__(
        self, identity: str, client: ApiClient, place: Place, headers: RawHeaders = ()
    ) -> None:
        self.identity = identity
        self.place = place
        self._client = client
        self._headers = headers

    async def ask(self) -> Standing:
        """Ask everything; never raises, a failure is a Standing that is not ready."""
        try:
            if self.identity == "passthrough":
                return await self._reachable()
            return await self._known()
        except ReviewError as error:
            fault = fault_of(error, self.place)
        except AuthenticationError as error:
            fault = UpstreamFault("protocol-error", f"upstream {self.place.address}: {error}")
        return Standing(ready=False, line=fault.text, fault=fault)

    async def _reachable(self) -> Standing:
        """Whether it answers; who may ask is each client's matter."""
        answer = await self._client.ask("GET", "/version")
        version = _version(answer)
        if not version and answer.status not in (401, 403):
            return self._unexpected("/version", answer.status)
        shown = f"is {version}" if version else f"answers an anonymous request with {answer.status}"
        line = f"upstream {self.place.address} {shown}; clients' own tokens are passed to it"
        return Standing(ready=True, line=line, version=version)

    async def _known(self) -> Standing:
        """The user that the upstream sees, and whether the proxy may act as its clients."""
        answer = await self._client.ask(
            "POST", SELF_SUBJECT_REVIEWS, self_subject_review(), self._headers
        )
        marks = ADMITTED in {name.lower() for name, _ in answer.headers}
        if answer.status == 401:
            return self._not_ready(self._refused(), marks)
        user: UserInfo | None = None
        if answer.status in (200, 201):
            user = read_self_subject_review(answer.body)
            fault = self._identity_fault(user)
            if fault is not None:
                return self._not_ready(fault, marks)
        elif answer.status not in (403, 404):
            # 404: an API server before 1.28. 403: the proxy's user may not ask this.
            return self._unexpected("a SelfSubjectReview", answer.status)
        version = _version(await self._client.ask("GET", "/version", b"", self._headers))
        line = f"upstream {self.place.address} is {version or 'of an unknown version'}; "
        if self.identity == "request-header":
            line += "it accepts the proxy as a front proxy"
            return Standing(ready=True, line=line, version=version, marks=marks)
        line += f"the proxy is {_shown(user.username)}" if user else "the proxy's user is unknown"
        return await self._with_rights(line, version, marks)

    async def _with_rights(self, line: str, version: str, marks: bool) -> Standing:
        """The same with what the proxy may impersonate."""
        may: list[str] = []
        may_not: list[str] = []
        for group, resource in IMPERSONATED:
            question = self_review("impersonate", group, resource)
            answer = await self._client.ask("POST", SELF_SUBJECT_ACCESS_REVIEWS, question)
            if answer.status not in (200, 201):
                line += f"; whether it may impersonate is not known (answered {answer.status})"
                return Standing(ready=True, line=line, version=version, marks=marks)
            (may if read_review(answer.body).allowed else may_not).append(resource)
        if not may_not:
            line += f" and may impersonate {_list(may, 'and')}"
            return Standing(ready=True, line=line, version=version, marks=marks)
        if may:
            line += f" and may impersonate {_list(may, 'and')}"
            line += f", but not every one of {_list(may_not, 'and')}"
        else:
            line += " and may not impersonate any user"
        line += "; grant the verb impersonate, see manifests/base/rbac.yaml"
        # Rights to some names only are not asked for: with none of a kind others may go through.
        ready = "groups" not in may_not and not {"users", "serviceaccounts"} <= set(may_not)
        fault = UpstreamFault("impersonation-refused", line)
        return Standing(ready=ready, line=line, fault=fault, version=version, marks=marks)

    def _refused(self) -> UpstreamFault:
        """The fault of a 401."""
        if self.identity == "impersonate":
            return credential_refused(self.place)
        return UpstreamFault(
            "credential-refused",
            f"upstream {self.place.address}: it does not accept the proxy as a front "
            "proxy (401); compare --proxy-client-cert-file with its --requestheader-client-ca-file "
            "and --requestheader-allowed-names",
        )

    def _identity_fault(self, user: UserInfo | None) -> UpstreamFault | None:
        """Why no client can be served by an upstream that authenticates the proxy as this user."""
        if self.identity == "impersonate":
            if user is not None:
                return None
            return UpstreamFault(
                "credential-missing",
                f"upstream {self.place.address}: it authenticates the proxy as anonymous; give the "
                f"user in {self.place.source} a token or a client certificate",
            )
        if user is not None and user.username == FRONT_PROXY_USER:
            return None
        taken = _shown(user.username) if user else "anonymous"
        return UpstreamFault(
            "credential-refused",
            f"upstream {self.place.address}: it authenticates the proxy as {taken} and does "
            "not read X-Remote-User; compare --proxy-client-cert-file with its "
            "--requestheader-client-ca-file",
        )

    def _not_ready(self, fault: UpstreamFault, marks: bool | None = None) -> Standing:
        return Standing(ready=False, line=fault.text, fault=fault, marks=marks)

    def _unexpected(self, what: str, code: int) -> Standing:
        """An answer that shows nothing about the proxy: the upstream is busy, a load balancer
        has no backend, or the server is not an API server.
        """
        fix = f"see whether it is overloaded, or correct the server in {self.place.source}"
        if code == 400 and self.place.address.startswith("http://"):
            # Go's server answers so on its port of TLS.
            fix = f"if it speaks TLS, write https:// in {self.place.source}"
        fault = UpstreamFault(
            "unexpected-answer",
            f"upstream {self.place.address}: {what} was answered with {code}; {fix}",
        )
        busy = code in (429, 500, 503, 504)
        return Standing(ready=False, line=fault.text, fault=fault, busy=busy)


@prepared
class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


def _version(answer: CollectingSink) -> str:
    """The version from /version, "" for none."""
    if answer.status != 200:
        return ""
    try:
        return _shown(msgspec.json.decode(answer.body, type=_Version).git_version)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _shown(text: str) -> str:
    """A text of the upstream's in one line of ours."""
    short = text[:LONGEST_SHOWN]
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in short)


def _list(words: list[str], conjunction: str) -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
