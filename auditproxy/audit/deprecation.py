"""Which API versions are deprecated, as the answers' Warning headers tell.

kube-apiserver warns of its own in one form. A custom resource may have any text for it
(deprecationWarning), and a webhook may warn of a write in the same words; reads pass no
webhook. So a text that came with a read of a resource is known when it comes with a write.
"""

import re

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.authentication import EXTRA_SPACE

DEPRECATED = "k8s.io/deprecated"
REMOVED_RELEASE = "k8s.io/removed-release"

MOST_TEXTS = 1024
"""Resources whose own words are remembered."""
LONGEST_TEXT = 1024
"""Characters of them; a longer text is noted of reads alone."""

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
    """Knows the words of deprecated custom resources that were seen; bounded."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, str], str] = {}

    def annotations(
        self, info: RequestInfo, code: int, warnings: tuple[str, ...]
    ) -> tuple[tuple[str, str], ...]:
        """What an answer's warnings tell about a deprecated API version.

        Of a custom resource the server warns before it looks whether there is such a
        subresource or method, and annotates only what there is (apiextensions
        apiserver/customresource_handler.go). A warning of another version than the request's
        is a webhook's.
        """
        if code == 405 or (code == 404 and info.subresource not in _CUSTOM_SUBRESOURCES):
            return ()
        asked = f"{info.api_group}/{info.api_version}" if info.api_group else info.api_version
        for warning in warnings:
            found = _WARNING.fullmatch(warning)
            if found is not None and found["version"] == asked:
                removed = found["removed"]
                return (*_NOTE, (REMOVED_RELEASE, removed)) if removed else _NOTE
        # Groups of kube-apiserver's own that have a dot warn in its form alone.
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
