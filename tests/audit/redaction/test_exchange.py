"""A14: patches are programs; whatever they do with a secret, no event shows it."""

import base64
import json
import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, RequestAuditConfig, Stage
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.encode import json_line
from auditproxy.audit.record import record_answer, record_end, record_request
from auditproxy.audit.redaction.decoding import builtin_redactor, load_redactor
from auditproxy.embedded.rest.patches import PatchError, json_patch
from auditproxy.serializer.json import DEPTH_LIMIT

TOKEN = "s3cr3t-T0ken"
TOKEN64 = base64.b64encode(TOKEN.encode()).decode()
KEY = b"0123456789abcdef"
CREATE = RequestInfo(
    is_resource_request=True, path="/", verb="create", resource="secrets", namespace="n"
)
PATCH = msgspec.structs.replace(CREATE, verb="patch", name="s")
GET = msgspec.structs.replace(CREATE, verb="get", name="s")
LIST = msgspec.structs.replace(CREATE, verb="list")
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def event(
    info: RequestInfo,
    content_type: str = "",
    body: Any = b"",
    answer: Any = b"",
    *,
    code: int = 200,
    level: Level = Level.REQUEST_RESPONSE,
    redactor: Any = None,
    complete: bool = True,
) -> dict[str, Any]:
    """The last event of a request, as it is written; bodies are bytes or become JSON."""
    context = AuditContext("id", 0)
    context.begin(
        RequestAuditConfig(level),
        info=info,
        request_uri="/",
        user=None,
        source_ips=(),
        user_agent="",
        redactor=redactor or builtin_redactor(KEY),
    )
    captured = Captured(
        request_content_type=content_type,
        request_body=body if isinstance(body, bytes | None) else json.dumps(body).encode(),
        request_complete=complete,
        request_missing="too large" if body is None else "",
        code=code,
        content_type=JSON,
        response_body=answer if isinstance(answer, bytes) else json.dumps(answer).encode(),
        response_complete=True,
    )
    record_answer(
        context, info, captured, long_running=False, infer_decision=True, decoded_limit=1 << 20
    )
    record_request(context, info, captured)
    record_end(context, info, captured, decoded_limit=1 << 20)
    made = context.event(Stage.RESPONSE_COMPLETE, 0)
    assert made is not None
    event: dict[str, Any] = json.loads(json_line(made))
    return event


def shows(found: Any, token: str = TOKEN) -> bool:
    """Whether a token is in an event, as it is, in base64, or inside of something in base64."""
    text = json.dumps(found, ensure_ascii=False)
    forms = [text]
    for stretch in re.findall(r"[A-Za-z0-9+/_-]{8,}={0,2}", text):
        plain = stretch.rstrip("=").translate(str.maketrans("-_", "+/"))
        if len(plain) % 4 != 1:
            forms.append(base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("latin-1"))
    return any(token in form for form in forms)


def secret(**more: Any) -> dict[str, Any]:
    """A stored Secret that holds the token."""
    return {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {
            "name": "s",
            "namespace": "n",
            "annotations": {"note": "x", "a/b~c": "y"},
            "labels": {"app": "web"},
            "finalizers": ["example.com/keep"],
        },
        "data": {"p": TOKEN64, "0": "MA=="},
        "type": "Opaque",
        **more,
    }


# --- programs ---------------------------------------------------------------------------

PLACES = [
    "", "/data", "/data/p", "/data/q", "/data/0", "/stringData", "/stringData/p", "/metadata",
    "/metadata/annotations", "/metadata/annotations/note", "/metadata/annotations/a~1b~0c",
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
    "/metadata/labels", "/metadata/labels/app", "/metadata/finalizers", "/metadata/finalizers/-",
    "/metadata/finalizers/0", "/tmp", "/tmp/x", "/tmp/x/0", "/tmp/x/-", "/type", "/kind",
    "/metadata/annotations/deep/er",
]  # fmt: skip
HARMLESS = st.sampled_from(["v", {}, [], {"p": "v"}, ["v"], {"x": ["v"]}, 1, None])
PLACE = st.sampled_from(PLACES)
CARRY = st.builds(
    lambda op, source, target: {"op": op, "from": source, "path": target},
    st.sampled_from(["move", "copy"]),
    PLACE,
    PLACE,
)
WRITE = st.builds(
    lambda op, path, value: {"op": op, "path": path, "value": value},
    st.sampled_from(["add", "replace", "test"]),
    PLACE,
    HARMLESS,
)
REMOVE = st.builds(lambda path: {"op": "remove", "path": path}, PLACE)
SCRATCH = st.sampled_from(PLACES[7:-3])


