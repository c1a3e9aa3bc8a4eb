"""Deprecated API versions, inferred from the Warning headers of answers.

kube-apiserver's warnings about its own versions have one form. A custom resource may define
any text (deprecationWarning), and a webhook may add the same text to the answer of a write.
Reads pass no webhook: a text learned from a read of a resource is recognized in later writes.
"""

import re

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.authentication import EXTRA_SPACE

DEPRECATED = "k8s.io/deprecated"
REMOVED_RELEASE = "k8s.io/removed-release"

MOST_TEXTS = 1024
"""Maximum number of resources whose texts are remembered."""
LONGEST_TEXT = 1024
"""Maximum characters of a text; a longer one is recognized in answers to reads only."""

_WARNING = re.compile(
    r'299 [^ ]+ "(?P<version>(?:[a-z0-9.-]+/)?v\d[a-z0-9]*) [A-Z][A-Za-z0-9]* is deprecated'
    r"(?: in v\d+\.\d+\+(?:, unavailable in v(?P<removed>\d+\.\d+)\+)?)?"
    r'(?:; use [^"]+)?"'
)
"""The warning of a deprecated API version (apiserver endpoints/deprecation)."""

_READS = frozenset({"get", "list", "watch"})
_CUSTOM_SUBRESOURCES = ("", "status", "scale")
"""What a custom resource can have; built-in ones that are deprecated have no others."""
_NOTE = ((DEPRECATED, "true"),)


class Deprecations:
    """Remembers the warning texts of deprecated custom resources; bounded."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, str], str] = {}

    def annotations(
        self, info: RequestInfo, code: int, warnings: tuple[str, ...]
    ) -> tuple[tuple[str, str], ...]:
        """Return the annotations for a deprecated API version, from an answer's warnings.

        For a custom resource the server sends the warning before it checks that the
        subresource or method exists, and annotates only if it does (apiextensions
        apiserver/customresource_handler.go). A warning about another version than the
        request's comes from a webhook.
        """
        if code == 405 or (code == 404 and info.subresource not in _CUSTOM_SUBRESOURCES):
            return ()
        asked = f"{info.api_group}/{info.api_version}" if info.api_group else info.api_version
        for warning in warnings:
            found = _WARNING.fullmatch(warning)
            if found is not None and found["version"] == asked:
                removed = found["removed"]
                return (*_NOTE, (REMOVED_RELEASE, removed)) if removed else _NOTE
        # kube-apiserver's own groups with a dot use only its form.
        if "." not in info.api_group:
            return ()
        resource = (info.api_group, info.api_version, info.resource)
        if info.verb not in _READS:
            return _NOTE if self._texts.get(resource) in warnings else ()
        for warning in warnings:
            if warning.startswith('299 - "') and EXTRA_SPACE not in warning:
                if len(warning) <= LONGEST_TEXT and len(self._texts) < MOST_TEXTS:
                    self._texts[resource] = warning
                return _NOTE
        return ()
