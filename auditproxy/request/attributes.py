"""Authorizer attributes of a request (apiserver endpoints/filters/authorization.go)."""

from auditproxy.apis.attributes import Attributes, RequestInfo, SelectorRequirement
from auditproxy.apis.user import UserInfo
from auditproxy.request.selectors import SelectorError, field_requirements, label_requirements


def attributes(user: UserInfo | None, info: RequestInfo) -> Attributes:
    """What an authorizer and the policy are asked about; ``user`` is None when unknown.

    A selector that cannot be parsed counts as none, as in kube-apiserver.
    """
    if not info.is_resource_request:
        return Attributes(user=user, verb=info.verb, is_resource_request=False, path=info.path)
    fields: tuple[SelectorRequirement, ...] = ()
    labels: tuple[SelectorRequirement, ...] = ()
    if info.field_selector or info.label_selector:
        try:
            fields = field_requirements(info.field_selector)
        except SelectorError:
            fields = ()
        try:
            labels = label_requirements(info.label_selector)
        except SelectorError:
            labels = ()
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
