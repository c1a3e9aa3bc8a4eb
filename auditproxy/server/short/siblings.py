"""Siblings: targets that differ from a known one in the names of an object and its namespace alone.

    known    GET /api/v1/namespaces/team/pods/web-0
    another  GET /api/v1/namespaces/shop/pods/web-1    the same texts, with the other names

Clients that go through objects ask for new targets all the time. What a path means does not follow
from how these names are spelled, as long as nothing of them is escaped anywhere and no rule of the
policy mentions them: a sibling is what ``short_target`` would have returned for its line.
"""

import re

import msgspec
from msgspec.structs import replace

from auditproxy.apis.memo import Memo
from auditproxy.audit.template import TargetPart
from auditproxy.request.target import Target
from auditproxy.server.short.shorttarget import LONGEST_LINE, LONGEST_OF_KIND, ShortTarget

MAXIMUM_SIBLINGS = 512
"""Targets whose siblings are made from them."""

_LINE = re.compile(
    rb"(?P<begin>[A-Z]+ )"
    rb"(?P<path>(?P<api>/api/v1|/apis/[a-z0-9.-]+/[a-z0-9]+)"
    rb"(?:/namespaces/(?P<namespace>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?))?"
    rb"/(?P<resource>[a-z0-9]+)/(?P<name>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?))"
    rb" HTTP/1\.1"
)
"""Requests for one object whose names are spelled alike in a path, in JSON and by every reader."""

Key = tuple[bytes, bytes, bytes, bool]


class Siblings(msgspec.Struct, frozen=True, gc=False):
    """What ``known`` has in common with its siblings: the texts around the names."""

    known: ShortTarget
    matched: tuple[object, ...]
    """What the policy's rules match of it."""
    begin: bytes
    """The upstream's line up to the path."""
    verb: str
    """The event's members behind requestURI."""
    reference: tuple[str, str]
    """The event's objectRef before and behind the names."""

    def named(self, path: bytes, namespace: str, name: str) -> ShortTarget | None:
        """Return the sibling of that path and names; None if the policy has rules about them."""
        known, text = self.known, path.decode()
        found, reference = known.found, known.part.reference
        info = replace(
            found.info,
            path=text,
            namespace=namespace,
            name=name,
            parts=(found.info.resource, name),
        )
        if reference is None or known.services.evaluator.kind(info) != self.matched:
            return None
        before, behind = self.reference
        return ShortTarget(
            method=known.method,
            text=text,
            found=replace(
                found, target=Target(path, path, path, b"", path, None), info=info, request_uri=text
            ),
            line=b"%b%b HTTP/1.1\r\n" % (self.begin, path),
            seconds=known.seconds,
            has_length=known.has_length,
            is_resendable=known.is_resendable,
            services=known.services,
            part=TargetPart(
                f',"requestURI":"{text}"{self.verb}',
                f"{before}{_members(namespace, name)}{behind}",
                replace(reference, namespace=namespace, name=name),
            ),
            kind=known.kind,
        )


class KnownSiblings:
    """Finds siblings of the targets that were noted, under one configuration."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Memo[Key, Siblings | None] = Memo(MAXIMUM_SIBLINGS)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()

    def get(self, line: bytes) -> ShortTarget | None:
        """Return what a request line means, if a sibling of it was noted."""
        match = _LINE.fullmatch(line) if len(line) <= LONGEST_LINE else None
        siblings = None if match is None else self._known.get(_key(match))
        if match is None or siblings is None:
            return None
        namespace = match["namespace"] or b""
        return siblings.named(match["path"], namespace.decode(), match["name"].decode())

    def note(self, line: bytes, target: ShortTarget) -> None:
        """Note a target for its siblings."""
        match = _LINE.fullmatch(line) if len(line) <= LONGEST_OF_KIND else None
        if match is not None and _key(match) not in self._known:
            self._known.remember(_key(match), _siblings(match["path"], target))


def _key(match: re.Match[bytes]) -> Key:
    """All that is not a name in a line."""
    return match["begin"], match["api"], match["resource"], match["namespace"] is None


def _members(namespace: str, name: str) -> str:
    """The members of an objectRef that hold the names."""
    return f'"namespace":"{namespace}","name":"{name}"' if namespace else f'"name":"{name}"'


def _siblings(path: bytes, target: ShortTarget) -> Siblings | None:
    """Return what a target has in common; None if one of its names has another meaning too."""
    part, info = target.part, target.found.info
    # The name of a namespace is that of its path, too.
    if info.parts != (info.resource, info.name) or info.resource == "namespaces":
        return None
    empty, uri, verb = part.before.partition(f',"requestURI":"{path.decode()}"')
    begin, line, end = target.line.partition(path + b" HTTP/1.1\r\n")
    # Quotes within a value are escaped: these are the members themselves.
    before, names, behind = part.behind.partition(_members(info.namespace, info.name))
    if target.kind.early or empty or not uri or not line or end or not names:
        return None
    return Siblings(
        known=target,
        matched=target.services.evaluator.kind(info),
        begin=begin,
        verb=verb,
        reference=(before, behind),
    )
