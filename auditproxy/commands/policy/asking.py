"""The request that ``auditproxy policy explain`` is asked about: from flags to a RequestInfo.

--path, --method            as a client sends it
--resource, --namespace     as a rule names it; the path follows
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo
from auditproxy.commands.policy.resourcenames import NamedResource, named_resource
from auditproxy.request.requestinfo import LongSelectorsError, RequestInfoError, resolve
from auditproxy.request.target import TargetError, parse_target

_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
_SERVICE_ACCOUNT = "system:serviceaccount:"
ANYONE = "(a user that no rule names)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: who, how, what. ``user`` None is one whose authentication failed.

    ``said`` is how --resource named the resource, "" where that is its plural.
    """

    user: UserInfo | None
    method: str
    uri: str
    info: RequestInfo
    said: str = ""


def asked(values: Mapping[str, Any]) -> Asked:
    """The request that flags describe; raises Unusable."""
    faults = []
    if values["path"] and (values["resource"] or values["api-group"] or values["name"]):
        faults.append(
            "--path says all about the request; remove --resource, --api-group and --name"
        )
    if not values["path"] and not values["resource"]:
        faults.append("auditproxy policy explain needs --path or --resource")
    if values["resource"] and not values["verb"]:
        faults.append("--resource needs --verb, such as --verb=get")
    if values["unauthenticated"] and (values["as"] or values["as-group"]):
        faults.append("--unauthenticated is a request without a user; remove --as and --as-group")
    if faults:
        raise Unusable(*faults)
    method = values["method"].upper() or _METHODS.get(values["verb"], "")
    if not method:
        method = values["verb"].upper() or "GET"
    uri, said = values["path"], ""
    if not uri:
        resource = named_resource(values["resource"], values["api-group"])
        uri, said = _path(values, resource), resource.said
    try:
        info = resolve(method, parse_target(method, uri.encode("utf-8", "surrogateescape")))
    except (TargetError, RequestInfoError, LongSelectorsError) as error:
        raise Unusable(f"{go_quote(uri)} is not the target of a request: {error}") from None
    if values["verb"] and values["verb"] != info.verb:
        raise Unusable(_other_verb(values["verb"], method, uri, info))
    return Asked(_user(values), method, uri, info, said)


def _other_verb(verb: str, method: str, uri: str, info: RequestInfo) -> str:
    fix = f"--verb={info.verb}" if info.verb else "another --method"
    if not info.name and verb in ("get", "delete"):
        fix = f"a name, or {fix}"
    elif verb == "watch":
        fix = f"{uri}{'&' if '?' in uri else '?'}watch=true, or {fix}"
    return f"{method} {uri} has the verb {go_quote(info.verb)}, not {go_quote(verb)}; give {fix}"


def _path(values: Mapping[str, Any], named: NamedResource) -> str:
    """The path of a request for a resource; a policy does not read versions."""
    resource, subresource = named.resource, named.subresource
    prefix = f"/apis/{named.group}/v1" if named.group else "/api/v1"
    namespace = values["namespace"]
    if namespace and resource != "namespaces":
        prefix += f"/namespaces/{quote(namespace, '')}"
    path = f"{prefix}/{resource}"
    verb, name = values["verb"], quote(values["name"], "")
    query = ["watch=true"] if verb == "watch" else []
    if name and verb in ("list", "watch"):
        query.append(f"fieldSelector=metadata.name%3D{name}")
    elif name:
        path += f"/{name}"
    elif subresource:
        path += "/NAME"
    path += f"/{subresource}" if subresource else ""
    return path + (f"?{'&'.join(query)}" if query else "")


def _user(values: Mapping[str, Any]) -> UserInfo | None:
    """Who asks, in the groups that kube-apiserver puts users into."""
    if values["unauthenticated"]:
        return None
    name = values["as"] or ANYONE
    groups = list(values["as-group"])
    if name.startswith(_SERVICE_ACCOUNT) and not groups:
        namespace = name.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    if name == ANONYMOUS:
        always = UNAUTHENTICATED
    elif UNAUTHENTICATED in groups:
        always = ""
    else:
        always = AUTHENTICATED
    if always and always not in groups:
        groups.append(always)
    return UserInfo(username=name, groups=tuple(groups))