def result(target: Any, program: list[Any]) -> tuple[Any, list[Any]]:
    """What the longest beginning of a program that can be applied gives, and that beginning."""
    done: list[Any] = []
    for operation in program:
        try:
            target = json_patch(target, [operation])
        except (PatchError, AttributeError, TypeError):
            continue
        done.append(operation)
    return target, done


@settings(deadline=None)
@given(st.lists(CARRY | CARRY | WRITE | REMOVE, max_size=8))
@example([{"op": "move", "from": "/data/p", "path": "/metadata/finalizers/-"}])
@example([{"op": "copy", "from": "", "path": "/tmp"}, {"op": "copy", "from": "/tmp/data/p", "path": "/metadata/labels/app"}])  # fmt: skip
def test_what_a_program_carries_away(program: list[Any]) -> None:
    """A14: a stored token that a JSON patch moves and copies about is in no part of the event."""
    after, applied = result(secret(), program)
    assert not shows(event(PATCH, JSON_PATCH, applied, after))
    assert not shows(event(PATCH, JSON_PATCH, program, after))
    message = f"invalid: metadata.labels: Invalid value: {json.dumps(after)}"
    if shows(after.get("metadata") if isinstance(after, dict) else after):
        refusal = {"kind": "Status", "status": "Failure", "message": message, "code": 422}
        assert not shows(event(PATCH, JSON_PATCH, applied, refusal, code=422))


CARRIED: list[tuple[Any, str, str]] = [
    (TOKEN64, "", "/data/q"),
    ({"p": TOKEN64}, "/p", "/data/q"),
    ({"p": TOKEN}, "", "/stringData"),
    ({"x": [TOKEN64]}, "/x/0", "/data/q"),
    ([TOKEN64], "/0", "/data/q"),
    ({"data": {"p": TOKEN64}}, "", ""),
    ({"data": {"p": TOKEN64}}, "/data", "/data"),
]
"""A value, which part of it is carried, and into which secret's place."""


@settings(deadline=None)
@given(
    st.lists(CARRY | WRITE | REMOVE, max_size=4),
    st.sampled_from(["add", "replace", "test"]),
    st.lists(SCRATCH, min_size=1, max_size=3),
    st.sampled_from(CARRIED),
    st.sampled_from(["move", "copy"]),
    st.randoms(use_true_random=False),
)
def test_what_a_program_carries_in(
    rest: list[Any],
    op: str,
    hops: list[str],
    carried: tuple[Any, str, str],
    carry: str,
    random: Any,
) -> None:
    """A14: a token that is written elsewhere and then, by some way, carried into a secret's place."""
    value, part, target = carried
    steps = [{"op": op, "path": hops[0], "value": value}]
    for source, hop in pairwise(hops):
        steps.append({"op": carry, "from": source, "path": hop})
    steps.append({"op": carry, "from": hops[-1] + part, "path": target})
    for operation in rest:
        steps.insert(random.randint(0, len(steps)), operation)
    assert not shows(event(PATCH, JSON_PATCH, steps))


