"""Names of nodes, service accounts and extra keys, as kube-apiserver validates them.

Source: apimachinery util/validation/validation.go and apiserver
authentication/serviceaccount/util.go.
"""

import re

from auditproxy.apis.status import go_quote

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = re.compile(_LABEL)
_DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_HTTP_PATH = re.compile(_PATH)

_SUBDOMAIN_FAULT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.{_LABEL})*')"
)
_PATH_FAULT = f"Invalid path (regex used for validation is '{_PATH}')"

_NODE_PREFIX = "system:node:"
_SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"


def is_dns_label(text: str) -> bool:
    """Return whether the text is a DNS-1123 label of at most 63 characters."""
    return len(text) <= 63 and _DNS_LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Return whether the text is a DNS-1123 subdomain of at most 253 characters."""
    return len(text) <= 253 and _DNS_SUBDOMAIN.fullmatch(text) is not None


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
    if len(host) > 253:
        faults.append(_invalid(host, "must be no more than 253 bytes"))
    if _DNS_SUBDOMAIN.fullmatch(host) is None:
        faults.append(_invalid(host, _SUBDOMAIN_FAULT))
    if _HTTP_PATH.fullmatch(path) is None:
        faults.append(_invalid(path, _PATH_FAULT))
    return faults


def _invalid(value: str, why: str) -> str:
    return f"extra.key: Invalid value: {go_quote(value)}: {why}"
