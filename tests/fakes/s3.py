"""A store that is compatible with S3, on a real socket, path style; its answers are scripted."""

import hashlib
import re
import threading
from base64 import b64decode
from collections import deque
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

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
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"


class S3:
    """Each PUT takes the next step of the script; after the last one, OK."""

    def __init__(self, *script: str) -> None:
        self.script = deque(script)
        self.objects: dict[str, bytes] = {}
        self.unreadable: set[str] = set()
        self.puts: list[str] = []
        self.authorizations: list[str] = []
        self.gets: list[tuple[str, str]] = []
        """Paths and ranges that were asked for."""
        self.readers: list[str] = []
        """Authorizations of those that read."""
        self.may_list = False
        """Whether objects of the bucket ``b`` may be listed; their tags follow from what they are."""
        self.page = 1000
        self.changing = False
        """Whether each object grows once it was read."""
        self.ending = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                fake.put(self)

            def do_GET(self) -> None:
                if "list-type=2" in self.path:
                    fake.list(self)
                else:
                    fake.get(self)

            def do_HEAD(self) -> None:
                fake.get(self)

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

    def get(self, request: BaseHTTPRequestHandler) -> None:
        """Give an object, or the part of it that is asked for."""
        self.readers.append(request.headers.get("Authorization", ""))
        self.gets.append((request.path, request.headers.get("Range", "")))
        content = self.objects.get(request.path)
        if content is None or request.path in self.unreadable:
            # A store says 404 to whoever may list, and 403 to others.
            self.answer(request, 404 if self.may_list else 403, {}, b"")
            return
        tag = '"x"' if not self.may_list else f'"{hashlib.sha256(content).hexdigest()}"'
        if request.headers.get("If-Match", tag) != tag:
            self.answer(request, 412, {}, b"")
            return
        headers = {"Last-Modified": MODIFIED, "ETag": tag}
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        code, whole = 200, len(content)
        if asked is not None:
            first, last = int(asked[1]), min(int(asked[2]), whole - 1)
            content, code = content[first : last + 1], 206
            headers["Content-Range"] = f"bytes {first}-{last}/{whole}"
        self.answer(request, code, headers, content)
        if self.changing:
            self.objects[request.path] += b"more\n"

    def list(self, request: BaseHTTPRequestHandler) -> None:
        """One page of the objects of a prefix; its size is ``page``."""
        self.readers.append(request.headers.get("Authorization", ""))
        url = urlsplit(request.path)
        query = dict(parse_qsl(url.query))
        if not self.may_list or url.path.strip("/") != "b":
            body = b"<Error><Code>NoSuchBucket</Code><Message>secret</Message></Error>"
            self.answer(request, 404 if self.may_list else 403, {}, body)
            return
        begin = f"/b/{query.get('prefix', '')}"
        paths = sorted(path for path in self.objects if path.startswith(begin))
        first = int(query.get("continuation-token", "0"))
        shown, rest = paths[first : first + self.page], paths[first + self.page :]
        items = "".join(
            f"<Contents><Key>{escape(path.removeprefix('/b/'))}</Key><Size>{len(self.objects[path])}"
            f"</Size><LastModified>2023-11-14T22:13:20.000Z</LastModified><ETag>&quot;"
            f"{hashlib.sha256(self.objects[path]).hexdigest()}&quot;</ETag></Contents>"
            for path in shown
        )
        more = f"<NextContinuationToken>{first + self.page}</NextContinuationToken>" if rest else ""
        text = (
            f"<ListBucketResult><Name>b</Name><IsTruncated>{str(bool(rest)).lower()}</IsTruncated>"
            f"{more}{items}</ListBucketResult>"
        )
        self.answer(request, 200, {"Content-Type": "application/xml"}, text.encode())

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
        if request.command != "HEAD":
            request.wfile.write(body)