# --- single instances -------------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        [{"op": "add", "path": "/metadata/annotations/x", "value": TOKEN64},
         {"op": "move", "from": "/metadata/annotations/x", "path": "/data/q"}],
        [{"op": "add", "path": "/tmp", "value": {"deep": [{"p": TOKEN}]}},
         {"op": "copy", "from": "/tmp/deep/0", "path": "/stringData"}],
        [{"op": "copy", "from": "/data/p", "path": "/metadata/annotations/x"},
         {"op": "test", "path": "/metadata/annotations/x", "value": TOKEN64}],
        [{"op": "copy", "from": "/data", "path": "/metadata/annotations"},
         {"op": "copy", "from": "/metadata/annotations/p", "path": "/metadata/labels/l"},
         {"op": "test", "path": "/metadata/labels/l", "value": TOKEN64}],
        [{"op": "replace", "path": "", "value": {"data": {"p": TOKEN64}}}],
        [{"op": "add", "path": "/metadata", "value": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps(secret())}}}],
        [{"op": "add", "path": "/data/q", "value": TOKEN64},
         {"op": "add", "path": "/metadata/labels/l", "value": TOKEN64}],
        [{"op": "add", "path": "/stringData", "value": {"q": TOKEN}},
         {"op": "test", "path": "/metadata/annotations/x", "value": f"Basic {TOKEN64}"}],
        [{"op": "add", "path": "/data/q", "value": TOKEN64},
         {"op": "add", "path": f"/metadata/labels/{TOKEN}", "value": "x"}],
        [{"op": "move", "from": "/data/p", "path": "/data/q", "value": TOKEN}],
        [{"op": "add", "path": "/data/q", "value": "x", "from": TOKEN, "comment": TOKEN}],
        [{"op": "add", "path": "/da\u017fta/../data", "value": TOKEN},
         {"op": "copy", "from": "nowhere", "path": "/data/q"}],
        [{"op": "add", "path": "/stringDta/q", "value": TOKEN}],
        [{"op": "add", "path": "/\u017ftringData/q", "value": TOKEN}],
    ],
)  # fmt: skip
def test_json_patches(program: Any) -> None:
    """A14: operations are looked at together, and what a Secret has not is marked."""
    found = event(PATCH, JSON_PATCH, program)
    assert not shows(found)
    assert "requestObject" in found["annotations"]["auditproxy.io/redacted"]
    shown = found["requestObject"]
    assert [o.get("op") for o in shown] == [o.get("op") for o in program]


def test_harmless_patches_stay() -> None:
    """A14: what has to do with no secret is shown as it was."""
    program = [
        {"op": "add", "path": "/metadata/annotations/x", "value": "a note"},
        {"op": "move", "from": "/metadata/annotations/x", "path": "/metadata/annotations/y"},
        {"op": "replace", "path": "/metadata/labels", "value": {"app": "web"}},
        {"op": "remove", "path": "/data/p"},
        {"op": "copy", "from": "/data/q", "path": "/data/p"},
        {"op": "add", "path": "/immutable", "value": True},
    ]
    after = secret()
    found = event(PATCH, JSON_PATCH, program, after)
    assert found["requestObject"] == program
    shown = found["responseObject"]
    assert shown["metadata"] == after["metadata"]
    assert found["annotations"]["auditproxy.io/redacted"] == "responseObject"


