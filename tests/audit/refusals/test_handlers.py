"""What came before decoding: the words of router and handlers, compared with the request."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.status import StatusDetails
from auditproxy.audit.refusals import handlers as handlerrefusals
from auditproxy.audit.refusals.handlers import TYPE_LIMIT, summary
from auditproxy.serializer.budget import Budget
from tests.audit.refusals.refusing import MAPS, refusal

WIDGET = "/apis/acme.io/v1/namespaces/n/widgets/w"
NOT_FOUND = 'widgets.acme.io "w" not found'
SECRET = b'{"kind":"Secret","apiVersion":"v1"}'


@pytest.mark.parametrize(
    ("method", "subresource", "gone"),
    [
        ("POST", "/binding", True),
        ("PUT", "/eviction", True),
        ("PATCH", "/approval", True),
        ("POST", "/status", True),
        ("DELETE", "/scale", True),
        ("PUT", "/status", False),
        ("PATCH", "/scale", False),
        ("PUT", "", False),
    ],
)
def test_not_served(method: str, subresource: str, gone: bool) -> None:
    """A9: a custom resource has no subresources but two, and those have not all verbs."""
    told = refusal(404, NOT_FOUND, method, WIDGET + subresource)
    assert handlerrefusals.not_served(told) is gone


def test_not_served_by_the_server_itself() -> None:
    """A9: its own resources have many: what is not found there was looked for."""
    target = "/api/v1/namespaces/n/pods/p/eviction"
    assert not handlerrefusals.not_served(refusal(404, 'pods "p" not found', "POST", target))


@pytest.mark.parametrize(
    ("code", "message", "details", "own"),
    [
        (404, "the server could not find the requested resource", StatusDetails(), True),
        (404, "the server could not find the requested resource", StatusDetails(kind="x"), False),
        (404, 'configmaps "a" not found', StatusDetails(name="a"), False),
        (406, "406: Not Acceptable\n\nAvailable representations: x", StatusDetails(), True),
        (406, "you requested PartialObjectMetadataList", None, False),
        (415, "415: Unsupported Media Type", StatusDetails(), True),
        (415, "x: 415: Unsupported Media Type", StatusDetails(), False),
    ],
)
def test_generic(code: int, message: str, details: StatusDetails | None, own: bool) -> None:
    """A8, A9: the router's fixed words, with details about nothing."""
    assert handlerrefusals.generic(refusal(code, message, details=details)) is own


@pytest.mark.parametrize(
    ("message", "body", "own"),
    [
        ("Request entity too large: limit is 10", b"x" * 11, True),
        ("Request entity too large: limit is 10", None, True),
        ("Request entity too large: limit is 10", b"x" * 10, False),
        ("Request entity too large: limit is 10 or so", b"x" * 11, False),
        ("Request entity too large: The allowed maximum operations", b"x" * 11, False),
    ],
)
def test_too_large(message: str, body: bytes | None, own: bool) -> None:
    """A4: a body over the limit that is named, not a patch of too many operations."""
    assert handlerrefusals.too_large(refusal(413, message, body=body)) is own


OPTIONS = StatusDetails(group="meta.k8s.io", kind="CreateOptions")
INVALID = 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value'


def test_invalid_options() -> None:
    """A6: options in the query, refused in the words for them."""

    def told(message: str, target: str, details: StatusDetails | None = OPTIONS) -> bool:
        return handlerrefusals.invalid_options(
            refusal(422, message, target=target, details=details)
        )

    assert told(INVALID, f"{MAPS}?dryRun=bad")
    assert not told(INVALID, f"{MAPS}?dryRun=All")
    assert not told(f'admission webhook "w" denied the request: {INVALID}', f"{MAPS}?dryRun=bad")
    assert not told(INVALID, f"{MAPS}?dryRun=bad", None)
    assert not told(INVALID.replace("Create", "Update"), f"{MAPS}?dryRun=bad")


@pytest.mark.parametrize(
    ("message", "body", "own"),
    [
        ('Secret in version "v1" cannot be handled as a ConfigMap: x', SECRET, True),
        ('Secret in version "v2" cannot be handled as a ConfigMap: x', SECRET, False),
        ('Pod in version "v1" cannot be handled as a ConfigMap: x', SECRET, False),
        ('ConfigMap in version "v1" cannot be handled as a ConfigMap: x', b"{}", True),
        ('Secret in version "v1" cannot be handled as a ConfigMap: x', b'{"kind":"Secret"}', True),
        ('Secret in version "v1" and cannot be handled as a B: x', b'{"kind":"Secret"}', False),
        ("Secret in version v1 cannot be handled as a B: x", b'{"kind":"Secret"}', False),
        ('A in version "v1" cannot be handled as a B: x', b'{"apiVersion":"v1"}', True),
        ('x: Secret in version "v1" cannot be handled as a ConfigMap: x', SECRET, False),
        ('A in version "v1" cannot be handled as a B: x', b" " * (TYPE_LIMIT + 1), True),
        ('A in version "v1" cannot be handled as a B: x', b"kind: [", True),
        (
            "the API version in the data (v2) does not match the expected API version (v1)",
            b'{"kind":"A","apiVersion":"v2"}',
            True,
        ),
        (
            "the API version in the data (v2) does not match the expected API version (v1)",
            b'{"kind":"A","apiVersion":"v3"}',
            False,
        ),
        ("the object provided is unrecognized (must be of type A): x ({bad)", b"{bad", True),
        ("the object provided is unrecognized (must be of type A): x ({other)", b"{bad", False),
        ("the object provided is unrecognized (must be of type A): x", None, True),
        ("the name of the object (a) does not match the name on the URL (b)", SECRET, False),
        ("strict decoding error: unknown field", SECRET, False),
    ],
)
def test_undecodable(message: str, body: bytes | None, own: bool) -> None:
    """A5: what the decoder says is about this very body."""
    assert handlerrefusals.undecodable(refusal(400, message, body=body)) is own


