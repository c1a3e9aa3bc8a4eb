"""What is recorded of bodies that are here: as a Recorder would, or nothing at all."""

import json
from pathlib import Path

import pytest

from tests.fakes.bothways import JSON, OK, Scene, Seen, both
from tests.fakes.proxy import request
from tests.fakes.upstream import answer

CONFIG = "/api/v1/namespaces/d/configmaps/c"
SECRET = "/api/v1/namespaces/d/secrets/s"
RULES = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{{level: {}}}]\n"


def put(path: str, body: bytes, *headers: str) -> bytes:
    """An update."""
    return request("PUT", path, *(headers or ("Content-Type: application/json",)), body=body)


def value(kind: str, size: int = 10, name: str = "c") -> bytes:
    """An object with so many bytes of data."""
    document = {
        "kind": kind,
        "apiVersion": "v1",
        "metadata": {"name": name, "uid": "u-9", "resourceVersion": "12"},
        "data": {"x": "<y>" + "z" * size},
    }
    return json.dumps(document).encode()


BODIES = {
    "json": put(CONFIG, value("ConfigMap")),
    "a secret": put(SECRET, value("Secret", name="s")),
    "yaml": put(
        CONFIG,
        b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\n",
        "Content-Type: application/yaml",
    ),
    "no JSON": put(CONFIG, b"{not"),
    "doubled": put(CONFIG, b'{"kind":"ConfigMap","apiVersion":"v1","data":{"a":"1","a":"2"}}'),
    "deep": put(CONFIG, b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "no UTF-8": put(
        CONFIG, b'{"kind":"ConfigMap","apiVersion":"v1","data":{"a":"\xff\xed\xa0\x80"}}'
    ),
    "large": put(CONFIG, value("ConfigMap", 40_000)),
    "a secret, large": put(SECRET, value("Secret", 9_000)),
    "gzip said": put(
        CONFIG, value("ConfigMap"), "Content-Type: application/json", "Content-Encoding: gzip"
    ),
    "no type": put(CONFIG, value("ConfigMap"), "X-Nothing: 1"),
    "protobuf said": put(
        CONFIG, b"k8s\x00\x0a\x00", "Content-Type: application/vnd.kubernetes.protobuf"
    ),
}


async def seen(folder: Path, raw: bytes, level: str, back: bytes = OK) -> Seen:
    """A request three times, on the chain and on the short way."""

    async def play(scene: Scene) -> None:
        for _ in range(3):
            await scene.ask(raw)

    key = folder / "key"
    key.write_bytes(b"k" * 32)
    return await both(
        folder,
        [back] * 3,
        play,
        took=2,
        policy=RULES.format(level),
        audit_redact_key_file=str(key),
    )


@pytest.mark.parametrize("level", ["Metadata", "Request", "RequestResponse"])
@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES)
async def test_bodies(tmp_path: Path, raw: bytes, level: str) -> None:
    """Whatever the body is, the events and counts are those of the chain."""
    found = await seen(tmp_path, raw, level)
    assert found.is_kept
    assert all(code in (None, 200) for _, code in found.codes())


@pytest.mark.parametrize(
    "back",
    [
        answer(200, value("ConfigMap"), JSON),
        answer(200, value("ConfigMap", 50_000), JSON),
        answer(200, value("Secret", 20), JSON),
        answer(200, b"{", JSON),
        answer(200, b"ok", b"Content-Type: text/plain"),
        answer(200, b"k8s\x00\x0a\x00", b"Content-Type: application/vnd.kubernetes.protobuf"),
        answer(200, b"\x1f\x8b\x08", JSON, b"Content-Encoding: gzip"),
    ],
    ids=["object", "large", "secret", "torn", "text", "protobuf", "gzip"],
)
async def test_answers(tmp_path: Path, back: bytes) -> None:
    """The same for what comes back."""
    found = await seen(tmp_path, request("GET", SECRET), "RequestResponse", back)
    assert found.is_kept


async def test_what_the_event_has(tmp_path: Path) -> None:
    """The object, marked where it is secret, and what the reference lacks."""
    found = await seen(
        tmp_path, BODIES["a secret"], "RequestResponse", answer(200, value("Secret"), JSON)
    )
    last = [event for event in found.events if event["stage"] == "ResponseComplete"][1]
    assert (last["objectRef"]["uid"], last["objectRef"]["resourceVersion"]) == ("u-9", "12")
    assert last["requestObject"]["metadata"]["name"] == "s"
    assert "z" not in json.dumps([last["requestObject"]["data"], last["responseObject"]["data"]])


async def test_a_limit_on_copies(tmp_path: Path) -> None:
    """A body that is longer than a copy may be is left out, with the reason."""

    async def play(scene: Scene) -> None:
        for _ in range(3):
            await scene.ask(put(CONFIG, value("ConfigMap", 3000)))

    found = await both(
        tmp_path,
        [OK] * 3,
        play,
        took=2,
        policy=RULES.format("Request"),
        audit_capture_request_limit=1000,
    )
    last = [event for event in found.events if event["stage"] == "ResponseComplete"][1]
    assert "requestObject" not in last
    assert any("too large" in text for text in last["annotations"].values())