def test_a_long_program_is_given_up() -> None:
    """A14: more copies than are followed: every value is marked and the answer left out."""
    program = [
        {"op": "copy", "from": f"/metadata/annotations/{n}", "path": f"/metadata/labels/{n}"}
        for n in (f"a{n}" for n in range(100))
    ]
    program.append({"op": "add", "path": "/metadata/labels/x", "value": TOKEN})
    found = event(PATCH, JSON_PATCH, program, secret())
    assert not shows(found)
    assert "responseObject" not in found
    assert found["annotations"]["auditproxy.io/response-object-omitted"].startswith("redacted")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (STRATEGIC, {"$setElementOrder/data": [TOKEN], "data": {}}),
        (STRATEGIC, {"$setElementOrder/stringData": {"p": TOKEN}}),
        (STRATEGIC, {"$deleteFromPrimitiveList/data": [TOKEN]}),
        (STRATEGIC, {"$deleteFromPrimitiveList/nothing": [TOKEN]}),
        (STRATEGIC, {"$retainKeys": [TOKEN]}),
        (STRATEGIC, {"$patch": TOKEN}),
        (STRATEGIC, {"$unknown": TOKEN}),
        (STRATEGIC, {"data": {"$patch": "replace", "p": TOKEN64}}),
        (STRATEGIC, {"metadata": {"$setElementOrder/annotations": [TOKEN]}}),
        (STRATEGIC, {"metadata": {"annotations": {"$patch": TOKEN, "x": "y"}}}),
        (MERGE, {"stringData": {"p": TOKEN}, "metadata": {"annotations": {"x": f"is {TOKEN}"}}}),
        (MERGE, {"stringData": {"p": TOKEN}, "metadata": {"annotations": {"x": TOKEN64}}}),
        (MERGE, {"data": {"p": TOKEN64}, "metadata": {"labels": {TOKEN: "x"}}}),
        (MERGE, {"data": {"p": TOKEN64 + "\n"}, "metadata": {"labels": {"l": TOKEN}}}),
        (MERGE, {"note": TOKEN}),
        (MERGE, {"metadata": {"note": {"x": TOKEN}}}),
        (MERGE, {"metadata": [TOKEN]}),
        (MERGE, {"data": [[TOKEN]]}),
        (MERGE, [{"data": {"p": TOKEN}}]),
        (MERGE, TOKEN),
        (APPLY, f"x-note: &a {TOKEN}\nstringData: {{p: *a}}\n".encode()),
        (APPLY, f"x-note: &a {{p: {TOKEN}}}\ndata: *a\n".encode()),
        (APPLY, f"x-note: &a {{p: {TOKEN}}}\ndata: {{<<: *a, q: eA==}}\n".encode()),
        (APPLY, f"metadata: {{annotations: {{x: &a {TOKEN}}}}}\nstringData: {{p: *a}}\n".encode()),
        (APPLY, f"x-note: {TOKEN}\ndata: {{p: eA==}}\n".encode()),
        (APPLY, f"data: {{p: {TOKEN64}}}\ndata: {{p: eA==}}\n".encode()),
        (APPLY, f"- {TOKEN}\n".encode()),
        (APPLY, f"{TOKEN}\n".encode()),
        (APPLY, f"data: {{p: !!binary {TOKEN64}}}\n".encode()),
        (APPLY, f"data: {{p: {TOKEN64}}}\n---\nx: {TOKEN}\n".encode()),
        (APPLY, f"data: {{? {{a: b}} : {TOKEN}}}\n".encode()),
    ],
)
def test_other_patches(content_type: str, body: Any) -> None:
    """A14: directives, members that a Secret has not, anchors, and copies of a secret value."""
    found = event(PATCH, content_type, body)
    assert not shows(found)
    assert found["annotations"]["auditproxy.io/redacted"] == "requestObject"


def test_harmless_directives_stay() -> None:
    """A14: what only orders or names members is shown."""
    body = {
        "$retainKeys": ["metadata", "type"],
        "$setElementOrder/finalizers": ["a"],
        "metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/keep"]},
        "type": "Opaque",
    }
    del body["$setElementOrder/finalizers"]
    assert event(PATCH, STRATEGIC, body)["requestObject"] == body


MANAGED = {
    "manager": "kubectl",
    "fieldsV1": {
        "f:data": {"f:p": {}},
        "f:metadata": {"f:finalizers": {f'v:"{TOKEN}"': {}, 'v:"example.com/keep"': {}}},
    },
}


@pytest.mark.parametrize(
    "answer",
    [
        secret(metadata={"name": "s", "annotations": {"copy": TOKEN64}}),
        secret(metadata={"name": "s", "annotations": {"copy": f"it is {TOKEN}!"}}),
        secret(metadata={"name": "s", "annotations": {"copy": json.dumps({"p": TOKEN})}}),
        secret(metadata={"name": "s", "annotations": {
            "copy": base64.b64encode(json.dumps({"p": TOKEN}).encode()).decode()}}),
        secret(metadata={"name": "s", "managedFields": [MANAGED]}),
        secret(note=TOKEN),
        {"kind": "SecretList", "apiVersion": "v1", "metadata": {},
         "items": [secret(metadata={"labels": {"l": TOKEN}}), secret()]},
        {"kind": "List", "items": [secret(items=[secret()]), TOKEN, None]},
        {"kind": "SecretList", "items": TOKEN},
        {"kind": "SecretList", "Items": [secret()]},
        {"kind": "Table", "columnDefinitions": [{"name": "Name", "type": "string"}],
         "rows": [{"cells": ["s", TOKEN], "object": secret()}]},
        {"kind": "Table", "columnDefinitions": [{"name": "Name", "type": "string"}],
         "rows": [{"cells": ["s", TOKEN]}, {"cells": TOKEN}, {"object": TOKEN}, TOKEN]},
        {"kind": "Status", "status": "Success", "data": {"p": TOKEN64}},
        {"kind": "Status", "status": "Success", "details": {"name": "s", "data": TOKEN64}},
    ],
)  # fmt: skip
def test_answers(answer: Any) -> None:
    """A14: what an answer repeats of its secret values is marked, whatever its form."""
    found = event(LIST if "List" in answer["kind"] else GET, answer=answer)
    assert not shows(found)
    assert "responseObject" in found["annotations"]["auditproxy.io/redacted"]


