"""The verbs of the REST API over one resource: from a request to an answer."""

from collections.abc import Callable

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.status import StatusDetails, failure
from auditproxy.embedded import kinds
from auditproxy.embedded.answers import (
    ApiError,
    Object,
    answer,
    bad_request,
    method_not_allowed,
    no_such_path,
    success,
)
from auditproxy.embedded.authorizer import EmbeddedAuthorizer
from auditproxy.embedded.http1 import RawConnection, Request, Response
from auditproxy.embedded.kinds import ResourceType, Subresource
from auditproxy.embedded.pods.requests import PodSessions
from auditproxy.embedded.rest import bodies
from auditproxy.embedded.rest.managedfields import apply
from auditproxy.embedded.rest.patches import (
    PatchError,
    PatchMismatchError,
    json_patch,
    merge_patch,
    strategic_merge_patch,
)
from auditproxy.embedded.rest.reads import Form, Reader, selection
from auditproxy.embedded.rest.scale import scale_of, scaled
from auditproxy.embedded.rest.storage import Storage
from auditproxy.embedded.rest.writes import Writer
from auditproxy.embedded.reviews import EmbeddedReviewer

_PATCHERS = {
    bodies.JSON_PATCH: json_patch,
    bodies.MERGE_PATCH: merge_patch,
    bodies.STRATEGIC_PATCH: strategic_merge_patch,
}


