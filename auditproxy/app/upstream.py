"""What speaks to the upstream: pools, reviews and identities of options and a kubeconfig."""

from dataclasses import dataclass
from typing import Any

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.tokens.tokenreview import Reviewer
from auditproxy.authorization.authorizer import Authorizer, PrivilegedGroupAuthorizer
from auditproxy.authorization.impersonation import DeferredImpersonator, Impersonator
from auditproxy.clients.apiserver import ApiClient
from auditproxy.kubeconfig.credentials import UpstreamTarget
from auditproxy.kubeconfig.upstream import Upstream
from auditproxy.lookups.reviews import (
    FallbackReviewer,
    SelfSubjectReviewer,
    SubjectAccessReviewAuthorizer,
    TokenReviewer,
)
from auditproxy.monitor.faults import Place
from auditproxy.monitor.questions import FRONT_PROXY_USER, Standing, UpstreamQuestions
from auditproxy.options import Options
from auditproxy.request.headers import RawHeaders
from auditproxy.server.services import Impersonation, UpstreamIdentity
from auditproxy.upstream.identity import Impersonating, PassingThrough, RequestHeader
from auditproxy.upstream.identityheaders import remote_headers
from auditproxy.upstream.pool import UpstreamPool


@dataclass(frozen=True, slots=True)
class Connected:
    """What speaks to one upstream; a changed kubeconfig makes another."""

    upstream: UpstreamIdentity
    impersonator: Impersonation
    authorizer: Authorizer
    reviewer: Reviewer | None
    lookup: Reviewer | None
    pools: tuple[UpstreamPool, ...]
    closers: tuple[Any, ...]
    own: ApiClient
    questions: UpstreamQuestions


def connect(options: Options, upstream: Upstream) -> Connected:
    """The pools, reviews and identities for one upstream, inside a running event loop."""
    impersonating = UpstreamPool(upstream.impersonating)
    passthrough = UpstreamPool(upstream.passthrough)
    own = _client(impersonating, upstream.impersonating, upstream)
    theirs = _client(passthrough, upstream.passthrough, None)
    access_reviews = SubjectAccessReviewAuthorizer(own)
    authorizer = PrivilegedGroupAuthorizer(access_reviews)
    passing = options.upstream.upstream_identity == "passthrough"
    closers: list[Any] = [access_reviews]
    authentication = options.authentication
    by_token = SelfSubjectReviewer(theirs)

    def reviewer(audiences: tuple[str, ...]) -> Reviewer:
        return by_token if passing else FallbackReviewer(TokenReviewer(own, audiences), by_token)

    lookup = authentication.service_account_key_file and authentication.service_account_lookup
    identity: UpstreamIdentity
    pools = [impersonating, passthrough]
    asking, asking_headers = own, RawHeaders()
    original_user = options.upstream.impersonation_original_user_extra
    if passing:
        asking = theirs
        identity = PassingThrough(passthrough, upstream.passthrough)
    elif upstream.front_proxy is not None:
        pools.append(UpstreamPool(upstream.front_proxy))
        asking = _client(pools[-1], upstream.front_proxy, None)
        asking_headers = remote_headers(UserInfo(username=FRONT_PROXY_USER))
        identity = RequestHeader(pools[-1], upstream.front_proxy, original_user)
    else:
        identity = Impersonating(
            impersonating,
            upstream.impersonating,
            upstream.credential,
            original_user,
            marker=options.upstream.marker(),
        )
    place = Place.of(upstream.impersonating, upstream.source)
    return Connected(
        upstream=identity,
        impersonator=DeferredImpersonator() if passing else Impersonator(authorizer),
        authorizer=authorizer,
        reviewer=reviewer(()) if authentication.token_review else None,
        lookup=reviewer(authentication.audiences()) if lookup else None,
        pools=tuple(pools),
        closers=tuple(closers),
        own=own,
        questions=UpstreamQuestions(
            options.upstream.upstream_identity, asking, place, asking_headers
        ),
    )


async def require_upstream(options: Options, upstream: Upstream) -> None:
    """Ask an upstream over connections of this call; raises Unusable when it cannot serve."""
    connected = connect(options, upstream)
    try:
        require(await connected.questions.ask())
    finally:
        for each in (*connected.closers, *connected.pools):
            await each.close()


def require(standing: Standing) -> None:
    """Raise Unusable, with --require-upstream in its text, unless requests can be served."""
    if not standing.ready:
        fix = "or remove --require-upstream to start without it"
        raise Unusable(f"{standing.line}; {fix}", code=FAILED)


def _client(pool: UpstreamPool, target: UpstreamTarget, upstream: Upstream | None) -> ApiClient:
    """A client for reviews; without ``upstream`` it has no credential of ours."""
    return ApiClient(
        pool,
        host=target.host_header,
        base_path=target.base_path,
        credential=upstream.credential if upstream is not None else None,
    )
