"""Names that kube-apiserver accepts, and its words for those it does not.

Facts of apimachinery util/validation/validation.go.
"""

import re

_LABEL_PATTERN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_PATTERN = rf"{_LABEL_PATTERN}(\.{_LABEL_PATTERN})*"
_LABEL = re.compile(_LABEL_PATTERN)

SUBDOMAIN = re.compile(_SUBDOMAIN_PATTERN)
"""The form of a DNS-1123 subdomain, whatever its length; reading takes linear time."""

SUBDOMAIN_LENGTH = 253
"""Characters of a DNS-1123 subdomain."""

LABEL_LENGTH = 63
"""Characters of a DNS-1123 label."""

NOT_A_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', "
    f"regex used for validation is '{_SUBDOMAIN_PATTERN}')"
)

HTTP_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
"""What follows the domain of a domain-prefixed path such as ``example.com/key``."""

STREAMING_SUBRESOURCES = frozenset({"attach", "exec", "proxy", "log", "portforward"})
"""Subresources that a node or a pod answers, for as long as it likes: they are long-running."""


def is_dns_label(text: str) -> bool:
    """Whether the text is a DNS-1123 label of at most 63 characters."""
    return len(text) <= LABEL_LENGTH and _LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Whether the text is a DNS-1123 subdomain of at most 253 characters."""
    return len(text) <= SUBDOMAIN_LENGTH and SUBDOMAIN.fullmatch(text) is not None
