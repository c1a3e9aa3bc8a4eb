"""Authorizer attributes of a request (apiserver endpoints/filters/authorization.go)."""

from functools import lru_cache

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.user import UserInfo
from auditproxy.request.selectors import (
    LONGEST_SELECTORS,
    Requirements,
    SelectorError,
    field_requirements,
    label_requirements,
)

_REMEMBERED_LENGTH = 512
"""Longest selectors, in characters, whose result is cached; clients repeat theirs."""


def attributes(user: UserInfo | None, info: RequestInfo, *, selectors: bool = True) -> Attributes:
    """Return the attributes for authorizers and the policy; ``user`` is None when unknown.

    A selector that cannot be parsed is treated as absent, as in kube-apiserver. So are
    selectors longer than LONGEST_SELECTORS, which only widens the access to be authorized.
    The policy does not use selectors and passes ``selectors=False``.
    """
    if not info.is_resource_request:
        return Attributes(user=user, verb=info.verb, is_resource_request=False, path=info.path)
    fields: Requirements = ()
    labels: Requirements = ()
    length = len(info.field_selector) + len(info.label_selector) if selectors else 0
    if 0 < length <= LONGEST_SELECTORS:
        read = _remembered if length <= _REMEMBERED_LENGTH else _requirements
        fields, labels = read(info.field_selector, info.label_selector)
    return Attributes(
        user=user,
        verb=info.verb,
        is_resource_request=True,
        path=info.path,
        namespace=info.namespace,
        api_group=info.api_group,
        api_version=info.api_version,
        resource=info.resource,
        subresource=info.subresource,
        name=info.name,
        field_selector=fields,
        label_selector=labels,
    )


def _requirements(field_selector: str, label_selector: str) -> tuple[Requirements, Requirements]:
    """Return both selectors' requirements; none for a selector that cannot be parsed."""
    try:
        fields = field_requirements(field_selector)
    except SelectorError:
        fields = ()
    try:
        labels = label_requirements(label_selector)
    except SelectorError:
        labels = ()
    return fields, labels


_remembered = lru_cache(maxsize=256)(_requirements)