def test_unreadable_bytes_in_protobuf() -> None:
    """A Status in protobuf quotes bytes that are not UTF-8 as they were sent."""
    said = "the object provided is unrecognized (must be of type A): x ({\udcff)"
    assert handlerrefusals.undecodable(refusal(400, said, body=b"{\xff"))


def test_no_scale() -> None:
    """E: a Scale of another version than custom resources know is not decoded."""
    message = 'no kind is registered for the type v1.Scale in scheme "pkg/x.go:1"'
    for target, own in ((f"{WIDGET}/scale", True), (f"{WIDGET}/status", False), (WIDGET, False)):
        told = refusal(400, message, "PUT", target, body=b'{"kind":"Scale","apiVersion":"apps/v1"}')
        assert handlerrefusals.undecodable(told) is own


@pytest.mark.parametrize(
    ("target", "own"),
    [(MAPS, True), ("/api/v1/namespaces/n/services/s/proxy/", False)],
)
def test_plain_text(target: str, own: bool) -> None:
    """What a service answers through the server is not the server's own."""
    told = refusal(429, None, "GET", target, answer_type="text/plain", text=b"Too many")
    assert handlerrefusals.plain()(told) is own
    assert handlerrefusals.plain(b"Too")(told) is own
    assert not handlerrefusals.plain(b"many")(told)


def test_packed() -> None:
    """kube-apiserver unpacks no body and quotes the packed bytes; a server that does quotes others."""
    packed = gzip.compress(SECRET, mtime=0)
    said = "the object provided is unrecognized (must be of type ConfigMap): x "
    assert handlerrefusals.undecodable(refusal(400, f"{said}({summary(packed)})", body=packed))
    for other in (f"{said}({summary(SECRET)})", 'admission webhook "w" denied it', "no", None):
        assert not handlerrefusals.undecodable(refusal(400, other, body=packed))


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (b'{"propagationPolicy":"Orphan"}', True),
        (b'{"kind":"ConfigMap"}', False),
        (b'{"gracePeriodSeconds":"x"}', False),
        (b"{bad", False),
    ],
)
@pytest.mark.parametrize("target", [f"{MAPS}/a", MAPS])
def test_delete_options(target: str, body: bytes, decoded: bool) -> None:
    """A5: whether a delete's body is DeleteOptions is told by the body alone."""
    told = refusal(400, "whatever is said", "DELETE", target, body=body)
    assert handlerrefusals.undecodable(told) is not decoded


def test_patches() -> None:
    """A4: a patch is recorded before anybody decodes it."""
    message = 'A in version "v1" cannot be handled as a A: x'
    assert not handlerrefusals.undecodable(refusal(400, message, "PATCH", f"{MAPS}/a"))


def test_nameless() -> None:
    """Only a whole collection has no name."""
    said = "name must be provided"
    assert handlerrefusals.nameless(refusal(400, said, "PUT", WIDGET.removesuffix("/w")))
    assert not handlerrefusals.nameless(refusal(400, said, "PUT", WIDGET))


def test_not_supported() -> None:
    """The very verb, of the very resource."""
    said = 'create is not supported on resources of kind "widgets.acme.io"'
    assert handlerrefusals.not_supported(refusal(405, said, "POST", f"{WIDGET}/status"))
    assert not handlerrefusals.not_supported(refusal(405, said, "DELETE", f"{WIDGET}/status"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "<empty>"),
        (b"{short", "{short"),
        (b"{" + b"x" * 30, "{" + "x" * 29 + " ..."),
        (b"abc", "616263"),
        (b"a" * 31, "61" * 30 + " ..."),
        (
            b'{"a":"' + b"x" * 22 + "\u65e5".encode() + b"x",
            '{"a":"' + "x" * 22 + "\ufffd" * 2 + " ...",
        ),
        (b'{"a\xff":"\xe6\x97', '{"a\ufffd":"\ufffd\ufffd'),
    ],
)
def test_summary(body: bytes, told: str) -> None:
    """The beginning of a body, as text when it looks like JSON."""
    assert summary(body) == told


@given(st.binary(), st.text(), st.sampled_from(["POST", "PUT", "DELETE"]))
def test_undecodable_never_raises(body: bytes, message: str, method: str) -> None:
    """Whatever is sent and said, there is an answer."""
    target = MAPS if method == "POST" else f"{MAPS}/a"
    for said in (message, f'{message} in version "v1" cannot be handled as a X: '):
        assert handlerrefusals.undecodable(refusal(400, said, method, target, body=body)) in (
            True,
            False,
        )


@pytest.mark.parametrize(("method", "target"), [("DELETE", MAPS + "/m"), ("POST", MAPS)])
@pytest.mark.parametrize("content_type", ["application/yaml", "application/cbor"])
def test_body_that_costs_too_much(method: str, target: str, content_type: str) -> None:
    """B1: A4: its budget ends the reading, and it may have been decoded."""
    body = (
        b"[" + b"1," * 5000 + b"1]"
        if content_type.endswith("yaml")
        else b"\x9f" + b"\1" * 5000 + b"\xff"
    )
    budget = Budget(1000)
    told = refusal(
        400,
        'A in version "v1" cannot be handled as a B',
        method,
        target,
        body=body,
        content_type=content_type,
        budget=budget,
    )
    assert not handlerrefusals.undecodable(told)
    assert budget.reason == "nodes"
