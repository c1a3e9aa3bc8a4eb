"""What surrounds a request: query options, languages of bodies and answers, agents, encodings."""

import gzip
import json
import urllib.parse
from typing import Any

import cbor2

from tests.differential.client import Request
from tests.differential.generator import Worker
from tests.differential.wire import CBOR, JSON, PROTOBUF, YAML, NotProtobufError, encode

AGENTS = (
    "kubectl/v1.37.0 (linux/amd64) kubernetes/abcdef0",
    "kubectl/v1.20.15 (linux/amd64) kubernetes/8f1e5bf",
    "kubectl1.32.1/v1.32.1 (darwin/arm64) kubernetes/e9c9be4",
    "curl/8.5.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
    "Wget/1.21",
    "Go-http-client/1.1",
    "OpenAPI-Generator/31.0.0/python",
    "",
    "x" * 1100,
)
_AS = {
    "table": ";as=Table;v=v1;g=meta.k8s.io",
    "table-old": ";as=Table;v=v1beta1;g=meta.k8s.io",
    "partial": ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "list": ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "none": ";as=Nothing;v=v1;g=meta.k8s.io",
}
TYPES = (JSON, YAML, PROTOBUF, CBOR)


def query(parameters: list[tuple[str, str]]) -> str:
    """A query with its question mark, nothing without parameters."""
    return "?" + urllib.parse.urlencode(parameters) if parameters else ""


def accept(w: Worker, request: Request, *, transforms: bool = True) -> None:
    """How the answer is wanted."""
    roll = w.chance.random()
    headers = request.headers
    if roll < 0.45:
        headers.append(("Accept", JSON))
    elif roll < 0.57:
        headers.append(("Accept", "*/*"))
    elif roll < 0.67:
        headers.append(("Accept", f"{PROTOBUF},{JSON}"))
    elif roll < 0.71:
        headers.append(("Accept", YAML))
    elif roll < 0.74:
        headers.append(("Accept", CBOR + w.pick("", f",{JSON}")))
    elif roll < 0.84 and transforms:
        form = w.pick("table", "table", "table-old", "partial", "list", "none")
        base = w.pick(JSON, JSON, PROTOBUF, YAML, CBOR)
        headers.append(("Accept", base + _AS[form] + w.pick("", f",{JSON}")))
    elif roll < 0.87:
        headers.append(
            (
                "Accept",
                w.pick(
                    "text/plain",
                    "application/xml",
                    "text/html,application/xhtml+xml,*/*;q=0.8",
                    f"{JSON};pretty=1",
                    f"{JSON};q=0.1,{YAML}",
                    "application/*",
                    f"{JSON};stream=watch",
                    "nonsense",
                    f"{JSON}, text/plain",
                ),
            )
        )
    if w.maybe(0.3):
        request.headers.append(
            (
                "Accept-Encoding",
                w.pick("gzip", "gzip", "identity", "gzip;q=0", "br, gzip", "deflate"),
            )
        )


def agent(w: Worker, request: Request) -> None:
    """Who the client says it is."""
    if w.maybe(0.9):
        request.headers.append(
            ("User-Agent", w.chance.choices(AGENTS, (6, 3, 3, 2, 1, 1, 2, 2, 0.3, 0.3))[0])
        )
    if w.maybe(0.02):
        request.headers.append(
            ("X-Forwarded-For", w.pick("10.1.2.3", "10.1.2.3, 192.168.0.1", "::1", "nonsense"))
        )


def framing(w: Worker, request: Request) -> None:
    """How the bytes of the request come."""
    if request.body and w.maybe(0.1):
        request.chunked = True
    if w.maybe(0.03):
        request.headers.append(("Connection", "close"))
    if w.maybe(0.02):
        request.headers.append(
            (
                w.pick("X-Odd", "Expect-CT", "Priority", "Traceparent", "X-Request-Id"),
                w.pick("1", "a b", "é"),
            )
        )


