"""KnownClient: what one connection has found out about the sender of a header block.

Clients send the same block again and again, or blocks that are alike. The object belongs to the
block that its connection remembers (request/memory.py) and goes with it; no other connection has
it, because an identity may hold a token.
"""

import msgspec

from auditproxy.apis.audit import Level, RequestAuditConfig
from auditproxy.apis.memo import Memo
from auditproxy.audit.template import SenderPart
from auditproxy.authentication.authenticator import Identity, Proof
from auditproxy.downstream.facts import ConnectionFacts
from auditproxy.metrics.plain import Count
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.sourceips import source_ips
from auditproxy.server.services import Services
from auditproxy.upstream.heads import KnownHead

MOST_DECISIONS = 32
"""Kinds of targets of which one sender's decisions are remembered."""


class ShortDecision(msgspec.Struct, gc=False, eq=False):
    """What the policy says of one sender's requests for targets of one kind.

    ``is_bare``: a 2xx is recorded without a body, as a line. ``received`` and ``complete`` say
    which stages are wanted.
    """

    config: RequestAuditConfig
    level: Level
    is_bare: bool
    received: bool
    complete: bool
    counted: Count
    """Requests of this level."""
    answers: KnownHead | None = None
    """The kind of the last answer's head."""


class ShortSender(msgspec.Struct, frozen=True, gc=False):
    """A header block as the upstream gets it from ``identity``, with the credential ``at_hand``.

    ``before`` and ``after`` are the lines around the audit id. Those before are in two parts if the
    block has a trace: its value stands between ``before`` and ``behind_trace``.
    """

    at_hand: object
    identity: Identity
    before: bytes
    behind_trace: bytes
    after: bytes
    part: SenderPart
    """The sender's part of events."""
    decisions: Memo[object, ShortDecision] = msgspec.field(
        default_factory=lambda: Memo(MOST_DECISIONS)
    )
    """By the kind of target."""

    def __repr__(self) -> str:
        # The lines may hold our credential.
        return f"ShortSender({len(self.before + self.behind_trace + self.after)} bytes)"


class KnownClient:
    """The sender of ``headers`` on the connection of ``facts``, under one configuration.

    ``impersonates``: there are Impersonate-* headers. ``source_ips`` and ``user_agent`` are those
    of its events.
    """

    __slots__ = (
        "_identity",
        "_proof",
        "facts",
        "impersonates",
        "is_unwritable",
        "sender",
        "services",
        "source_ips",
        "user_agent",
    )

    def __init__(self, headers: ClientHeaders, facts: ConnectionFacts, services: Services) -> None:
        self.facts = facts
        self.services = services
        self.impersonates = headers.impersonates
        self.source_ips = source_ips(headers, facts.remote, services.trusted_proxies)
        self.user_agent = headers.user_agent
        self.sender: ShortSender | None = None
        """What the short way has found out; its ``identity`` is the one that it is about."""
        self.is_unwritable = False
        """Whether headers cannot carry the identity: the short way need not ask again."""
        self._identity: Identity | None = None
        self._proof: Proof | None = None

    def identity(self, now: int) -> Identity | None:
        """Return what the authenticator said, if it would say the same at ``now``; None: ask it.

        It follows from the block, the connection's peer, the services and the proof.
        """
        proof = self._proof
        return None if proof is None or not proof.holds(now) else self._identity

    def authenticated(self, identity: Identity, *, warned: bool) -> Identity:
        """Remember what the authenticator said, unless it has no proof or ``warned`` the client.

        Returns the same object again while it says the same.
        """
        if identity.proof is None or warned:
            self._identity = self._proof = None
            return identity
        self._proof = identity.proof
        if identity != self._identity:
            self._identity = identity
            self.is_unwritable = False
            return identity
        return self._identity


def known_client(headers: ClientHeaders, facts: ConnectionFacts, services: Services) -> KnownClient:
    """Return the sender of a block: the same object for the same block, connection and services."""
    known: KnownClient | None = headers.sender.known
    if known is not None and known.facts is facts and known.services is services:
        return known
    headers.sender.known = known = KnownClient(headers, facts, services)
    return known
