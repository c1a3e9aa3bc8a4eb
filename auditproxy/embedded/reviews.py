"""Reviews: objects that are answered at once and never stored."""

import secrets
from typing import Any

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.units import SECOND
from auditproxy.apis.user import MASTERS, UserInfo
from auditproxy.embedded.answers import Object, bad_request, invalid, required
from auditproxy.embedded.authorizer import (
    EVERYTHING,
    SERVICE_ACCOUNT,
    EmbeddedAuthenticator,
    EmbeddedAuthorizer,
)
from auditproxy.embedded.kinds import ResourceType
from auditproxy.serializer.times import rfc3339

DEFAULT_AUDIENCE = "https://kubernetes.default.svc"


class EmbeddedReviewer:
    """Answers reviews and token requests."""

    def __init__(
        self, authenticator: EmbeddedAuthenticator, authorizer: EmbeddedAuthorizer
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer

    def review(
        self, kind: ResourceType, user: UserInfo, namespace: str, item: Object, now: str
    ) -> Object:
        """Return the review with its status; raises ApiError if it has nothing to review."""
        spec = item.get("spec") or {}
        metadata: Object = {**(item.get("metadata") or {}), "creationTimestamp": None}
        result: Object = {
            "kind": kind.kind,
            "apiVersion": kind.api_version,
            "metadata": metadata,
        }
        if kind.resource == "selfsubjectreviews":
            metadata["creationTimestamp"] = now
            return {**result, "status": {"userInfo": user_info(user)}}
        result["spec"] = spec
        if kind.resource == "tokenreviews":
            return {**result, "status": self._token(spec)}
        if kind.resource == "selfsubjectrulesreviews":
            return {**result, "status": self._rules(user)}
        if kind.resource == "selfsubjectaccessreviews":
            return {**result, "status": self._access(kind, user, spec)}
        asked = UserInfo(
            username=spec.get("user") or "",
            uid=spec.get("uid") or "",
            groups=tuple(spec.get("groups") or ()),
            extra={key: tuple(values) for key, values in (spec.get("extra") or {}).items()},
        )
        if not asked.username and not asked.groups:
            raise invalid(
                kind,
                "",
                (required("spec.user", "at least one of user or group must be specified"),),
            )
        if kind.resource == "localsubjectaccessreviews":
            attributes = spec.get("resourceAttributes") or {}
            if attributes.get("namespace") != namespace:
                raise bad_request(
                    f"spec.resourceAttributes.namespace must match namespace: {namespace}"
                )
        return {**result, "status": self._access(kind, asked, spec)}

    def _token(self, spec: Object) -> Object:
        token = spec.get("token")
        if not token:
            raise bad_request("token is required for TokenReview in authentication")
        user = self._authenticator.user_of_token(token)
        if user is None:
            return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
        status: Object = {"authenticated": True, "user": user_info(user)}
        if spec.get("audiences"):
            status["audiences"] = spec["audiences"]
        return status

    def _access(self, kind: ResourceType, user: UserInfo, spec: Object) -> Object:
        of_resource, of_path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if (of_resource is None) == (of_path is None):
            detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(kind, "", (required("spec.resourceAttributes", detail),))
        asked = of_resource or of_path or {}
        attributes = Attributes(
            user=user,
            verb=asked.get("verb") or "",
            is_resource_request=of_resource is not None,
            path=asked.get("path") or "",
            namespace=asked.get("namespace") or "",
            api_group=asked.get("group") or "",
            api_version=asked.get("version") or "",
            resource=asked.get("resource") or "",
            subresource=asked.get("subresource") or "",
            name=asked.get("name") or "",
        )
        if not self._authorizer.allows(attributes):
            return {"allowed": False}
        everything = MASTERS in user.groups
        return {"allowed": True, "reason": MASTERS if everything else "permitted by name"}

    def _rules(self, user: UserInfo) -> Object:
        verbs = self._authorizer.verbs(user)
        resources: list[Object] = [
            {
                "verbs": ["create"],
                "apiGroups": ["authorization.k8s.io"],
                "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            },
            {
                "verbs": ["create"],
                "apiGroups": ["authentication.k8s.io"],
                "resources": ["selfsubjectreviews"],
            },
        ]
        if verbs:
            resources.append({"verbs": verbs, "apiGroups": ["*"], "resources": ["*"]})
        paths = ["*"] if EVERYTHING in verbs else ["/api", "/api/*", "/apis", "/apis/*"]
        return {
            "resourceRules": resources,
            "nonResourceRules": [
                {"verbs": ["*" if EVERYTHING in verbs else "get"], "nonResourceURLs": paths}
            ],
            "incomplete": False,
        }

    def token_request(self, account: Object, item: Object, now: int) -> Object:
        """A TokenRequest with a fresh token of a service account; it is accepted from now on."""
        metadata = account["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        spec = item.get("spec") or {}
        seconds = spec.get("expirationSeconds") or 3600
        token = secrets.token_urlsafe(32)
        self._authenticator.add(
            token,
            UserInfo(
                username=f"{SERVICE_ACCOUNT}{namespace}:{name}",
                uid=metadata["uid"],
                groups=("system:serviceaccounts", f"system:serviceaccounts:{namespace}"),
            ),
        )
        spec = {**spec, "audiences": spec.get("audiences") or [DEFAULT_AUDIENCE]}
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": rfc3339(now)},
            "spec": {**spec, "expirationSeconds": seconds, "boundObjectRef": None},
            "status": {
                "token": token,
                "expirationTimestamp": rfc3339(now + seconds * SECOND),
            },
        }


def user_info(user: UserInfo) -> dict[str, Any]:
    """A user as reviews show it."""
    found: dict[str, Any] = {"username": user.username}
    if user.uid:
        found["uid"] = user.uid
    found["groups"] = user.groups
    if user.extra:
        found["extra"] = user.extra
    return found
