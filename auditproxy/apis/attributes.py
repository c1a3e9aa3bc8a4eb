"""RequestInfo and authorizer Attributes: what is asked, in kube-apiserver's words."""

import msgspec

from auditproxy.apis.user import UserInfo


class RequestInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a method and a path mean (apiserver endpoints/request/requestinfo.go).

    Strings may hold lone surrogates U+DC80..U+DCFF: each stands for one byte
    of the target that is not UTF-8.
    """

    is_resource_request: bool
    path: str
    verb: str
    api_prefix: str = ""
    api_group: str = ""
    api_version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    parts: tuple[str, ...] = ()
    field_selector: str = ""
    label_selector: str = ""


class SelectorRequirement(msgspec.Struct, frozen=True):
    """One term of a selector; operators are a review's: In, NotIn, Exists, DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorizer is asked about (apiserver authorization/authorizer/interfaces.go).

    ``user`` is None when unknown.
    """

    user: UserInfo | None
    verb: str
    is_resource_request: bool
    path: str
    namespace: str = ""
    api_group: str = ""
    api_version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    field_selector: tuple[SelectorRequirement, ...] = ()
    label_selector: tuple[SelectorRequirement, ...] = ()
