"""A store that is compatible with S3, on a real socket, path style; its answers are scripted."""

import hashlib
import threading
from base64 import b64decode
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OK = "ok"
REFUSED = "403"
BROKEN = "500"
WRONG = "wrong"
"""Keeps something else."""
MD5 = "md5"
"""Its ETag is the MD5."""
SILENT = "silent"
"""Confirms nothing, and may not be asked."""
LOST = "lost"
"""Closes the connection without an answer, after it kept the object."""
HANG = "hang"
"""Answers when the test ends."""


class S3:
    """Each PUT takes the next step of the script; after the last one, OK."""

    def __init__(self, *script: str) -> None:
        self.script = deque(script)
        self.objects: dict[str, bytes] = {}
        self.unreadable: set[str] = set()
        self.puts: list[str] = []
        self.authorizations: list[str] = []
        self.ending = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                fake.put(self)

            def do_GET(self) -> None:
                content = fake.objects.get(self.path)
                if content is None or self.path in fake.unreadable:
                    fake.answer(self, 403, {}, b"")
                else:
                    modified = {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT", "ETag": '"x"'}
                    fake.answer(self, 200, modified, content)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "S3":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, request: BaseHTTPRequestHandler) -> None:
        """Take an object, and answer by the script."""
        content = request.rfile.read(int(request.headers["Content-Length"] or 0))
        self.puts.append(request.path)
        self.authorizations.append(request.headers.get("Authorization", ""))
        step = self.script.popleft() if self.script else OK
        if step in (REFUSED, BROKEN):
            body = b"<Error><Code>Some\x1bCode</Code><Message>secret</Message></Error>"
            self.answer(request, int(step), {}, body)
            return
        if step == HANG:
            self.ending.wait(30)
            request.close_connection = True
            return
        sent = request.headers.get("x-amz-checksum-sha256", "")
        assert b64decode(sent) == hashlib.sha256(content).digest()
        self.objects[request.path] = content if step != WRONG else b"other"
        if step == LOST:
            request.close_connection = True
            return
        headers = {"ETag": '"parts-2"'}
        if step == MD5:
            headers = {"ETag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'}
        elif step == SILENT:
            self.unreadable.add(request.path)
        else:
            self.unreadable.discard(request.path)
        self.answer(request, 200, headers, b"")

    @staticmethod
    def answer(
        request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        """One answer."""
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
