"""Access control of the embedded API server: credentials, impersonation, permissions.

Small on purpose: members of system:masters may do everything, other users what is
permitted to their name. Every authenticated user may read discovery and send self reviews.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.status import new_forbidden, new_unauthorized
from auditproxy.apis.user import (
    ANONYMOUS,
    AUTHENTICATED,
    MASTERS,
    NOBODY,
    UNAUTHENTICATED,
    UserInfo,
)
from auditproxy.embedded.answers import ApiError, bad_request
from auditproxy.embedded.http1 import Request

SERVICE_ACCOUNT = "system:serviceaccount:"
_SELF_REVIEWS = frozenset(
    {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}
)
PUBLIC = frozenset({"/healthz", "/livez", "/readyz", "/version"})
"""Paths that need no credentials."""
_DISCOVERY = ("/api", "/apis", "/openapi", "/healthz", "/livez", "/readyz", "/version")
_SESSIONS = frozenset({"exec", "attach", "portforward"})
EVERYTHING = "*"


class EmbeddedAuthenticator:
    """Authenticates client certificates and tokens; ``add`` registers a new token."""

    def __init__(self, tokens: Mapping[str, UserInfo]) -> None:
        self._tokens = dict(tokens)

    def add(self, token: str, user: UserInfo) -> None:
        """Accept a token from now on."""
        self._tokens[token] = user

    def user_of_token(self, token: str) -> UserInfo | None:
        """Return the token's user, with system:authenticated among the groups."""
        user = self._tokens.get(token)
        return None if user is None else _authenticated(user)

    def authenticate(self, request: Request) -> UserInfo:
        """Return the caller, before impersonation; raises ApiError (401).

        A caller without credentials is anonymous on the public paths and an error elsewhere.
        """
        subject = [pair for part in (request.peer or {}).get("subject", ()) for pair in part]
        names = [value for name, value in subject if name == "commonName"]
        if names:
            groups = tuple(value for name, value in subject if name == "organizationName")
            return _authenticated(UserInfo(username=names[-1], groups=groups))
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            user = self.user_of_token(token.strip())
            if user is not None:
                return user
        elif not scheme and request.path.rstrip("/") in PUBLIC:
            return UserInfo(username=ANONYMOUS, groups=(UNAUTHENTICATED,))
        raise ApiError(new_unauthorized())


def _authenticated(user: UserInfo) -> UserInfo:
    if AUTHENTICATED in user.groups:
        return user
    return UserInfo(
        username=user.username,
        uid=user.uid,
        groups=(*user.groups, AUTHENTICATED),
        extra=user.extra,
    )


class EmbeddedAuthorizer:
    """Decides; ``permissions`` maps a username to the verbs it has.

    The verbs hold for every resource but secrets; ``*`` means everything.
    exec, attach and port-forward need ``create``, whatever their method.
    """

    def __init__(self, permissions: Mapping[str, Collection[str]]) -> None:
        self._permissions = permissions

    def allows(self, attributes: Attributes) -> bool:
        """Whether the attributes' user may do it."""
        user = attributes.user or NOBODY
        verbs = self._permissions.get(user.username, ())
        if MASTERS in user.groups or EVERYTHING in verbs:
            return True
        if not attributes.is_resource_request:
            return self._may_read(attributes, user)
        if attributes.resource in _SELF_REVIEWS:
            return attributes.verb == "create" and AUTHENTICATED in user.groups
        verb = "create" if attributes.subresource in _SESSIONS else attributes.verb
        return attributes.resource != "secrets" and verb in verbs

    def check(self, attributes: Attributes) -> None:
        """Raise ApiError (403) unless it is allowed."""
        if not self.allows(attributes):
            raise ApiError(new_forbidden(attributes, ""))

    def verbs(self, user: UserInfo) -> tuple[str, ...]:
        """The verbs that a user has on resources, ``*`` alone for everything."""
        permitted = self._permissions.get(user.username, ())
        if MASTERS in user.groups or EVERYTHING in permitted:
            return (EVERYTHING,)
        return tuple(sorted(permitted))

    @staticmethod
    def _may_read(attributes: Attributes, user: UserInfo) -> bool:
        path = attributes.path
        if attributes.verb not in ("get", "head"):
            return False
        if path.rstrip("/") in PUBLIC:
            return True
        known = any(path == root or path.startswith(f"{root}/") for root in _DISCOVERY)
        return known and AUTHENTICATED in user.groups


def impersonated(request: Request, caller: UserInfo, authorizer: EmbeddedAuthorizer) -> UserInfo:
    """The user that the request's Impersonate headers ask for, else the caller.

    Raises ApiError: 403 unless the caller may do everything, 400 when the
    headers name no user.
    """
    headers = [(name.lower(), value) for name, value in request.raw_headers]
    wanted = [(name, value) for name, value in headers if name.startswith("impersonate-")]
    if not wanted:
        return caller
    values: dict[str, list[str]] = {}
    for name, value in wanted:
        values.setdefault(name, []).append(value)
    username = values.get("impersonate-user", [""])[0]
    if not username:
        asked = ", ".join(sorted(values))
        raise bad_request(f"requested {asked} without impersonating a user")
    groups = tuple(values.get("impersonate-group", ()))
    extra = {
        unquote(name.removeprefix("impersonate-extra-")): tuple(found)
        for name, found in values.items()
        if name.startswith("impersonate-extra-")
    }
    for question in _questions(caller, username, groups, extra):
        authorizer.check(question)
    if not groups and username.startswith(SERVICE_ACCOUNT):
        namespace = username.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    last = UNAUTHENTICATED if username == ANONYMOUS else AUTHENTICATED
    if last not in groups:
        groups = (*groups, last)
    uid = values.get("impersonate-uid", [""])[0]
    return UserInfo(username=username, uid=uid, groups=groups, extra=extra)


def _questions(
    caller: UserInfo, username: str, groups: tuple[str, ...], extra: Mapping[str, Any]
) -> tuple[Attributes, ...]:
    """Return the access reviews required before a user may impersonate another."""

    def question(
        resource: str, name: str, namespace: str = "", group: str = "", subresource: str = ""
    ) -> Attributes:
        return Attributes(
            user=caller,
            verb="impersonate",
            is_resource_request=True,
            path="",
            namespace=namespace,
            api_group=group,
            resource=resource,
            subresource=subresource,
            name=name,
        )

    if username.startswith(SERVICE_ACCOUNT):
        namespace, _, name = username.removeprefix(SERVICE_ACCOUNT).partition(":")
        first = question("serviceaccounts", name, namespace=namespace)
    else:
        first = question("users", username)
    return (
        first,
        *(question("groups", group) for group in groups),
        *(
            question("userextras", value, group="authentication.k8s.io", subresource=key)
            for key, found in extra.items()
            for value in found
        ),
    )
