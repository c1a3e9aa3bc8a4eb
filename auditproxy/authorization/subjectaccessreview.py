"""SubjectAccessReview: request bodies for kube-apiserver's authorizer, and their answers.

Sending and caching are in lookups/reviews.py. Members and their omission follow
kubernetes api authorization/v1. The mapping of attributes and answers follows kube's
webhook authorizer (apiserver plugin/pkg/authorizer/webhook/webhook.go).
"""

import msgspec

from auditproxy.apis.attributes import Attributes, SelectorRequirement
from auditproxy.apis.prepared import prepared
from auditproxy.authorization.authorizer import Decision
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as, encode

SUBJECT_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
SELF_SUBJECT_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

CACHEABLE_LENGTH = 10_000
"""Bytes of client-chosen attributes from which on an answer is not cached."""

_API_VERSION = "authorization.k8s.io/v1"


class _Requirement(msgspec.Struct, frozen=True, omit_defaults=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class _Selector(msgspec.Struct, frozen=True):
    requirements: tuple[_Requirement, ...]


class _ResourceAttributes(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"
):
    namespace: str = ""
    verb: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    field_selector: _Selector | None = None
    label_selector: _Selector | None = None


class _NonResourceAttributes(msgspec.Struct, frozen=True, omit_defaults=True):
    path: str = ""
    verb: str = ""


class _Spec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    resource_attributes: _ResourceAttributes | None = None
    non_resource_attributes: _NonResourceAttributes | None = None
    user: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}
    uid: str = ""


class _Status(msgspec.Struct):
    allowed: bool = False
    denied: bool = False
    reason: str = ""


@prepared
class _Review(msgspec.Struct):
    status: _Status


def spec(attributes: Attributes) -> bytes:
    """Return the encoded spec of the review; equal reviews encode to equal bytes."""
    user = attributes.user
    resource = non_resource = None
    if attributes.is_resource_request:
        resource = _ResourceAttributes(
            namespace=attributes.namespace,
            verb=attributes.verb,
            group=attributes.api_group,
            version=attributes.api_version,
            resource=attributes.resource,
            subresource=attributes.subresource,
            name=attributes.name,
            field_selector=_selector(attributes.field_selector),
            label_selector=_selector(attributes.label_selector),
        )
    else:
        non_resource = _NonResourceAttributes(path=attributes.path, verb=attributes.verb)
    return encode(
        _Spec(
            resource_attributes=resource,
            non_resource_attributes=non_resource,
            user=user.username if user else "",
            groups=user.groups if user else (),
            extra=dict(sorted(user.extra.items())) if user else {},
            uid=user.uid if user else "",
        )
    )


def _selector(requirements: tuple[SelectorRequirement, ...]) -> _Selector | None:
    if not requirements:
        return None
    return _Selector(tuple(_Requirement(r.key, r.operator, r.values) for r in requirements))


def review(encoded_spec: bytes) -> bytes:
    """Return the body of a review with ``encoded_spec``."""
    return (
        b'{"apiVersion":"%s","kind":"SubjectAccessReview","spec":' % _API_VERSION.encode()
        + encoded_spec
        + b"}"
    )


def self_review(verb: str, group: str, resource: str) -> bytes:
    """Return the body that asks whether the sender may do this to all objects of a resource."""
    asked = _ResourceAttributes(verb=verb, group=group, resource=resource)
    return encode(
        {
            "apiVersion": _API_VERSION,
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
    )


def read_review(body: bytes) -> Decision:
    """Return the decision of an answered review; an invalid answer is an error."""
    try:
        status = decode_as(body, _Review).status
    except JSONError:
        return Decision(allowed=False, error="the answer is not a SubjectAccessReview")
    if status.denied and status.allowed:
        return Decision(
            allowed=False,
            denied=True,
            reason=status.reason,
            error="webhook subject access review returned both allow and deny response",
        )
    return Decision(allowed=status.allowed, denied=status.denied, reason=status.reason)


def cacheable(attributes: Attributes) -> bool:
    """Return whether the answer may be cached; huge attributes would evict all others."""
    texts = (
        attributes.namespace,
        attributes.verb,
        attributes.api_group,
        attributes.api_version,
        attributes.resource,
        attributes.subresource,
        attributes.name,
        attributes.path if not attributes.is_resource_request else "",
    )
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return size < CACHEABLE_LENGTH
