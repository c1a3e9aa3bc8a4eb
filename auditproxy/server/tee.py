"""Tee: one upstream answer, to the client and to its record; the sink of one round trip.

    head -> data* -> end            an answer passes through
    head -> (held) data* -> end     an error of a long-running request waits for its end, so that
                                    ResponseStarted can carry its Status before the head goes out

The record sees each piece first: what cannot be recorded is found out before the client has it.
"""

from auditproxy.apis.user import UserInfo
from auditproxy.downstream.responses import Answered
from auditproxy.request.headerlines import header_lines
from auditproxy.request.warnings import warning_headers
from auditproxy.server.exchange import Exchange
from auditproxy.server.relay import ResponseRelay
from auditproxy.sockets.flow import Flow
from auditproxy.sockets.pieces import Piece
from auditproxy.tunnel.protocols import WEBSOCKET
from auditproxy.upstream.messages import ResponseHead

HELD_ANSWER_LIMIT = 256 * 1024
"""Bytes of an error's body that are held for ResponseStarted; a longer one goes out unread."""

_REFUSALS = frozenset({401, 403})


class Tee:
    """Gives the answer to ``user``'s request to the exchange's recorder and to its client."""

    __slots__ = (
        "_exchange",
        "_flow",
        "_head",
        "_held",
        "_held_size",
        "_is_copied",
        "_relay",
        "_user",
    )

    def __init__(self, exchange: Exchange, user: UserInfo) -> None:
        self._exchange = exchange
        self._user = user
        request, connection = exchange.request, exchange.connection
        self._relay = ResponseRelay(
            connection,
            head_request=exchange.method == "HEAD",
            http_1_0=request.is_http_1_0,
            keep_alive=request.keep_alive,
        )
        self._head: ResponseHead | None = None
        self._flow: Flow | None = None
        self._held: list[bytes] | None = None
        self._held_size = 0
        self._is_copied = False

    def head(self, head: ResponseHead, flow: Flow, *, follows: bool) -> None:
        """Take the upstream's head; raises UpstreamCredentialRefused where it refuses us."""
        exchange = self._exchange
        if head.status in _REFUSALS:
            exchange.shared.watch.refused(
                self._user,
                exchange.info,
                head,
                upgrade=exchange.headers.upgrade_token is not None,
            )
        exchange.recorder.head(
            head,
            recorded_code(exchange, head) if head.status == 403 else head.status,
            exchange.info,
            long_running=exchange.long_running,
            is_head=exchange.method == "HEAD",
        )
        self._is_copied = exchange.recorder.keeps_data
        self._head = head
        self._flow = flow
        if exchange.long_running and head.status >= 400:
            self._held = []
        else:
            self._begin(head, follows=follows)
            if exchange.long_running:
                flow.linger()

    @property
    def keeps_data(self) -> bool:
        """Whether the record copies the body, or it is held."""
        return self._held is not None or self._is_copied

    def data(self, chunk: Piece) -> None:
        """Take a piece of the body."""
        if self._is_copied:
            self._exchange.recorder.data(bytes(chunk))
        if self._held is None:
            self._relay.data(chunk)
            return
        self._held.append(bytes(chunk))
        self._held_size += len(chunk)
        if self._held_size > HELD_ANSWER_LIMIT:
            self._let_go()

    def end(self) -> Answered:
        """The upstream's answer is complete: so are the record's and the client's."""
        if self._head is None:
            return Answered(keep_alive=False)
        self._exchange.recorder.end()
        if self._held is not None:
            self._let_go()
        self._flow = None
        return Answered(keep_alive=self._relay.end())

    def _begin(self, head: ResponseHead, *, follows: bool) -> None:
        exchange = self._exchange
        exchange.answer_started_by_upstream(exchange.recorder.captured.code)
        self._relay.head(head, lines_for(exchange, head), self._flow, follows=follows)

    def _let_go(self) -> None:
        """Let the head out, and whatever was held behind it."""
        assert self._head is not None
        held, self._held = self._held, None
        self._begin(self._head, follows=bool(held))
        for chunk in held or ():
            self._relay.data(chunk)


def lines_for(exchange: Exchange, head: ResponseHead) -> bytes:
    """The upstream's headers as the client gets them: one Audit-Id, ours, and our warnings last."""
    lines = b"Audit-Id: %b\r\n%b" % (exchange.context.audit_id.encode(), head.facts.lines)
    if exchange.warnings:
        lines += header_lines(warning_headers(exchange.warnings))
    return lines


def recorded_code(exchange: Exchange, head: ResponseHead) -> int:
    """The code of a 403 that kube-apiserver records: the client's own, but for one case.

    A watch by WebSocket takes the connection over, which is recorded as 101, before it checks
    the handshake; its refusal alone has no header at all (golang.org/x/net/websocket
    server.go, apiserver endpoints/handlers/watch.go).
    """
    is_taken_over = (
        not head.headers
        and exchange.info.verb == "watch"
        and (exchange.headers.upgrade_token or b"").lower() == WEBSOCKET
    )
    return 101 if is_taken_over else head.status