def write_options(w: Worker, verb: str) -> list[tuple[str, str]]:
    """Query options of a write, at times wrong ones."""
    found: list[tuple[str, str]] = []
    if w.maybe(0.12):
        found.append(("dryRun", w.chance.choices(("All", "bad", "", "all"), (8, 1, 1, 1))[0]))
        if w.maybe(0.05):
            found.append(("dryRun", "All"))
    if w.maybe(0.3):
        found.append(
            (
                "fieldManager",
                w.chance.choices(
                    ("kubectl-create", "me", "x" * 200, "a\nb", ""), (8, 4, 0.5, 0.3, 0.5)
                )[0],
            )
        )
    if w.maybe(0.25):
        found.append(
            (
                "fieldValidation",
                w.chance.choices(("Strict", "Warn", "Ignore", "x", ""), (4, 3, 3, 0.5, 0.5))[0],
            )
        )
    if w.maybe(0.06):
        found.append(("pretty", w.pick("true", "false", "1", "")))
    if w.maybe(0.02):
        found.append(("timeout", w.pick("10s", "1m", "x", "-1s", "0")))
    if w.maybe(0.02):
        found.append((w.pick("unknown", "propagationPolicy", "force"), w.pick("true", "x")))
    if verb == "apply" and not any(name == "fieldManager" for name, _ in found) and w.maybe(0.95):
        found.append(("fieldManager", w.pick("applier", "kubectl")))
    if verb == "apply" and w.maybe(0.6):
        found.append(("force", w.chance.choices(("true", "false", "x"), (8, 3, 0.5))[0]))
    if verb == "patch" and w.maybe(0.01):
        found.append(("force", "true"))
    return found


def write_body(w: Worker, request: Request, obj: Any) -> None:
    """The object in one of the languages, at times called another one."""
    media_type = w.chance.choices(TYPES, (70, 8, 18, 4))[0]
    try:
        request.body = encode(obj, media_type)
    except (NotProtobufError, cbor2.CBOREncodeError):
        media_type = JSON
        request.body = encode(obj, JSON)
    if media_type == JSON and w.maybe(0.06):
        request.body = json.dumps(obj, indent=w.pick(1, 2, "\t")).encode() + w.pick(b"", b"\n")
    if w.maybe(0.02):
        media_type = w.pick(
            "text/plain",
            "application/xml",
            YAML,
            JSON,
            PROTOBUF,
            "application/json; charset=utf-8",
            "",
            "nonsense/",
            "application/JSON",
        )
    if media_type:
        request.headers.append(("Content-Type", media_type))
    damage(w, request)


def damage(w: Worker, request: Request) -> None:
    """Break a body now and then."""
    if w.maybe(0.02):
        body = request.body
        request.body = w.pick(
            body[: len(body) // 2],
            b"",
            b"null",
            b"[]",
            b'"x"',
            b"{}",
            body + b"}",
            body.replace(b'"', b"'", 3),
            body + body,
            b"\xff\xfe" + body,
            body.replace(b"a", b"\xc3", 1),
            b"{" * 200,
            b'{"kind":"Status","apiVersion":"v1"}',
            body.replace(b"v1", b"v9", 1),
            body.replace(b'"kind":"', b'"kind":"X', 1),
            body.replace(b'"metadata":{', b'"metadata":{"labels":{"made":"twice"},', 1),
            body.replace(b'"spec":{', b'"nosuchfield":1,"spec":{"x":null,', 1),
            b" \n" + body + b" ",
            body.replace(b'"metadata":', b'"Metadata":', 1),
        )
    if w.maybe(0.006):
        request.body = gzip.compress(request.body, mtime=0)
        request.headers.append(("Content-Encoding", "gzip"))


def path_form(w: Worker, request: Request) -> None:
    """Another spelling of the same path."""
    if not w.maybe(0.02):
        return
    path, question, rest = request.target.partition("?")
    form = w.chance.randrange(5)
    if form == 0:
        path = path.replace("/namespaces/", "/%6eamespaces/", 1)
    elif form == 1:
        path = path.replace("/api", "//api", 1)
    elif form == 2:
        path += "/"
    elif form == 3:
        path = path[:-1] + f"%{ord(path[-1]):02x}"
    else:
        question, rest = "?", rest + w.pick("&", "&&a=%zz", "&a=b;c=d", "?x=1", "&x=a+b%20c")
    request.target = path + question + rest


def finish(w: Worker, request: Request) -> Request:
    """Everything that any request may have."""
    agent(w, request)
    framing(w, request)
    path_form(w, request)
    if not request.user and not request.refused:
        request.user = w.user()
    if "timeout=x" in request.target:
        # The proxy has to know by itself how long a request may take.
        request.refused = True
    return request
