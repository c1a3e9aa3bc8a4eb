"""EmbeddedApiServer: a Kubernetes API server in memory, for the demo and the tests.

Good enough for kubectl, not for a cluster: no controllers, no kubelet, no
schemas, nothing on disk. Its answers have the form and the texts of kube-apiserver's,
because auditproxy records them.
"""

import re
import ssl
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auditproxy.apis.status import new_internal_error
from auditproxy.apis.user import UserInfo
from auditproxy.embedded.answers import ApiError, answer_status, answer_text
from auditproxy.embedded.authorizer import EmbeddedAuthenticator, EmbeddedAuthorizer, impersonated
from auditproxy.embedded.http1 import HttpServer, RawConnection, Request, Response
from auditproxy.embedded.pods.journal import ContainerSession
from auditproxy.embedded.pods.requests import PodSessions, Streams
from auditproxy.embedded.rest import seed
from auditproxy.embedded.rest.discovery import non_resource
from auditproxy.embedded.rest.resources import Resources
from auditproxy.embedded.rest.storage import HISTORY, Storage
from auditproxy.embedded.reviews import EmbeddedReviewer
from auditproxy.request.attributes import attributes
from auditproxy.request.requestinfo import RequestInfoError, resolve

_AUDIT_ID = re.compile(r"[!-~]{1,64}")


class EmbeddedApiServer:
    """The server; ``start`` it, ``close`` it.

    ``tokens`` are bearer tokens and their users; client certificates are taken
    when ``ssl_context`` asks for them. ``permissions`` maps usernames to the
    verbs they have on everything but secrets, ``*`` for all; system:masters
    needs none. ``streams`` simulates the containers, streams.py if None. ``history`` is
    the number of past changes from which a watch may start.
    """

    def __init__(
        self,
        *,
        tokens: Mapping[str, UserInfo] | None = None,
        permissions: Mapping[str, Collection[str]] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        streams: Streams | None = None,
        history: int = HISTORY,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._ssl_context = ssl_context
        self._authenticator = EmbeddedAuthenticator(tokens or {})
        self._authorizer = EmbeddedAuthorizer(permissions or {})
        self._pods = PodSessions(streams)
        self._resources = Resources(
            Storage(history),
            self._authorizer,
            EmbeddedReviewer(self._authenticator, self._authorizer),
            self._pods,
            clock,
        )
        self._server = HttpServer(self._serve)
        self._url = ""
        seed.fill(self._resources.writer)

    @property
    def url(self) -> str:
        """The address it listens on, once started."""
        return self._url

    @property
    def sessions(self) -> Sequence[ContainerSession]:
        """What the containers received and sent in each session, oldest first; the last 1000."""
        return self._pods.journal.sessions

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; return the port, chosen by the system if it was 0."""
        listening = await self._server.start(host, port, self._ssl_context)
        scheme = "http" if self._ssl_context is None else "https"
        named = f"[{host}]" if ":" in host else host
        self._url = f"{scheme}://{named}:{listening}"
        return listening

    async def close(self) -> None:
        """Stop listening and end every connection."""
        await self._server.close()

    def add_pod(
        self,
        name: str,
        namespace: str = "default",
        containers: tuple[str, ...] = (seed.CONTAINER,),
    ) -> dict[str, Any]:
        """Create another running pod; return the object."""
        return seed.add_pod(self._resources.writer, name, namespace, containers)

    async def _serve(self, request: Request, connection: RawConnection) -> Response | None:
        """Handle one request, from authentication to the answer; every fault becomes an answer."""
        try:
            response = await self._answer(request, connection)
        except ApiError as error:
            response = answer_status(error.status)
        except RequestInfoError as error:
            response = answer_text(500, f"{error}\n")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # There are no schemas here: members of a wrong type are found where they are used.
            sys.stderr.write(f"embedded API server: {request.method} {request.path}: {error!r}\n")
            response = answer_status(
                new_internal_error("Internal error occurred: the object cannot be handled")
            )
        if response is None:
            return None
        asked = request.headers.get("audit-id", "")
        audit_id = asked if _AUDIT_ID.fullmatch(asked) else str(uuid.uuid4())
        headers = (("Audit-Id", audit_id), ("Cache-Control", "no-cache, private"))
        return replace(response, headers=(*headers, *response.headers))

    async def _answer(self, request: Request, connection: RawConnection) -> Response | None:
        info = resolve(request.method, request.target)
        caller = self._authenticator.authenticate(request)
        request.user = impersonated(request, caller, self._authorizer)
        self._authorizer.check(attributes(request.user, info))
        if info.is_resource_request:
            return await self._resources.serve(request, info, connection)
        if request.method not in ("GET", "HEAD"):
            return answer_text(405, "405: Method Not Allowed\n")
        return non_resource(request)
