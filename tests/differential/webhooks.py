"""A server of admission and conversion webhooks, told by the objects themselves what to answer.

An object's annotation ``hook.example.com/answer`` holds the admission response's Status as JSON.
"""

import contextlib
import http.server
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ANSWER = "hook.example.com/answer"


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request of kube-apiserver."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a review."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers = {"/validate": validate, "/mutate": mutate, "/convert": convert}
        response = answers[self.path.partition("?")[0]](review["request"])
        body = json.dumps(
            {
                "apiVersion": review["apiVersion"],
                "kind": review["kind"],
                "response": {"uid": review["request"]["uid"], **response},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _asked(request: dict[str, Any]) -> Any:
    """What the object wants to be answered, None when nothing."""
    obj = request.get("object") or request.get("oldObject") or {}
    text = ((obj.get("metadata") or {}).get("annotations") or {}).get(ANSWER, "")
    try:
        return json.loads(text)
    except ValueError:
        return None


def validate(request: dict[str, Any]) -> dict[str, Any]:
    """Deny with the object's own Status, or allow with a warning."""
    status = _asked(request)
    if isinstance(status, dict):
        return {"allowed": False, "status": status}
    return {"allowed": True, "warnings": ["seen by a webhook"], "auditAnnotations": {"seen": "yes"}}


def mutate(request: dict[str, Any]) -> dict[str, Any]:
    """Add a label; where the object asks for it, by a patch that cannot be applied."""
    path = "/nowhere/x" if _asked(request) == "broken" else "/metadata/labels/mutated"
    patch = [{"op": "add", "path": path, "value": "yes"}]
    return {
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": b64encode(json.dumps(patch).encode()).decode(),
    }


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Gadgets: ``spec.host`` and ``spec.port`` in v1 are ``spec.hostPort`` in v1beta1."""
    converted = []
    wanted = request["desiredAPIVersion"]
    for obj in request["objects"]:
        spec = dict(obj.get("spec") or {})
        if spec.get("host") == "broken" or str(spec.get("hostPort", "")).startswith("broken"):
            return {"result": {"status": "Failure", "message": "cannot create what is broken"}}
        if wanted.endswith("/v1") and "hostPort" in spec:
            spec["host"], _, spec["port"] = str(spec.pop("hostPort")).partition(":")
        elif wanted.endswith("/v1beta1") and "host" in spec:
            spec["hostPort"] = f"{spec.pop('host')}:{spec.pop('port', '')}"
        converted.append({**obj, "apiVersion": wanted, **({"spec": spec} if spec else {})})
    return {"result": {"status": "Success"}, "convertedObjects": converted}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break are nobody's fault here."""


@contextlib.contextmanager
def serving(certificate: Path, key: Path, port: int) -> Iterator[None]:
    """Serve on loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = _Server(("127.0.0.1", port), _Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
