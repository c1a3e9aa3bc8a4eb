"""Redact a request and its answer together: a secret found in one may be repeated in the other.

The request's body shows where a patch puts secrets; the answer's object then holds
them, and an error may quote them. The answer's object shows which values are secret;
a patch may test for them elsewhere. Therefore the request is surveyed before its
answer is written, and written after it.
"""

from dataclasses import replace

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.status import Status
from auditproxy.audit import bodies
from auditproxy.audit.redaction.paths import EVERYWHERE, Scope
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.audit.redaction.values import SecretValues
from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError

_STATUS = frozenset(
    {"kind", "apiVersion", "metadata", "status", "message", "reason", "details", "code"}
)
_DETAILS = frozenset({"name", "group", "kind", "uid", "causes", "retryAfterSeconds"})
_EXCERPT = "bigger context"
"""In messages of JSON readers that show a stretch of the body around a fault."""


class ExchangeRedactor:
    """The secrets of one request, as far as its bodies have shown them."""

    def __init__(self, redactor: Redactor, scope: Scope, info: RequestInfo) -> None:
        self._redactor = redactor
        self._scope = scope
        self._info = info
        self._values = SecretValues()
        self._unread = False
        self._paths = scope.paths

    def survey(self, raw: bytes | None, budget: Budget | None = None) -> None:
        """Collect the secret values and paths of a request's body; None is an unreadable body."""
        if raw is not None:
            body = self._redactor.body(self._scope, budget)
            try:
                body.redact(raw, patch=self._info.verb == "patch")
            except SerializationError:
                pass
            else:
                self._values.update(body.values)
                self._paths = body.paths
                return
        self._unread = True
        if self._info.verb == "patch":
            self._paths = EVERYWHERE

    def request(self, raw: bytes, budget: Budget | None = None) -> tuple[bytes, bool]:
        """The request's object with its secrets marked, and whether there were any.

        Raises SerializationError, as ``answer`` does.
        """
        body = self._redactor.body(self._scope, budget)
        body.values.update(self._values)
        return body.redact(raw, patch=self._info.verb == "patch"), body.marked

    def answer(self, raw: bytes, budget: Budget | None = None) -> tuple[bytes, bool]:
        """The answer's object with its secrets marked, and whether there were any."""
        body = self._redactor.body(replace(self._scope, paths=self._paths), budget)
        body.values.update(self._values)
        done = body.redact(raw, patch=False)
        self._values.update(body.values)
        return done, body.marked

    def status(self, status: Status, budget: Budget | None = None) -> Status:
        """Return a Status whose texts quote no secret; the same one if they did not.

        All texts are marked if the search exceeds the budget.
        """
        details = status.details
        causes = () if details is None else details.causes
        texts = {status.message, "" if details is None else details.name}
        texts.update(text for cause in causes for text in (cause.message, cause.field))
        shown = self._shown(texts, budget)
        if details is not None:
            causes = tuple(
                msgspec.structs.replace(
                    cause, message=shown[cause.message], field=shown[cause.field]
                )
                for cause in causes
            )
            name = details.name if details.name == self._info.name else shown[details.name]
            details = msgspec.structs.replace(details, name=name, causes=causes)
        done = msgspec.structs.replace(status, message=shown[status.message], details=details)
        return status if done == status else done

    def status_object(self, raw: bytes, before: Status, after: Status) -> bytes:
        """Return the answer a Status was read from; rebuilt if it shows more than allowed."""
        members = bodies.members(raw)
        details = members.get("details")
        extra = members.keys() - _STATUS
        if details is not None and bytes(details)[:1] == b"{":
            extra |= bodies.members(bytes(details)).keys() - _DETAILS
        return raw if before is after and not extra else json.status_object(after)

    def _shown(self, texts: set[str], budget: Budget | None) -> dict[str, str]:
        """Return each text of the server as it is shown.

        The name of the object, added by the server, reveals nothing.
        """
        name = f'"{self._info.name}"' if self._info.name else ""
        plain = {text: text.replace(name, '""') if name else text for text in texts}
        hides_all = self._unread or self._paths != self._scope.paths
        quoting = set() if hides_all else self._values.quoted_by(set(plain.values()), budget)
        return {
            text: self._redactor.marker(json.go_text(text).encode())
            if bare and (hides_all or _EXCERPT in bare or bare in quoting)
            else text
            for text, bare in plain.items()
        }
