"""Reading objects: get, list and watch, as objects, Tables or metadata alone."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import failure
from auditproxy.embedded.answers import (
    ApiError,
    Object,
    Wanted,
    answer,
    bad_request,
    expired,
    wanted,
)
from auditproxy.embedded.http1 import Request, Response
from auditproxy.embedded.kinds import ResourceType
from auditproxy.embedded.rest.storage import Change, Selection, Storage, TooOld, check_fields
from auditproxy.embedded.rest.tables import partial, table
from auditproxy.request.selectors import SelectorError, field_requirements, label_requirements
from auditproxy.serializer.json import encode, status_object

_META = "meta.k8s.io"
_TABLE = Wanted("Table", _META, "v1")
_PARTIAL = Wanted("PartialObjectMetadata", _META, "v1")
_PARTIAL_LIST = Wanted("PartialObjectMetadataList", _META, "v1")
_INCLUDES = ("", "Metadata", "Object", "None")
_INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}
DEFAULT_WATCH_SECONDS = 1800


def selection(info: RequestInfo, kind: ResourceType) -> Selection:
    """What a list, a watch or a deletecollection asks for; raises ApiError (400)."""
    try:
        fields = field_requirements(info.field_selector)
        labels = label_requirements(info.label_selector)
    except SelectorError as error:
        raise bad_request(str(error)) from None
    check_fields(kind, fields)
    return Selection(info.namespace if kind.namespaced else "", fields, labels)


@dataclass(frozen=True, slots=True)
class Form:
    """How objects are shown: as they are, as Tables, or as metadata alone."""

    kind: ResourceType
    wanted: Wanted
    include: str
    clock: Callable[[], int]

    @classmethod
    def of(cls, request: Request, kind: ResourceType, clock: Callable[[], int]) -> "Form":
        """The form that a request asks for; raises ApiError (400, 406)."""
        include = request.first("includeObject")
        if include not in _INCLUDES:
            raise bad_request(f"unrecognized includeObject value: {go_quote(include)}")
        offered = (_TABLE, _PARTIAL, _PARTIAL_LIST)
        accept = request.headers.get("accept", "")
        return cls(kind, wanted(accept, offered), include or "Metadata", clock)

    def one(self, item: Object, *, with_columns: bool = True) -> Object:
        """One object."""
        if self.wanted == _TABLE:
            version = {"resourceVersion": item["metadata"].get("resourceVersion", "")}
            return self._table((item,), version, with_columns=with_columns)
        return item if self.wanted == Wanted() else partial(item)

    def many(self, items: list[Object], metadata: Object) -> Object:
        """A list."""
        if self.wanted == _TABLE:
            return self._table(items, metadata, with_columns=True)
        if self.wanted == Wanted():
            # Items of a typed list do not say their kind again.
            bare = [
                {name: item[name] for name in item if name not in ("kind", "apiVersion")}
                for item in items
            ]
            return {
                "kind": f"{self.kind.kind}List",
                "apiVersion": self.kind.api_version,
                "metadata": metadata,
                "items": bare,
            }
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": f"{_META}/v1",
            "metadata": metadata,
            "items": [partial(item) for item in items],
        }

    def bookmark(self, version: int, annotations: dict[str, str]) -> Object:
        """An object that has a resourceVersion only."""
        metadata: Object = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        item = {
            "kind": self.kind.kind,
            "apiVersion": self.kind.api_version,
            "metadata": metadata,
        }
        if self.wanted == _TABLE:
            return self._table((), {"resourceVersion": str(version)}, with_columns=False)
        return item if self.wanted == Wanted() else partial(item)

    def _table(
        self, items: list[Object] | tuple[Object, ...], metadata: Object, *, with_columns: bool
    ) -> Object:
        return table(
            self.kind,
            items,
            metadata,
            now=self.clock(),
            include=self.include,
            with_columns=with_columns,
        )


class Reader:
    """Everything that only reads the storage; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, storage: Storage, clock: Callable[[], int]) -> None:
        self._storage = storage
        self._clock = clock

    def get(self, request: Request, kind: ResourceType, namespace: str, name: str) -> Response:
        """One object; raises ApiError."""
        form = Form.of(request, kind, self._clock)
        return answer(form.one(self._storage.get(kind, namespace, name)))

    def list(self, request: Request, kind: ResourceType, info: RequestInfo) -> Response:
        """A list, in pieces of ``limit`` when the client asks for that; raises ApiError."""
        form = Form.of(request, kind, self._clock)
        chosen = selection(info, kind)
        _number(request, "resourceVersion")
        items = list(self._storage.list(kind, chosen))
        metadata: Object = {"resourceVersion": str(self._storage.version)}
        limit, token = _number(request, "limit"), request.first("continue")
        if token:
            after = _continued(token)
            items = [item for item in items if _place(item) > after]
        if limit and len(items) > limit:
            metadata["continue"] = _continuation(items[limit - 1])
            metadata["remainingItemCount"] = len(items) - limit
            items = list(islice(items, limit))
        return answer(form.many(items, metadata))

    def watch(self, request: Request, kind: ResourceType, info: RequestInfo) -> Response:
        """Changes as they happen, one JSON object a line; raises ApiError."""
        form = Form.of(request, kind, self._clock)
        chosen = selection(info, kind)
        if info.name and not info.field_selector:
            chosen = Selection(
                chosen.namespace, field_requirements(f"metadata.name={info.name}"), chosen.labels
            )
        version = _number(request, "resourceVersion")
        seconds = _number(request, "timeoutSeconds") or DEFAULT_WATCH_SECONDS
        bookmarks = request.first("allowWatchBookmarks") in ("true", "1")
        initial = request.first("sendInitialEvents") in ("true", "1")
        watch = Watch(self._storage, kind, form, chosen)
        stream = watch.events(
            version, seconds, with_initial=initial or not version, mark_end=initial and bookmarks
        )
        return Response(200, stream=stream)


