"""Forms: values that the body of a request adds to its query (net/http Request.FormValue).

POST, PUT, PATCH with application/x-www-form-urlencoded    the form's values before the query's
the same with multipart/form-data                          after them
any other                                                  the query alone
"""

import re

import msgspec

from auditproxy.request.target import Query

_METHODS = frozenset({"POST", "PUT", "PATCH"})
_URLENCODED = "application/x-www-form-urlencoded"
_READ = re.compile(rf"\s*{_URLENCODED}\s*(?:;\s*(?:charset=[a-z0-9_-]+\s*)?)?", re.IGNORECASE)
"""Content types that every version of Go reads as this form, beyond doubt."""


class BodyForm(msgspec.Struct, frozen=True):
    """The values in a body; ``is_read`` is false where it may have some that are not known."""

    values: Query
    is_read: bool = True


NO_FORM = BodyForm(Query(b""))


def may_have_form(method: str, content_type: str) -> bool:
    """Whether Go may look for values in the body of a request."""
    kind = content_type.lower()
    return method in _METHODS and (_URLENCODED in kind or "multipart/" in kind)


def read_form(content_type: str, body: bytes) -> BodyForm:
    """The form in a body of which ``may_have_form`` is true."""
    if not body:
        return NO_FORM
    if _READ.fullmatch(content_type) is None:
        return BodyForm(Query(b""), is_read=False)
    # All of it, as older Go does: the newer has no value of a form with very many.
    return BodyForm(Query(body, len(body) + 1))
