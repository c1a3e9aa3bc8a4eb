"""An upstream that answers what a proxy asks about itself, and everything else as a test says."""

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.upstream import FakeConnection, answer

JSON = b"Content-Type: application/json"
ADMITTED = b"X-Kubernetes-Pf-Flowschema-Uid: 5f1c"
UNAUTHORIZED = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"Unauthorized","reason":"Unauthorized","code":401}'
)


class AskedUpstream:
    """``script`` is that of a FakeUpstream; the fields say what it answers from now on.

    ``denied`` are the resources that may not be impersonated, ``questions`` the
    targets that were asked, ``heads`` every request's head.
    """

    def __init__(self) -> None:
        self.user = "system:serviceaccount:auditproxy:auditproxy"
        self.code = 0
        self.marks = True
        self.refuse_ours = False
        self.denied: set[str] = set()
        self.version = "v1.36.2"
        self.questions: list[str] = []
        self.heads: list[bytes] = []
        self.others: Callable[[bytes], bytes] = lambda head: answer(200, b"{}", ADMITTED)

    async def script(self, connection: FakeConnection) -> None:
        """Answer every request of a connection."""
        while True:
            head, body = await connection.read_request()
            self.heads.append(head)
            connection.send(self.answer(head, body))

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The answer to one request."""
        target = head.split(b" ")[1].decode()
        if b"\r\nUser-Agent: auditproxy/" not in head:
            return self.others(head)
        self.questions.append(target)
        if self.refuse_ours and b"Bearer proxy-credential\r\n" in head:
            return answer(401, UNAUTHORIZED, JSON)
        if self.code:
            text = UNAUTHORIZED if self.code == 401 else b"{}"
            return answer(self.code, text, JSON)
        result: dict[str, Any] = {"gitVersion": self.version}
        if target.endswith("/selfsubjectreviews"):
            result = {"status": {"userInfo": {"username": self.user}}}
        elif target.endswith("/selfsubjectaccessreviews"):
            asked = json.loads(body)["spec"]["resourceAttributes"]
            assert asked["verb"] == "impersonate"
            result = {"status": {"allowed": asked["resource"] not in self.denied}}
        marks = (ADMITTED,) if self.marks else ()
        return answer(200, json.dumps(result).encode(), JSON, *marks)
