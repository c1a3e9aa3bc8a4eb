"""Names of nodes, service accounts and extra keys, as kube-apiserver validates them.

Source: apimachinery util/validation/validation.go and apiserver
authentication/serviceaccount/util.go.
"""

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.names import (
    HTTP_PATH,
    NOT_A_SUBDOMAIN,
    SUBDOMAIN,
    SUBDOMAIN_LENGTH,
    is_dns_label,
    is_dns_subdomain,
)

_PATH_FAULT = f"Invalid path (regex used for validation is '{HTTP_PATH.pattern}')"

_NODE_PREFIX = "system:node:"
_SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"


def node_name(username: str) -> str | None:
    """Return the node of a ``system:node:<name>`` username, None for other usernames."""
    name = username.removeprefix(_NODE_PREFIX)
    return name if username.startswith(_NODE_PREFIX) and is_dns_subdomain(name) else None


def split_service_account(username: str) -> tuple[str, str] | None:
    """Return namespace and name of a service account username, None for other usernames."""
    if not username.startswith(_SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, name = username.removeprefix(_SERVICE_ACCOUNT_PREFIX).partition(":")
    if not colon or not is_dns_label(namespace) or not is_dns_subdomain(name):
        return None
    return namespace, name


def service_account_groups(namespace: str) -> tuple[str, ...]:
    """Return the groups of every service account in a namespace."""
    return "system:serviceaccounts", f"system:serviceaccounts:{namespace}"


def extra_fault(extra: dict[str, tuple[str, ...]]) -> str | None:
    """Return why constrained impersonation refuses this extra, in kube-apiserver's words."""
    for key, values in extra.items():
        if not key:
            return "impersonating the empty string key in extra is not allowed"
        faults = _prefixed_path_faults(key)
        if faults:
            text = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
            return f"impersonating an invalid key in extra is not allowed: {text}"
        if key != key.lower():
            return f"impersonating a non-lowercase key in extra is not allowed: {go_quote(key)}"
        if not values:
            return "impersonating empty values in extra is not allowed"
        if "" in values:
            return "impersonating the empty string value in extra is not allowed"
    return None


def _prefixed_path_faults(key: str) -> list[str]:
    """Return the faults of a key that must be a domain-prefixed path such as ``acme.io/foo``."""
    host, _, path = key.partition("/")
    if not host or not path:
        return [_invalid(key, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    faults = []
    if len(host) > SUBDOMAIN_LENGTH:
        faults.append(_invalid(host, f"must be no more than {SUBDOMAIN_LENGTH} bytes"))
    if SUBDOMAIN.fullmatch(host) is None:
        faults.append(_invalid(host, NOT_A_SUBDOMAIN))
    if HTTP_PATH.fullmatch(path) is None:
        faults.append(_invalid(path, _PATH_FAULT))
    return faults


def _invalid(value: str, why: str) -> str:
    return f"extra.key: Invalid value: {go_quote(value)}: {why}"
