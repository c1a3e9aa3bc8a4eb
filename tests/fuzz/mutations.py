"""Raw requests that are almost right: what the fuzzer sends.

``stream(random)`` is what one connection sends: a few requests in a row, some
of them bent in the ways in which readers of HTTP have disagreed before.
"""

from random import Random

TOKENS = (b"alice-token", b"bob-token", b"admin-token")
METHODS = (
    b"GET", b"GET", b"GET", b"GET", b"GET", b"POST", b"DELETE", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"QUERY",
    b"get", b"FOO", b"CONNECT", b"TRACE",
)  # fmt: skip
SEGMENTS = (
    b"api", b"api", b"apis", b"v1", b"apps", b"namespaces", b"default", b"pods", b"box", b"status",
    b"secrets", b"finalize", b"exec", b"log", b"watch", b"proxy", b"", b"..", b".", b"%2e%2e", b"a%2fb", b"%41",
    b"%00", b"%0a", b"%zz", b"%", b"%ff", b"\\", b";x=1", b"|<>\"", b"[x]", b"\xc3\xa4", b"\xff",
    b"#", b"healthz", b"a b",
)  # fmt: skip
PATHS = (
    b"/api/v1/pods", b"/api/v1/namespaces/default/pods/box", b"/apis/apps/v1/deployments", b"/healthz",
    b"/api/v1/namespaces/default/pods/box/log", b"/api/v1/namespaces/default/secrets/s", b"/",
    b"//api/v1/pods", b"http://proxy/api/v1/pods", b"http://evil/api/v1/pods", b"*", b"proxy:443",
)  # fmt: skip
QUERIES = (
    b"", b"", b"", b"?", b"??", b"?watch=1", b"?watch", b"?watch=0", b"?watch=1;x=2", b"?watch=%zz",
    b"?limit=5", b"?fieldSelector=metadata.name%3Dx", b"?a=b&&c", b"?timeout=1s", b"?timeout=x",
    b"?x=#y", b"?x=\xff",
)  # fmt: skip
GOOD_HEADERS = (
    b"Accept: application/json", b"User-Agent: fuzz", b"Connection: Impersonate-User, Host",
    b"Connection: keep-alive", b"Impersonate-User: jane", b"X-Remote-User: root", b"X-Test: a\xff",
    b"Upgrade: h2c", b"TE: trailers", b"Trailer: Impersonate-User", b"X-HTTP-Method-Override: DELETE",
    b"Keep-Alive: 5", b"Authorization: Bearer bob-token", b"X-Forwarded-For: 1.2.3.4",
    b"X-Original-URL: /api/v1/secrets", b"Sec-WebSocket-Version: 13",
)  # fmt: skip
HEADERS = (
    b"Accept: application/json", b"User-Agent: fuzz", b"Connection: close", b"Connection: keep-alive",
    b"Connection: Impersonate-User, Host", b"Connection: upgrade", b"Upgrade: websocket",
    b"Upgrade: SPDY/3.1", b"Upgrade: h2c", b"Impersonate-User: jane", b"Impersonate-Group: ops",
    b"Impersonate-Extra-a: b", b"Impersonate_User: root", b"X-Remote-User: root", b"X-Test: a\xff",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding:\tchunked",
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 05", b"Content-Length: +5",
    b"Content-Length: 5, 5", b"Content-Length: ", b"Expect: 100-continue", b"Expect: x", b"TE: trailers",
    b"Trailer: Impersonate-User", b"Host: evil", b"Host: proxy", b" folded: x", b": empty", b"no colon",
    b"Name : x", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13",
    b"X-HTTP-Method-Override: DELETE", b"X-Original-URL: /api/v1/secrets", b"Keep-Alive: 5",
    b"Authorization: Bearer bob-token", b"Proxy-Authorization: Bearer x", b"X-Forwarded-For: 1.2.3.4",
)  # fmt: skip
DOUBLED = (
    b"User-Agent", b"User-Agent", b"user-agent", b"Content-Type", b"ETag", b"Server", b"Max-Forwards",
    b"Content-Location", b"Content-Range", b"Sec-WebSocket-Key1", b"X-Respelled",
)  # fmt: skip
UPGRADES = (
    (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    (b"Connection: Upgrade", b"Upgrade: SPDY/3.1"),
    (b"Connection: keep-alive, upgrade", b"Upgrade: spdy/3.1"),
    (b"Connection: notupgrade", b"Upgrade: SPDY/3.1"),
    (b"Connection: notupgrade", b"Upgrade: websocket"),
    (b"Connection: keep-alive", b"Connection: XUPGRADEX", b"Upgrade: websocket, SPDY/3.1"),
    (b"Connection: Upgrade", b"Upgrade: h2c"),
    (b"Upgrade: SPDY/3.1",),
)
RAW = (b"\xc3\xa4", b"\xff", b"Gr\xc3\xb6\xc3\x9fe", b"\x80\xfe", b"\xe2\x84\xaa")
BITS = (
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"%", b"#", b"\x0b", b"\x0c",
    b"\x7f", b"\x85", b"\xa0", b"\xff", b"0", b"-", b"_", b"+", b"0x", b"0\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0",
    b"HTTP/2.0", b"chunked", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
    b"GET /api/v1/secrets HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer bob-token\r\n\r\n",
)  # fmt: skip
HIDDEN = (
    b"GET /api/v1/secrets HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer admin-token\r\n\r\n",
    b"0\r\n\r\nGET /api/v1/secrets HTTP/1.1\r\nHost: proxy\r\n\r\n",
    b'{"kind":"Pod"}',
    b"x" * 300,
)
LAST = b"GET /last HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n"


def stream(random: Random, requests: int) -> bytes:
    """What one connection sends; the last request asks for its end."""
    return b"".join([one(random) for _ in range(requests)]) + LAST


def one(random: Random) -> bytes:
    """One request, right or bent."""
    raw = right(random)
    if random.random() < 0.3:
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            raw = bent(random, raw)
    return raw


def target(random: Random) -> bytes:
    """A request target."""
    kind = random.random()
    if kind < 0.5:
        path = random.choice(PATHS[:6])
    elif kind < 0.7:
        path = b"/" + b"/".join(random.choices(SEGMENTS[:17], k=random.randint(1, 7)))
    elif kind < 0.9:
        path = b"/" + b"/".join(random.choices(SEGMENTS[:27], k=random.randint(1, 7)))
    elif kind < 0.95:
        path = b"/" + b"/".join(random.choices(SEGMENTS, k=random.randint(1, 7)))
    else:
        path = random.choice(PATHS)
    whole = path + random.choice(QUERIES if kind > 0.9 else QUERIES[:13])
    if random.random() < 0.05:
        at = random.randint(1, len(whole))
        whole = whole[:at] + random.choice(RAW) + whole[at:]
    return whole


def right(random: Random) -> bytes:
    """A request whose framing is right, whatever else it says."""
    lines = [b"%b %b HTTP/1.1" % (random.choice(METHODS), target(random)), b"Host: proxy"]
    if random.random() < 0.9:
        lines.append(b"Authorization: Bearer " + random.choice(TOKENS))
    kind = random.random()
    if kind < 0.2:
        lines += random.choices(GOOD_HEADERS, k=random.randint(1, 3))
    elif kind < 0.26:
        lines += random.choices(HEADERS, k=random.randint(1, 3))
    if random.random() < 0.08:
        name = random.choice(DOUBLED)
        for value in random.sample((b"fuzz", b"application/json", b"b", b"a\xff", b""), 3)[:2]:
            spelled = random.choice((name, name.lower(), name.upper()))
            lines.insert(random.randint(1, len(lines)), spelled + b": " + value)
    if random.random() < 0.06:
        lines += random.choice(UPGRADES)
    framing = random.random()
    body = b""
    if framing < 0.25:
        body = random.choice(HIDDEN)
        lines.append(b"Content-Length: %d" % len(body))
    elif framing < 0.45:
        content = random.choice(HIDDEN)
        cut = random.randint(1, len(content) - 1)
        pieces = (content[:cut], content[cut:])
        body = b"".join([b"%x\r\n%b\r\n" % (len(p), p) for p in pieces]) + b"0\r\n"
        if random.random() < 0.2:
            body += b"\r\n".join([*random.choices(GOOD_HEADERS, k=random.randint(1, 2)), b""])
        body += b"\r\n"
        lines.append(b"Transfer-Encoding: chunked")
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def bent(random: Random, raw: bytes) -> bytes:
    """The request with one thing wrong."""
    if not raw:
        return raw
    at = random.randrange(len(raw))
    match random.randrange(8):
        case 0:
            return raw[:at] + random.choice(BITS) + raw[at:]
        case 1:
            return raw[:at] + raw[at + 1 :]
        case 2:
            return raw[:at] + bytes((random.randrange(256),)) + raw[at + 1 :]
        case 3:
            return raw[:at] + raw[at:].replace(b"\r\n", b"\n", 1)
        case 4:
            lines = raw.split(b"\r\n")
            lines.insert(random.randint(1, len(lines)), random.choice(HEADERS))
            return b"\r\n".join(lines)
        case 5:
            lines = raw.split(b"\r\n")
            line = random.randrange(len(lines))
            lines.insert(line, lines[line].swapcase() if random.random() < 0.5 else lines[line])
            return b"\r\n".join(lines)
        case 6:
            return raw.replace(b"HTTP/1.1", random.choice((b"HTTP/1.0", b"HTTP/1.2", b"")), 1)
        case _:
            return raw[: max(at, 1)] if random.random() < 0.3 else raw.replace(b": ", b":", 1)