class Resources:
    """Answers requests for resources, which have been authorized."""

    def __init__(
        self,
        storage: Storage,
        authorizer: EmbeddedAuthorizer,
        reviewer: EmbeddedReviewer,
        sessions: PodSessions,
        clock: Callable[[], int],
    ) -> None:
        self._storage = storage
        self._authorizer = authorizer
        self._reviewer = reviewer
        self._sessions = sessions
        self._clock = clock
        self._reader = Reader(storage, clock)
        self.writer = Writer(storage, clock)

    async def serve(
        self, request: Request, info: RequestInfo, connection: RawConnection
    ) -> Response | None:
        """The answer; None when the connection was taken over. Raises ApiError."""
        kind = kinds.find(info.api_group, info.api_version, info.resource)
        if kind is None or len(info.parts) > 3:
            return no_such_path()
        if info.namespace and not kind.namespaced and kind.resource != "namespaces":
            return no_such_path()
        name = info.parts[1] if len(info.parts) > 1 else ""
        if not info.subresource:
            return self._whole(request, info, kind, name)
        subresource = kind.subresource(info.subresource)
        if subresource is None:
            return no_such_path()
        if request.method not in _METHODS[subresource.name]:
            raise method_not_allowed()
        if kind.resource == "pods" and subresource.name not in ("status", "ephemeralcontainers"):
            pod = self._storage.get(kind, info.namespace, name)
            return await self._sessions.serve(request, subresource.name, pod, connection)
        return self._subresource(request, info, kind, subresource, name)

    def _whole(
        self, request: Request, info: RequestInfo, kind: ResourceType, name: str
    ) -> Response:
        method = request.method
        if not kind.is_stored:
            if method != "POST" or name:
                raise method_not_allowed()
            item = bodies.check_type(kind, bodies.read_object(request))
            now = self.writer.now()
            return answer(self._reviewer.review(kind, request.user, info.namespace, item, now), 201)
        if method == "GET":
            if info.verb == "watch":
                return self._reader.watch(request, kind, info)
            if name:
                return self._reader.get(request, kind, info.namespace, name)
            return self._reader.list(request, kind, info)
        if kind.namespaced and not info.namespace:
            raise method_not_allowed()
        if method == "POST" and not name:
            return self._create(request, info, kind)
        if method == "PUT" and name:
            return self._update(request, info, kind, name)
        if method == "PATCH" and name:
            return self._patch(request, info, kind, name, "")
        if method == "DELETE" and name:
            return self._delete(request, info, kind, name)
        if method == "DELETE" and "deletecollection" in kind.verbs:
            return self._delete_collection(request, info, kind)
        raise method_not_allowed()

    def _namespace(self, info: RequestInfo, kind: ResourceType) -> str:
        return info.namespace if kind.namespaced else ""

    def _create(self, request: Request, info: RequestInfo, kind: ResourceType) -> Response:
        form = Form.of(request, kind, self._clock)
        dry_run = bodies.is_dry_run(request)
        item = bodies.check_type(kind, bodies.read_object(request))
        item = bodies.check_place(kind, item, self._namespace(info, kind), "")
        manager = bodies.manager(request, self.writer.now())
        return answer(form.one(self.writer.create(kind, item, manager, dry_run=dry_run)), 201)

    def _update(
        self,
        request: Request,
        info: RequestInfo,
        kind: ResourceType,
        name: str,
        subresource: str = "",
    ) -> Response:
        form = Form.of(request, kind, self._clock)
        dry_run = bodies.is_dry_run(request)
        item = bodies.check_type(kind, bodies.read_object(request))
        item = bodies.check_place(kind, item, self._namespace(info, kind), name)
        manager = bodies.manager(request, self.writer.now(), subresource=subresource)
        return answer(form.one(self.writer.update(kind, item, manager, dry_run=dry_run)))

    def _patch(
        self,
        request: Request,
        info: RequestInfo,
        kind: ResourceType,
        name: str,
        subresource: str,
    ) -> Response:
        form = Form.of(request, kind, self._clock)
        dry_run = bodies.is_dry_run(request)
        patch_type, patch = bodies.read_patch(request)
        namespace = self._namespace(info, kind)
        is_apply = patch_type == bodies.APPLY_PATCH
        manager = bodies.manager(
            request, self.writer.now(), is_apply=is_apply, subresource=subresource
        )
        if is_apply:
            patch = bodies.check_type(kind, patch if isinstance(patch, dict) else {})
            patch = bodies.check_place(kind, patch, namespace, name)
            try:
                live = self._storage.get(kind, namespace, name)
            except ApiError:
                if subresource:
                    raise
                self._authorize_creation(request, info)
                return answer(
                    form.one(self.writer.create(kind, patch, manager, dry_run=dry_run)), 201
                )
            force = request.first("force") in ("true", "1")
            changed = apply(live, patch, manager, force=force)
        else:
            live = self._storage.get(kind, namespace, name)
            changed = bodies.check_type(kind, _patched(patch_type, live, patch))
            changed = bodies.check_place(kind, changed, namespace, name)
        return answer(form.one(self.writer.update(kind, changed, manager, dry_run=dry_run)))

    def _authorize_creation(self, request: Request, info: RequestInfo) -> None:
        """An apply patch of a missing object creates it, which needs the permission to create."""
        self._authorizer.check(
            Attributes(
                user=request.user,
                verb="create",
                is_resource_request=True,
                path=info.path,
                namespace=info.namespace,
                api_group=info.api_group,
                api_version=info.api_version,
                resource=info.resource,
                name=info.name,
            )
        )

    def _delete(
        self, request: Request, info: RequestInfo, kind: ResourceType, name: str
    ) -> Response:
        options = bodies.read_delete_options(request)
        namespace = self._namespace(info, kind)
        before = self._storage.get(kind, namespace, name)
        bodies.check_preconditions(kind, before, options)
        last, is_shown = self.writer.delete(
            kind,
            namespace,
            name,
            grace_seconds=options.get("gracePeriodSeconds"),
            dry_run=bodies.is_dry_run(request, options),
        )
        if is_shown:
            return answer(Form.of(request, kind, self._clock).one(last))
        return answer(success(kind, name, last["metadata"]["uid"]))

    def _delete_collection(
        self, request: Request, info: RequestInfo, kind: ResourceType
    ) -> Response:
        form = Form.of(request, kind, self._clock)
        options = bodies.read_delete_options(request)
        dry_run = bodies.is_dry_run(request, options)
        items = list(self._storage.list(kind, selection(info, kind)))
        for item in items:
            metadata = item["metadata"]
            self.writer.delete(
                kind,
                metadata.get("namespace", ""),
                metadata["name"],
                grace_seconds=options.get("gracePeriodSeconds"),
                dry_run=dry_run,
            )
        return answer(form.many(items, {"resourceVersion": str(self._storage.version)}))

    def _subresource(
        self,
        request: Request,
        info: RequestInfo,
        kind: ResourceType,
        subresource: Subresource,
        name: str,
    ) -> Response:
        namespace = self._namespace(info, kind)
        if subresource.name == "scale":
            return self._scale(request, kind, namespace, name)
        if subresource.name == "token":
            account = self._storage.get(kind, namespace, name)
            item = bodies.read_object(request)
            return answer(self._reviewer.token_request(account, item, self._clock()), 201)
        if request.method == "GET":
            return self._reader.get(request, kind, namespace, name)
        # The deletion has already done the work of finalize.
        part = "status" if subresource.name == "status" else ""
        if request.method == "PUT":
            return self._update(request, info, kind, name, part)
        return self._patch(request, info, kind, name, part)

    def _scale(self, request: Request, kind: ResourceType, namespace: str, name: str) -> Response:
        item = self._storage.get(kind, namespace, name)
        if request.method == "GET":
            return answer(scale_of(item))
        if request.method == "PUT":
            wanted: Object = bodies.read_object(request)
        else:
            patch_type, patch = bodies.read_patch(request)
            wanted = _patched(patch_type, scale_of(item), patch)
        manager = bodies.manager(request, self.writer.now(), subresource="scale")
        changed = scaled(kind, item, wanted)
        dry_run = bodies.is_dry_run(request)
        return answer(scale_of(self.writer.update(kind, changed, manager, dry_run=dry_run)))


_METHODS = {
    "attach": ("GET", "POST"),
    "ephemeralcontainers": ("GET", "PUT", "PATCH"),
    "exec": ("GET", "POST"),
    "finalize": ("PUT",),
    "log": ("GET",),
    "portforward": ("GET", "POST"),
    "scale": ("GET", "PUT", "PATCH"),
    "status": ("GET", "PUT", "PATCH"),
    "token": ("POST",),
}


def _patched(patch_type: str, live: Object, patch: object) -> Object:
    """The object after a patch; raises ApiError (400, 422)."""
    patcher = _PATCHERS.get(patch_type, merge_patch)
    try:
        changed = patcher(live, patch)
    except PatchMismatchError:
        message = "the server rejected our request due to an error in our request"
        raise ApiError(failure(422, "Invalid", message, StatusDetails())) from None
    except PatchError as error:
        raise bad_request(str(error)) from None
    if not isinstance(changed, dict) or not isinstance(changed.get("metadata"), dict):
        raise bad_request("the patch leaves no object")
    return changed
