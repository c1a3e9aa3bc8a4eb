"""Which check of kube-apiserver refused a request: a table, in the order of the checks.

The check determines the contents of the event: the decision of the authorizer, the
impersonated user, and whether the body was decoded, that is, whether requestObject and the
open members of objectRef are present.

Texts of an answer can be chosen: clients choose the names quoted in it, webhooks and
policies its code, reason, details and the end of its message. A row therefore needs a text
that only its check writes, compared from the first character with the request itself: its
user, verb, resource, query, media types, size and kind. A refusal without a matching row is
taken as decoded and allowed: one body too many in the log is better than one too few.
"""

from collections.abc import Callable
from typing import NamedTuple

from auditproxy.audit.refusals.filters import (
    authorizer,
    impersonation,
    shutting_down,
    unauthorized,
)
from auditproxy.audit.refusals.handlers import (
    generic,
    invalid_options,
    nameless,
    not_served,
    not_supported,
    plain,
    says,
    too_large,
    undecodable,
    unreadable_options,
    webhook,
)
from auditproxy.audit.refusals.refusal import Refusal, Stop


class StopRow(NamedTuple):
    """One check: where it stops a request, the source that does it, and how it is known."""

    stop: Stop
    source: str
    codes: tuple[int, ...]
    """The codes it answers with; none for any."""
    matches: Callable[[Refusal], bool]


_NOT_ACCEPTABLE = "only the following media types are accepted: "
_UNKNOWN_FORMAT = (
    "the body of the request was in an unknown format - accepted media types include: "
)

TABLE: tuple[StopRow, ...] = (
    StopRow(Stop.AUTHENTICATION, "server/filters/waitgroup.go", (503,), shutting_down),
    StopRow(Stop.AUTHENTICATION, "endpoints/filters/authentication.go", (401,), unauthorized),
    StopRow(Stop.IMPERSONATION, "endpoints/filters/impersonation/mode.go", (403,), impersonation),
    StopRow(Stop.FLOW_CONTROL, "server/filters/priority-and-fairness.go", (429,), plain()),
    StopRow(
        Stop.AUTHORIZER_ERROR,
        "endpoints/filters/authorization.go, handlers/responsewriters/errors.go",
        (500,),
        plain(b'Internal Server Error: "'),
    ),
    StopRow(Stop.AUTHORIZATION, "endpoints/filters/authorization.go", (403,), authorizer),
    StopRow(Stop.HANDLED, "admission/plugin/webhook/errors/statuserror.go", (), webhook),
    StopRow(Stop.ROUTE, "server/mux; kube-aggregator handler_proxy.go", (404, 503), plain()),
    StopRow(Stop.ROUTE, "server/handler.go serviceErrorHandler", (404, 405, 406, 415), generic),
    StopRow(Stop.ROUTE, "apiextensions customresource_handler.go ServeHTTP", (404,), not_served),
    StopRow(Stop.ROUTE, "apiextensions customresource_handler.go serve*", (405,), not_supported),
    StopRow(Stop.ROUTE, "endpoints/handlers/namer.go", (400,), nameless),
    StopRow(Stop.NEGOTIATION, "handlers/negotiation/errors.go", (406,), says(_NOT_ACCEPTABLE)),
    StopRow(Stop.NEGOTIATION, "handlers/negotiation/errors.go", (415,), says(_UNKNOWN_FORMAT)),
    StopRow(Stop.BODY_LIMIT, "endpoints/handlers/rest.go limitedReadBody", (413,), too_large),
    StopRow(
        Stop.QUERY_OPTIONS,
        "apimachinery meta/v1/validation; handlers/{create,update,patch,delete}.go",
        (422,),
        invalid_options,
    ),
    StopRow(Stop.QUERY_OPTIONS, "endpoints/handlers/delete.go", (400,), unreadable_options),
    StopRow(
        Stop.DECODING,
        "endpoints/handlers/{create,update,delete}.go, rest.go transformDecodeError",
        (400,),
        undecodable,
    ),
)
"""Every refusal before the body is decoded; paths are those of k8s.io/apiserver/pkg.

One row is different: it excludes refusals with a webhook's text. It follows the rows that
compare a message with the request from its first character, because clients choose the resource.
A PATCH is recorded before it is decoded (patch.go), so no row is about its body.
"""


def stopped_at(refusal: Refusal) -> Stop:
    """Where the request was refused; HANDLED if no row matches.

    A refusal by another server has passed all of kube-apiserver's checks.
    """
    if refusal.is_relayed:
        return Stop.HANDLED
    for row in TABLE:
        if (not row.codes or refusal.code in row.codes) and row.matches(refusal):
            return row.stop
    return Stop.HANDLED