def test_an_answer_keeps_what_names_it() -> None:
    """A14: name and namespace are shown in objectRef too; fields' names are nobody's secret."""
    answer = {
        **secret(),
        "data": {
            name: base64.b64encode(value.encode()).decode()
            for name, value in {"namespace": "n", "name": "s", "password": "password"}.items()
        },
    }
    answer["metadata"]["managedFields"] = [
        {"manager": "kubectl", "fieldsV1": {"f:data": {"f:password": {}}}}
    ]
    found = event(GET, answer=answer)["responseObject"]
    assert found["metadata"] == answer["metadata"]
    assert found["data"].keys() == answer["data"].keys()


def test_an_answer_marks_what_the_request_tests() -> None:
    """A14: a value that the answer shows to be secret is one in the request's test as well."""
    program = [{"op": "test", "path": "/metadata/annotations/note", "value": TOKEN64}]
    found = event(PATCH, JSON_PATCH, program, secret())
    assert not shows(found)
    assert found["annotations"]["auditproxy.io/redacted"] == "requestObject,responseObject"


def failure(message: str, **details: Any) -> dict[str, Any]:
    """An error's Status."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "Invalid",
        "details": {"name": "s", "kind": "Secret", **details},
        "code": 422,
    }


@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE])
@pytest.mark.parametrize(
    ("info", "content_type", "body", "answer"),
    [
        (PATCH, MERGE, {"stringData": {"p": TOKEN}}, failure(f"Invalid value: {TOKEN!r}: no")),
        (CREATE, JSON, {"stringData": {"p": TOKEN}}, failure("no", causes=[
            {"reason": "FieldValueInvalid", "message": f"got {TOKEN64}", "field": "data[p]"}])),
        (CREATE, JSON, {"data": {"p": TOKEN64}}, failure(f"got {TOKEN}", name=TOKEN)),
        (PATCH, APPLY, b"data: {p: [%s]}" % TOKEN.encode(), failure(f"got &value{{[{TOKEN}]}}")),
        (PATCH, JSON_PATCH, [{"op": "copy", "from": "/data/p", "path": "/metadata/labels/app"}],
         failure(f"metadata.labels: Invalid value: {TOKEN64!r}")),
        (PATCH, JSON_PATCH, [{"op": "copy", "from": "/data/p", "path": "/metadata/name"}],
         failure(f"the name of the object ({TOKEN64}) does not match", name=TOKEN64)),
        (CREATE, JSON, b'{"stringData":{"p":"%s"' % TOKEN.encode(), failure(f"near {TOKEN}")),
        (CREATE, JSON, {"stringData": {"p": 's3cr3t-T0ken"\n'}}, failure(f'got "{TOKEN}\\"\\n"')),
        (CREATE, JSON, {"data": {"p": TOKEN64}}, failure(
            f"error found in #10 byte of ...|{TOKEN64[:5]}|..., bigger context ...|{TOKEN}|...")),
        (CREATE, JSON, None, failure(f"got {TOKEN}")),
    ],
)  # fmt: skip
def test_a_status_that_quotes(
    info: RequestInfo, content_type: str, body: Any, answer: Any, level: Level
) -> None:
    """A14: an error that quotes a request's secret, or one that the request carried away."""
    found = event(info, content_type, body, answer, code=422, level=level)
    assert not shows(found)
    assert "responseStatus" in found["annotations"]["auditproxy.io/redacted"]
    assert found["responseStatus"]["reason"] == "Invalid"
    assert found["responseStatus"]["code"] == 422


