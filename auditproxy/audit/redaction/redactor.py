"""Redaction: secret values of bodies and request URIs become markers before any backend sees them.

A marker holds a keyed digest (HMAC-SHA-256), so that equal values stay
comparable without being shown. Rules define which values are secret; body.py walks
a body and finds what else in it must be marked.
"""

import hmac
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote_to_bytes

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.memo import Memo
from auditproxy.audit.redaction.body import BodyRedactor
from auditproxy.audit.redaction.paths import LAST_APPLIED, Known, Paths, Scope
from auditproxy.serializer.budget import Budget

MARKER = "auditproxy.io/redacted:hmac-sha256:"
"""The prefix of the digest."""
MAXIMUM_SCOPES = 256
"""Kinds of resources whose scope is remembered; it follows from the rules."""
LONGEST_KIND = 128
"""Characters of group, resource and subresource that are remembered."""
DIGEST_LENGTH = 16
"""Hexadecimal characters of the digest that are shown."""


@dataclass(frozen=True, slots=True)
class RedactionRule:
    """Which values of which resources are secret; resources as in an audit policy's rule."""

    group: str
    resources: tuple[str, ...]
    paths: Paths
    known: Known = None
    """The members that the type has; others are marked. None is any."""
    columns: frozenset[str] = frozenset()
    """Columns of the type's Tables that show none of it, besides name and date."""

    def matches(self, info: RequestInfo) -> bool:
        """Whether a request's bodies hold objects of this rule."""
        if not info.is_resource_request or self.group not in ("*", info.api_group.lower()):
            return False
        resource, subresource = info.resource.lower(), info.subresource.lower()
        accepted = {
            "*",
            f"{resource}/*",
            f"{resource}/{subresource}" if subresource else resource,
            f"*/{subresource}",
        }
        return not accepted.isdisjoint(self.resources)


@dataclass(frozen=True, slots=True)
class Redactor:
    """All rules and the digest's key; query parameters are named in lower case."""

    rules: tuple[RedactionRule, ...]
    query_parameters: frozenset[str]
    key: bytes = field(repr=False)
    _scopes: Memo[tuple[str, str, str], Scope | Literal[False]] = field(
        default_factory=lambda: Memo(MAXIMUM_SCOPES), init=False, repr=False, compare=False
    )

    def paths(self, info: RequestInfo) -> Paths:
        """The paths of every rule that matches a request; () when its bodies hold no secret."""
        return tuple(path for rule in self.rules if rule.matches(info) for path in rule.paths)

    def scope(self, info: RequestInfo) -> Scope | None:
        """Return the scope of the matching rules; None if no rule matches the request."""
        if not info.is_resource_request:
            return None
        kind = (info.api_group, info.resource, info.subresource)
        known = self._scopes.get(kind)
        if known is None:
            known = self._scope(info) or False
            if sum(map(len, kind)) <= LONGEST_KIND:
                self._scopes.remember(kind, known)
        return known or None

    def _scope(self, info: RequestInfo) -> Scope | None:
        rules = [rule for rule in self.rules if rule.matches(info)]
        if not rules:
            return None
        paths = (*(path for rule in rules for path in rule.paths), LAST_APPLIED)
        known = next((rule.known for rule in rules if rule.known is not None), None)
        return Scope(paths, known, frozenset.intersection(*(rule.columns for rule in rules)))

    def body(self, scope: Scope, budget: Budget | None = None) -> BodyRedactor:
        """Return a redactor for one body; ``budget`` limits its cost."""
        return BodyRedactor(self.marker, MARKER, scope, budget)

    def marker(self, value: bytes) -> str:
        """Return the marker that replaces a value."""
        return MARKER + hmac.digest(self.key, value, "sha256").hex()[:DIGEST_LENGTH]

    def request_uri(self, uri: str) -> str:
        """Return the URI with the values of secret query parameters marked.

        Parameters are also split at ``;``, as servers behind a proxy subresource may
        do; the value of a secret one still extends to the ``&``.
        """
        path, mark, query = uri.partition("?")
        if not mark or not self.query_parameters:
            return uri
        settings = [self._setting(setting) for setting in query.split("&")]
        return f"{path}?{'&'.join(settings)}"

    def _setting(self, setting: str) -> str:
        """One ``name=value``, or several with semicolons between."""
        name, equals, value = setting.partition("=")
        if (
            equals
            and value
            and _unquoted(name).decode("utf-8", "replace").lower() in (self.query_parameters)
        ):
            return f"{name}={self.marker(_unquoted(value))}"
        first, semicolon, rest = setting.partition(";")
        return f"{first};{self._setting(rest)}" if semicolon else setting


def _unquoted(text: str) -> bytes:
    """A query's name or value as bytes."""
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))