class Watch:
    """One watch: the user, the selection and the form."""

    def __init__(self, storage: Storage, kind: ResourceType, form: Form, chosen: Selection) -> None:
        self._storage = storage
        self._kind = kind
        self._form = form
        self._chosen = chosen
        self._with_columns = True

    async def events(
        self, version: int, seconds: int, *, with_initial: bool, mark_end: bool
    ) -> AsyncIterator[bytes]:
        """Lines until the time is over; what exists comes first when it is asked for."""
        if with_initial:
            version = self._storage.version
            for item in list(self._storage.list(self._kind, self._chosen)):
                yield self._line("ADDED", item)
            if mark_end:
                yield _line("BOOKMARK", self._form.bookmark(version, _INITIAL_EVENTS_END))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            try:
                changes = self._storage.changes(version, self._concerns)
            except TooOld as error:
                status = status_object(expired(str(error)))
                yield b'{"type":"ERROR","object":' + status + b"}\n"
                return
            version = max(version, self._storage.version)
            for change in changes:
                for line in self._lines(change):
                    yield line
            try:
                async with asyncio.timeout_at(deadline):
                    await self._storage.wait(version)
            except TimeoutError:
                return

    def _concerns(self, change: Change) -> bool:
        return change.kind is self._kind

    def _lines(self, change: Change) -> Iterator[bytes]:
        """Show a change to the selection: an object that starts or stops matching comes or goes."""
        before = change.before is not None and self._chosen.matches(change.before)
        after = change.after is not None and self._chosen.matches(change.after)
        if after:
            yield self._line("MODIFIED" if before else "ADDED", change.last)
        elif before:
            yield self._line("DELETED", change.last)

    def _line(self, kind: str, item: Object) -> bytes:
        shown = self._form.one(item, with_columns=self._with_columns)
        self._with_columns = False
        return _line(kind, shown)


def _line(kind: str, item: Object) -> bytes:
    return encode({"type": kind, "object": item}) + b"\n"


def _number(request: Request, name: str) -> int:
    text = request.first(name)
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise bad_request(
            f"Invalid value: {go_quote(text)}: strconv.ParseUint: parsing {go_quote(text)}: "
            "invalid syntax"
        )
    return int(text)


def _place(item: Object) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _continuation(last: Object) -> str:
    return base64.urlsafe_b64encode(encode(_place(last))).decode()


def _continued(token: str) -> tuple[str, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[str, str])
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise ApiError(failure(400, "BadRequest", "continue key is not valid")) from None