def test_short_values_in_a_status() -> None:
    """A14: a value of a few characters counts as a word of the message."""
    body = {"stringData": {"pin": "1234"}}
    said = event(CREATE, JSON, body, failure("pin 1234 is taken"), code=422)["responseStatus"]
    assert "1234" not in said["message"]
    said = event(CREATE, JSON, body, failure("no 12345"), code=422)["responseStatus"]
    assert said["message"] == "no 12345"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (409, 'secrets "s" already exists'),
        (403, 'secrets is forbidden: User "jane" cannot create resource "secrets"'),
        (404, 'namespaces "n" not found'),
    ],
)
def test_what_a_status_says_besides(code: int, message: str) -> None:
    """A14: the server's own words stay, in responseStatus and in the decision's reason."""
    body = secret(metadata={"name": "s"})
    found = event(CREATE, JSON, body, failure(message), code=code)
    assert found["responseStatus"]["message"] == message
    assert found["responseObject"] == failure(message)
    assert found["annotations"].get("auditproxy.io/redacted") in ("requestObject", None)


RULES = b"""apiVersion: auditproxy.io/v1alpha1
kind: RedactionConfiguration
resources:
- {group: example.com, resources: [databases], fields: [.spec.password, ".spec.users[*].token"]}
"""
DATABASE = RequestInfo(
    is_resource_request=True,
    path="/",
    verb="patch",
    api_group="example.com",
    resource="databases",
    name="d",
)


@pytest.mark.parametrize(
    ("content_type", "body", "answer"),
    [
        (JSON_PATCH, [{"op": "copy", "from": "/spec/users/3/token", "path": "/spec/x"}],
         {"kind": "Database", "spec": {"x": TOKEN}}),
        (JSON_PATCH, [{"op": "add", "path": "/spec/users/-", "value": {"token": TOKEN}},
                      {"op": "copy", "from": "/spec/users/0", "path": "/spec/first"}],
         {"kind": "Database", "spec": {"first": {"token": TOKEN}}}),
        (MERGE, {"spec": {"password": "x"}, "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": TOKEN}}}, b""),
        (MERGE, {"spec": {}}, {"kind": "Table", "columnDefinitions": [
            {"name": "Name", "type": "string", "format": "name"},
            {"name": "Password", "type": "string"}, {"name": "Age", "type": "date"}],
            "rows": [{"cells": ["d", TOKEN, "3d"], "object": {"metadata": {"name": "d"}}}]}),
        (MERGE, {"spec": {"users": {"0": {"token": TOKEN}}}}, b""),
    ],
)  # fmt: skip
def test_rules_of_a_file(content_type: str, body: Any, answer: Any) -> None:
    """A14: the same holds for what a redaction file names."""
    redactor = load_redactor(RULES, KEY)
    found = event(DATABASE, content_type, body, answer, redactor=redactor)
    assert not shows(found)
    if isinstance(answer, dict) and answer["kind"] == "Table":
        cells = found["responseObject"]["rows"][0]["cells"]
        assert cells[0] == "d"
        assert cells[2] == "3d"


def test_too_many_values_are_left_out() -> None:
    """A14: a body in which looking for copies would take too long is not shown at all."""
    body = {
        "data": {f"k{n}": f"value-{n:06}" for n in range(20_000)},
        "metadata": {"annotations": {"x": "value-" * 4_000}},
    }
    found = event(PATCH, MERGE, body)
    assert "requestObject" not in found
    assert found["annotations"]["auditproxy.io/request-object-omitted"].startswith("redacted")


@pytest.mark.parametrize("level", [DEPTH_LIMIT, DEPTH_LIMIT + 1])
def test_depth(level: int) -> None:
    """A14 HD1: the deepest body that is read is redacted too, on every Python; others are not shown."""
    deep: Any = TOKEN
    for _ in range(level - 2):
        deep = {"a": deep}
    redactor = load_redactor(RULES, KEY)
    found = event(DATABASE, MERGE, {"spec": {"password": TOKEN, "copy": deep}}, redactor=redactor)
    assert not shows(found)
    assert ("requestObject" in found) is (level == DEPTH_LIMIT)


def test_off() -> None:
    """A14: without redaction everything is as it was sent."""
    context = AuditContext("id", 0)
    assert context.redaction(PATCH) is None
