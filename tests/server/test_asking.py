"""What the authenticators are asked, and what a client gets that none of them knows."""

from pathlib import Path

from auditproxy.authentication.authenticator import AuthenticationRequest, Identity
from tests.fakes.bothways import scene
from tests.fakes.proxy import ALICE, request


class Asked:
    """An authenticator that knows nobody, warns everybody, and keeps its questions."""

    def __init__(self) -> None:
        self.questions: list[AuthenticationRequest] = []

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Nobody."""
        self.questions.append(request)
        request.warnings.append("to whom it may concern")
        return None


async def test_question_and_refusal(tmp_path: Path) -> None:
    """T150: the question has the request's own headers, target and time; the 401 is one event."""
    async with scene(tmp_path, [], short=True) as (of, _):
        asked = of.handler.services.authenticator = Asked()
        of.handler.shared.wall_clock = lambda: 1_700_000_000_000_000_000
        raw = request("GET", "/api/v1/pods?access_token=x", token=ALICE)
        await of.ask(raw)
        await of.ask(raw)
        first, second = asked.questions
        assert first.headers.get("authorization") == f"Bearer {ALICE}"
        assert first.headers is second.headers
        assert first.target.raw == b"/api/v1/pods?access_token=x"
        assert first.peer_certificate is None
        assert first.now == 1_700_000_000_000_000_000
        assert first.warnings is not second.warnings
        assert of.client.received.count(b'Warning: 299 - "to whom it may concern"') == 2
        assert of.proxy.stages() == [("ResponseStarted", 401)] * 2
        for event in of.proxy.events:
            assert event["responseStatus"]["message"] == "Unauthorized"
        # Where the Status cannot be written as the client wants it, the event has what was tried.
        await of.ask(raw.replace(b"\r\n\r\n", b"\r\nAccept: image/png\r\n\r\n"))
        message = of.proxy.events[-1]["responseStatus"]["message"]
        assert message == "Authentication failed, attempted: bearer, access_token"
        assert of.handler.short.taken == 0
        assert of.upstream.connections == []
