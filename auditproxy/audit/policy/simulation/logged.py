"""LoggedEvent: a line of an audit log, as far as a policy's decision and its size depend on it.

What a policy decided by is not in an event as such: the name and the namespace of objectRef may
come from a body. So method and path are read again from requestURI, as the server read them.
"""

from typing import Literal

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import LEVEL_WORDS, Level
from auditproxy.apis.memo import Memo
from auditproxy.apis.user import UserInfo
from auditproxy.request.requestinfo import LongSelectorsError, RequestInfoError, resolve
from auditproxy.request.target import TargetError, parse_target
from auditproxy.serializer.errors import JSONError, SerializationError

MAXIMUM_TARGETS = 8192
"""Verbs and request URIs whose meaning is remembered."""

LONGEST_TARGET = 1024
"""Characters of one of them."""

StageWord = Literal["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]
"""A stage as a plain text: members of enumerations are slow to look up."""

_LEVELS = {word: level for level, word in LEVEL_WORDS.items()}
_METHODS = {
    "create": "POST",
    "update": "PUT",
    "list": "GET",
    "watch": "GET",
    "proxy": "GET",
    "deletecollection": "DELETE",
    "": "OPTIONS",
}
"""Methods of verbs that have other names."""
_ABSENT = msgspec.Raw(b"")
REQUEST_KEY = len(',"requestObject":')
RESPONSE_KEY = len(',"responseObject":')
_STATUS_KEY = len(',"responseStatus":')
_ANNOTATIONS_KEY = len(',"annotations":')


class LoggedEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The members that are read; ``size`` is not one of them."""

    kind: str
    level: str
    stage: StageWord
    request_uri: str = msgspec.field(name="requestURI")
    verb: str
    user: UserInfo
    stage_timestamp: str
    audit_id: str = msgspec.field(name="auditID", default="")
    request_object: msgspec.Raw = _ABSENT
    response_object: msgspec.Raw = _ABSENT
    response_status: msgspec.Raw = _ABSENT
    annotations: msgspec.Raw = _ABSENT

    @property
    def recorded_level(self) -> Level:
        """The level that it was recorded at."""
        return _LEVELS[self.level]

    @property
    def asker(self) -> UserInfo | None:
        """The original user, which the policy decided by; None after failed authentication."""
        return self.user if self.user.username or self.user.groups else None

    def size_at(self, size: int, level: Level) -> int:
        """Bytes of its line at another level, with the bodies that it has; ``size`` is its own."""
        size += len(LEVEL_WORDS[level]) - len(self.level)
        if level < Level.REQUEST and self.request_object:
            size -= REQUEST_KEY + len(self.request_object)
        if level < Level.REQUEST_RESPONSE and self.response_object:
            size -= RESPONSE_KEY + len(self.response_object)
        return size

    def size_of_arrival(self, size: int, level: Level) -> int:
        """About the bytes of its request's RequestReceived event: without bodies and result."""
        size = self.size_at(size, Level.METADATA) + len(LEVEL_WORDS[level]) - len("Metadata")
        if self.response_status:
            size -= _STATUS_KEY + len(self.response_status)
        if self.annotations:
            size -= _ANNOTATIONS_KEY + len(self.annotations)
        return size


_DECODER = msgspec.json.Decoder(LoggedEvent)


def read_logged(line: bytes) -> LoggedEvent:
    """The event in a line; raises SerializationError for what is not one."""
    try:
        event = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise SerializationError(f"not an event: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise JSONError("not JSON") from None
    if event.kind != "Event":
        raise SerializationError("not an event: another kind")
    if event.level not in _LEVELS:
        raise SerializationError("not an event: no such level")
    return event


class Meanings:
    """The RequestInfo of events, remembered by verb and request URI."""

    def __init__(self) -> None:
        self._known: Memo[tuple[str, str], RequestInfo] = Memo(MAXIMUM_TARGETS)

    def of(self, event: LoggedEvent) -> RequestInfo:
        """What the policy was asked about."""
        key = event.verb, event.request_uri
        found = self._known.get(key)
        if found is None:
            found = request_info(*key)
            if len(event.request_uri) <= LONGEST_TARGET:
                self._known.remember(key, found)
        return found


def request_info(verb: str, uri: str) -> RequestInfo:
    """The RequestInfo of an event's verb and request URI.

    A target that no server resolves is decided by its verb alone.
    """
    method = _METHODS.get(verb, verb.upper())
    nothing = RequestInfo(is_resource_request=False, path="", verb=verb)
    try:
        target = parse_target(method, uri.encode("utf-8", "surrogateescape"))
        try:
            info = resolve(method, target)
        except LongSelectorsError:
            info = resolve(method, parse_target(method, target.raw.partition(b"?")[0]))
    except (TargetError, RequestInfoError, UnicodeEncodeError):
        return nothing
    # The verb was read from the request itself.
    return info if info.verb == verb else msgspec.structs.replace(info, verb=verb)
